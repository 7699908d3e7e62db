"""What a reader says until it plays: OPTIONS, DESCRIBE, SETUP, PLAY, as a generator without a socket.

Called by `benchmarks.readers`: `next()` gives the first request's bytes, `send(response)` the next ones; the return
value is the interleaved channel of RTP. A refusal raises `JoinError` out of the generator.
"""

from collections.abc import Generator

from tests.support.rtsp.wire import Response, aggregate_control_url, encode_request, video_control_url


class JoinError(Exception):
    """The server refused a step or agreed to something else than was asked for; the message says which."""


def join(url: str, transport: str) -> Generator[bytes, Response, int]:
    """Yield the requests that make a reader of `url`; `transport` is the Transport header asked for."""
    _accepted("OPTIONS", (yield encode_request("OPTIONS", url, 1)))
    description = yield encode_request("DESCRIBE", url, 2, {"Accept": "application/sdp"})
    _accepted("DESCRIBE", description)
    setup = yield encode_request("SETUP", video_control_url(description, url), 3, {"Transport": transport})
    _accepted("SETUP", setup)
    session = {"Session": setup.session_id, "Range": "npt=0.000-"}
    _accepted("PLAY", (yield encode_request("PLAY", aggregate_control_url(description, url), 4, session)))
    channels = setup.transport.get("interleaved", "0-1")
    return int(channels.partition("-")[0])


def _accepted(method: str, response: Response) -> None:
    if response.status != 200:
        raise JoinError(f"{method} answered {response.status} {response.reason}")
