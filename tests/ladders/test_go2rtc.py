"""go2rtc, and with it Frigate and Home Assistant: no OPTIONS, an ONVIF backchannel required, no Range, no RTCP."""

import re

from tests.support.rtsp.ladder import Ladder


def test_start_and_keep_alive(ladder: Ladder) -> None:
    ladder.peer(
        "DESCRIBE rtsp://cam:554/main RTSP/1.0",
        "CSeq: 1",
        "User-Agent: go2rtc/1.9",
        "Accept: application/sdp",
        "Require: www.onvif.org/ver20/backchannel",
    )
    reply = ladder.expect(200, cseq="1", content_base="rtsp://cam:554/main/", content_type="application/sdp")
    assert b"a=control:trackID=0" in reply.body
    ladder.peer(
        "SETUP rtsp://cam:554/main/trackID=0 RTSP/1.0", "CSeq: 2", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"
    )
    reply = ladder.expect(200, cseq="2", session="1A2B3C40;timeout=60")
    assert re.search(r"interleaved=\d+-\d+", reply.headers["transport"])  # without the dash it gives up
    ladder.peer("PLAY rtsp://cam:554/main/ RTSP/1.0", "CSeq: 3", "Session: 1A2B3C40")
    ladder.expect(200, cseq="3")
    assert ladder.session.user_agent == "go2rtc/1.9"  # it named itself in DESCRIBE only
    for cseq in range(4, 8):
        ladder.wait(s=55)
        ladder.peer("OPTIONS rtsp://cam:554/main/ RTSP/1.0", f"CSeq: {cseq}", "Session: 1A2B3C40")
        ladder.expect(200, cseq=str(cseq))


def test_it_does_not_wait_for_the_reply_to_play(ladder: Ladder) -> None:
    session = ladder.set_up()
    play = f"PLAY rtsp://cam/main/ RTSP/1.0\r\nCSeq: 2\r\nSession: {session.id}\r\n\r\n"
    ladder.send(f"{play}OPTIONS rtsp://cam/main/ RTSP/1.0\r\nCSeq: 3\r\n\r\n".encode())
    ladder.expect(200, cseq="2")
    ladder.expect(200, cseq="3")


def test_names_of_reply_fields_are_spelled_as_it_expects_them(ladder: Ladder) -> None:
    ladder.peer("OPTIONS rtsp://cam/main RTSP/1.0", "cseq: 12")
    assert ladder.sent.startswith(b"RTSP/1.0 200 OK\r\nCSeq: 12\r\n")
