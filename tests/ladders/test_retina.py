"""retina (Moonfire NVR): strict framing, strict Session, pings by OPTIONS and then SET_PARAMETER each 30 s."""

import re

from tests.support.rtsp.ladder import Ladder
from tests.support.rtsp.wire import ClientParser, Response


def test_start_and_pings(ladder: Ladder) -> None:
    ladder.peer("DESCRIBE rtsp://cam/main RTSP/1.0", "CSeq: 1", "Accept: application/sdp", "User-Agent: moonfire-nvr")
    ladder.expect(200, cseq="1")
    ladder.peer("SETUP rtsp://cam/main/trackID=0 RTSP/1.0", "CSeq: 2", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
    reply = ladder.expect(200, cseq="2")
    assert re.fullmatch(r"[0-9A-F]+;timeout=[1-9][0-9]*", reply.headers["session"])  # nothing else is an option to it
    assert int(reply.transport["ssrc"], 16) == 0xD6D66271
    session = f"Session: {reply.session_id}"
    ladder.peer("PLAY rtsp://cam/main/ RTSP/1.0", "CSeq: 3", session, "Range: npt=0.000-")
    assert re.search(r";seq=\d+;rtptime=\d+$", ladder.expect(200, cseq="3").headers["rtp-info"])
    ladder.wait(s=30)
    ladder.peer("OPTIONS rtsp://cam/main/ RTSP/1.0", "CSeq: 4", session)
    assert "SET_PARAMETER" in ladder.expect(200, cseq="4").headers["public"]
    ladder.wait(s=30)
    ladder.peer("SET_PARAMETER rtsp://cam/main/ RTSP/1.0", "CSeq: 5", session)
    ladder.expect(200, cseq="5")


def test_all_that_public_lists_is_200(ladder: Ladder) -> None:
    ladder.peer("OPTIONS rtsp://cam/main RTSP/1.0", "CSeq: 1")
    methods = ladder.expect(200).headers["public"].split(", ")
    session = ladder.set_up()
    for method in sorted(methods, key="SETUP DESCRIBE OPTIONS GET_PARAMETER SET_PARAMETER PLAY PAUSE TEARDOWN".find):
        ladder.peer(
            f"{method} rtsp://cam/main/ RTSP/1.0", "CSeq: 2", f"Session: {session.id}", "Transport: RTP/AVP/TCP"
        )
        ladder.expect(200)


def test_not_one_stray_byte(ladder: Ladder) -> None:
    session = ladder.play()
    for line in ("X-NEW * RTSP/1.0", "PLAY rtsp://cam/main/ RTSP/1.0", "GET_PARAMETER * RTSP/1.0"):
        ladder.peer(line, "CSeq: 7", f"Session: {session.id}")
    parser = ClientParser()
    parser.receive(ladder.sent)
    replies = [parser.next_message() for _ in range(5)]
    assert all(isinstance(reply, Response) for reply in replies)
    assert parser.take_rest() == b""
