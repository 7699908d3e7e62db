"""ZoneMinder's own client: reads one segment per reply, names no channels, aborts when OPTIONS is refused."""

from edge_streamer.protocol.rtsp.message import Request, Response
from tests.support.rtsp.ladder import Ladder, new_ladder


class Locked:
    def authorize(self, request: Request, now: float) -> Response | None:
        return Response(401, (("WWW-Authenticate", 'Basic realm="x"'),))


def test_options_needs_no_authorization() -> None:
    ladder = new_ladder(authorizer=Locked())
    ladder.peer("OPTIONS rtsp://cam/main RTSP/1.0", "CSeq: 1")
    ladder.expect(200)


def test_each_reply_is_handed_out_whole(ladder: Ladder) -> None:
    ladder.protocol.receive(b"DESCRIBE rtsp://cam/main RTSP/1.0\r\nCSeq: 2\r\n\r\n", 0.0)
    assert ladder.protocol.data_to_send() == b""
    ladder.protocol.answer_description(b"v=0\r\ns=x\r\n", 0.0)
    data = ladder.protocol.data_to_send()
    assert data.startswith(b"RTSP/1.0 200 OK\r\nCSeq: 2\r\n")
    assert data.endswith(b"\r\nContent-Length: 10\r\n\r\nv=0\r\ns=x\r\n")
    assert ladder.protocol.data_to_send() == b""


def test_setup_without_interleaved_and_play(ladder: Ladder) -> None:
    ladder.peer("SETUP rtsp://cam/main/trackID=0 RTSP/1.0", "CSeq: 3", "Transport: RTP/AVP/TCP;unicast")
    reply = ladder.expect(200, session="1A2B3C40;timeout=60")
    assert (reply.transport["interleaved"], reply.transport["ssrc"]) == ("0-1", "D6D66271")
    ladder.peer("PLAY rtsp://cam/main/ RTSP/1.0", "CSeq: 4", "Session: 1A2B3C40", "Range: npt=0.000-")
    ladder.expect(200)
    ladder.wait(s=55)
    ladder.peer("GET_PARAMETER rtsp://cam/main/ RTSP/1.0", "CSeq: 5", "Session: 1A2B3C40")
    ladder.expect(200, cseq="5")
