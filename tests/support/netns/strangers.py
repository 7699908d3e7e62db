"""Clients that want no media: each does one of the things that make a server's author wince.

`CLIENTS` names all kinds of client there are; `netns_reader` opens them by it.
"""

import random
import selectors
from collections.abc import Callable, Mapping
from typing import Final

from tests.support.netns.client import Connection, Player
from tests.support.rtsp.wire import encode_request

BYTE_INTERVAL_S: Final = 1.0
REQUESTS_A_TICK: Final = 5
MAX_GARBAGE_BYTES: Final = 2000


class HeaderTrickler(Connection):
    """Sends one byte of a request's headers a second, for ever."""

    _next_byte_at = 0.0
    _sent = 0

    def tick(self, now: float) -> None:
        if self.measured.state == "playing" and now >= self._next_byte_at:
            head = f"OPTIONS {self._url} RTSP/1.0\r\nCSeq: 1\r\nX-Filler: ".encode()
            self._next_byte_at = now + BYTE_INTERVAL_S
            self._send(head[self._sent : self._sent + 1] or b"x")
            self._sent += 1

    def _begin(self) -> None:
        self.measured.state = "playing"


class ReplyIgnorer(Connection):
    """Asks and asks, and never reads an answer."""

    _cseq = 0

    def tick(self, now: float) -> None:
        for _ in range(REQUESTS_A_TICK if self.measured.state == "playing" else 0):
            self._cseq += 1
            self._send(encode_request("DESCRIBE", self._url, self._cseq))

    def _begin(self) -> None:
        self.measured.state = "playing"
        self.stop_reading()


class GarbageSender(Connection):
    """Says what no client says, the same for the same seed, and hears what the server thinks of it."""

    def __init__(
        self, selector: selectors.BaseSelector, url: str, *, receive_buffer_bytes: int = 0, seed: int = 0
    ) -> None:
        super().__init__(selector, url, receive_buffer_bytes)
        self._chance = random.Random(seed)

    def _begin(self) -> None:
        self.measured.state = "playing"
        beginnings = (
            b"",
            b"$\x00\xff\xff",
            b"PLAY ",
            b"DESCRIBE rtsp://x/y RTSP/1.0\r\nCSeq: ",
            b"GET / HTTP/1.1\r\n\r\n",
        )
        size = self._chance.randrange(1, MAX_GARBAGE_BYTES)
        self._send(self._chance.choice(beginnings) + self._chance.randbytes(size))


CLIENTS: Final[Mapping[str, Callable[..., Connection]]] = {
    "player": Player,
    "header_trickler": HeaderTrickler,
    "reply_ignorer": ReplyIgnorer,
    "garbage_sender": GarbageSender,
}
