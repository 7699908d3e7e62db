"""Scrypted: CSeq from 0, the control joined behind a query, any byte but `$` and `RTSP` fatal, OPTIONS pings."""

from tests.support.rtsp.ladder import Ladder


def test_start_with_a_query_in_the_url(ladder: Ladder) -> None:
    ladder.peer("OPTIONS rtsp://cam/main?x=y RTSP/1.0", "CSeq: 0")
    ladder.expect(200, cseq="0")
    ladder.peer("DESCRIBE rtsp://cam/main?x=y RTSP/1.0", "CSeq: 1", "Accept: application/sdp")
    ladder.expect(200, cseq="1")
    ladder.peer(
        "SETUP rtsp://cam/main?x=y/trackID=0 RTSP/1.0", "CSeq: 2", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"
    )
    ladder.expect(200, cseq="2", session="1A2B3C40;timeout=60")
    ladder.peer("PLAY rtsp://cam/main?x=y RTSP/1.0", "CSeq: 3", "Session: 1A2B3C40", "Range: npt=0.000-")
    ladder.expect(200, cseq="3")
    assert ladder.session.path == "main"


def test_the_reply_to_play_is_complete_before_anything_else_can_be_sent(ladder: Ladder) -> None:
    ladder.play()
    assert ladder.sent.startswith(b"RTSP")
    assert ladder.sent.endswith(b"\r\n\r\n")


def test_an_unanswered_ping_would_take_the_camera_offline(ladder: Ladder) -> None:
    session = ladder.play()
    for cseq in ("10", "11", "12"):
        ladder.wait(s=30)
        ladder.peer("OPTIONS rtsp://cam/main?x=y RTSP/1.0", f"CSeq: {cseq}", f"Session: {session.id}")
        ladder.expect(200, cseq=cseq)
