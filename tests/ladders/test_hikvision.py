"""Hikvision NVRs: DESCRIBE repeated in one connection, UDP first, `OPTIONS *` with a session."""

from tests.support.rtsp.ladder import Ladder


def test_describe_again_says_the_same(ladder: Ladder) -> None:
    replies = []
    for cseq in ("1", "2", "3"):
        ladder.peer("DESCRIBE rtsp://cam/main RTSP/1.0", f"CSeq: {cseq}", "Accept: application/sdp")
        replies.append(ladder.expect(200, cseq=cseq))
    assert replies[0].body == replies[1].body == replies[2].body
    ladder.set_up("RTP/AVP/UDP;unicast;client_port=8000-8001")


def test_options_star_renews_the_session(ladder: Ladder) -> None:
    session = ladder.play("RTP/AVP/UDP;unicast;client_port=8000-8001")
    for cseq in ("5", "6", "7"):
        ladder.wait(s=60)
        ladder.peer("OPTIONS * RTSP/1.0", f"CSeq: {cseq}", f"Session:       {session.id}")
        ladder.expect(200, cseq=cseq, session=f"{session.id};timeout=60")
    ladder.expect_nothing()


def test_no_ports_make_no_session(ladder: Ladder) -> None:
    for transport in ("RTP/AVP;unicast;client_port=0-0", "RTP/AVP/UDP;unicast", "RTP/AVP;unicast;client_port="):
        ladder.peer("SETUP rtsp://cam/main/trackID=0 RTSP/1.0", "CSeq: 2", f"Transport: {transport}")
        ladder.expect(461, session=None)
    assert len(ladder.server.sessions) == 0


def test_a_destination_of_its_own_is_ignored(ladder: Ladder) -> None:
    session = ladder.set_up("RTP/AVP;unicast;destination=203.0.113.5;client_port=8000-8001")
    assert session.peer_host == "192.0.2.7"
    assert b"203.0.113.5" not in ladder.sent
