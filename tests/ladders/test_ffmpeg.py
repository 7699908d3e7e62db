"""ffmpeg and ffprobe: OPTIONS first, UDP before TCP, RTP-Info compared as text, keep-alive by GET_PARAMETER."""

from edge_streamer.protocol.rtsp.server.events import PlaybackPaused
from tests.support.rtsp.harness import FIRST_RANGE
from tests.support.rtsp.ladder import Ladder

UDP = "Transport: RTP/AVP/UDP;unicast;client_port=20000-20001"
TCP = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"


def start(ladder: Ladder) -> None:
    ladder.peer("OPTIONS rtsp://cam:554/main RTSP/1.0", "CSeq: 1", "User-Agent: Lavf61.7.100")
    assert "GET_PARAMETER" in ladder.expect(200, cseq="1").headers["public"]
    ladder.peer("DESCRIBE rtsp://cam:554/main RTSP/1.0", "Accept: application/sdp", "CSeq: 2")
    ladder.expect(200, cseq="2", content_base="rtsp://cam:554/main/")


def test_udp(ladder: Ladder) -> None:
    start(ladder)
    ladder.peer("SETUP rtsp://cam:554/main/trackID=0 RTSP/1.0", UDP, "CSeq: 3")
    reply = ladder.expect(200, cseq="3")
    assert reply.headers["transport"] == (
        "RTP/AVP;unicast;client_port=20000-20001;server_port=50000-50001;ssrc=D6D66271"
    )


def test_461_to_udp_makes_it_ask_for_tcp_on_the_same_connection(tcp_only_ladder: Ladder) -> None:
    ladder = tcp_only_ladder
    start(ladder)
    ladder.peer("SETUP rtsp://cam:554/main/trackID=0 RTSP/1.0", UDP, "CSeq: 3")
    ladder.expect(461, cseq="3", session=None)
    ladder.peer("SETUP rtsp://cam:554/main/trackID=0 RTSP/1.0", TCP, "CSeq: 4")
    reply = ladder.expect(200, cseq="4")
    ladder.peer("PLAY rtsp://cam:554/main/ RTSP/1.0", "Range: npt=0.000-", "CSeq: 5", f"Session: {reply.session_id}")
    ladder.expect(200, range=FIRST_RANGE, rtp_info="url=rtsp://cam:554/main/trackID=0;seq=4711;rtptime=90000")
    for cseq in ("6", "7", "8"):
        ladder.wait(s=30)
        ladder.peer("GET_PARAMETER rtsp://cam:554/main/ RTSP/1.0", f"CSeq: {cseq}", f"Session: {reply.session_id}")
        ladder.expect(200, cseq=cseq)


def test_silence_on_udp_makes_it_pause_and_set_up_tcp(ladder: Ladder) -> None:
    session = ladder.play("RTP/AVP/UDP;unicast;client_port=20000-20001")
    ladder.peer("PAUSE rtsp://cam:554/main/ RTSP/1.0", "CSeq: 6", f"Session: {session.id}")
    ladder.expect(200)
    ladder.expect_event(PlaybackPaused, session=session)
    ladder.peer("SETUP rtsp://cam:554/main/trackID=0 RTSP/1.0", TCP, "CSeq: 7", f"Session: {session.id}")
    reply = ladder.expect(200, session=f"{session.id};timeout=60")
    assert reply.transport["interleaved"] == "0-1"
    ladder.peer("PLAY rtsp://cam:554/main/ RTSP/1.0", "CSeq: 8", f"Session: {session.id}")
    ladder.expect(200, cseq="8")


def test_credentials_and_queries_of_the_url_are_not_repeated(ladder: Ladder) -> None:
    ladder.peer("DESCRIBE rtsp://admin:secret@cam:554/main?token=secret RTSP/1.0", "CSeq: 1")
    ladder.expect(200, content_base="rtsp://cam:554/main/")
    ladder.peer("SETUP rtsp://admin:secret@cam:554/main?token=secret/trackID=0 RTSP/1.0", TCP, "CSeq: 2")
    ladder.expect(200)
    ladder.peer("PLAY rtsp://cam:554/main/ RTSP/1.0", "CSeq: 3", f"Session: {ladder.session.id}")
    ladder.expect(200, rtp_info="url=rtsp://cam:554/main/trackID=0;seq=4711;rtptime=90000")
    assert b"secret" not in ladder.sent
