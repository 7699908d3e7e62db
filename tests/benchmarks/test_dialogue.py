"""What a load reader says until it plays, as a ladder of requests and responses."""

import pytest

from benchmarks.dialogue import JoinError, join
from tests.support.rtsp.wire import Response

URL = "rtsp://127.0.0.1:8554/clip"
SDP = b"v=0\r\na=control:*\r\nm=video 0 RTP/AVP 96\r\na=control:trackID=0\r\n"
OPTIONS = Response(200, "OK", {}, b"")
DESCRIBE = Response(200, "OK", {"content-base": URL + "/"}, SDP)
SETUP = Response(200, "OK", {"session": "1A2B;timeout=60", "transport": "RTP/AVP/TCP;unicast;interleaved=4-5"}, b"")
PLAY = Response(200, "OK", {}, b"")


def said(*responses: Response) -> list[list[str]]:
    requests = join(URL, "RTP/AVP/TCP;unicast;interleaved=0-1")
    said = [next(requests)] + [requests.send(response) for response in responses]
    return [request.decode().split("\r\n") for request in said]


def test_asks_in_order_and_for_the_media_url():
    options, describe, setup, play = said(OPTIONS, DESCRIBE, SETUP)
    assert options[:2] == [f"OPTIONS {URL} RTSP/1.0", "CSeq: 1"]
    assert describe[:3] == [f"DESCRIBE {URL} RTSP/1.0", "CSeq: 2", "Accept: application/sdp"]
    assert setup[0] == f"SETUP {URL}/trackID=0 RTSP/1.0"
    assert setup[2] == "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"
    assert play[0] == f"PLAY {URL}/ RTSP/1.0"
    assert play[2] == "Session: 1A2B"


def test_returns_the_channel_that_the_server_chose():
    requests = join(URL, "RTP/AVP/TCP;unicast;interleaved=0-1")
    next(requests)
    for response in (OPTIONS, DESCRIBE, SETUP):
        requests.send(response)
    with pytest.raises(StopIteration) as answered:
        requests.send(PLAY)
    assert answered.value.value == 4


@pytest.mark.parametrize(
    ("responses", "method"),
    [((), "OPTIONS"), ((OPTIONS,), "DESCRIBE"), ((OPTIONS, DESCRIBE), "SETUP"), ((OPTIONS, DESCRIBE, SETUP), "PLAY")],
)
def test_a_refusal_says_which_step(responses: tuple[Response, ...], method: str):
    refusal = Response(453, "Not Enough Bandwidth", {}, b"")
    with pytest.raises(JoinError, match=f"{method} answered 453 Not Enough Bandwidth"):
        said(*responses, refusal)
