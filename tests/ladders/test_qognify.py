"""Qognify (Seetec): an empty user on OPTIONS, an odd first channel (MediaMTX#1762)."""

from edge_streamer.protocol.rtsp.message import Request, Response
from tests.support.rtsp.ladder import Ladder, new_ladder


class Locked:
    def authorize(self, request: Request, now: float) -> Response | None:
        return Response(401, (("WWW-Authenticate", 'Basic realm="x"'),))


def test_options_with_an_empty_user_is_200() -> None:
    ladder = new_ladder(authorizer=Locked())
    ladder.peer("OPTIONS rtsp://cam/main RTSP/1.0", "CSeq: 1", "Authorization: Basic Og==", "User-Agent: Java / Seetec")
    ladder.expect(200, cseq="1")


def test_an_odd_first_channel(ladder: Ladder) -> None:
    ladder.peer("SETUP rtsp://cam/main/trackID=0 RTSP/1.0", "CSeq: 2", "Transport: RTP/AVP/TCP;unicast;interleaved=1-2")
    assert ladder.expect(200).transport["interleaved"] == "1-2"
