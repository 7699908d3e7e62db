"""Where a viewer can start: the frames since the last key frame, and the rule for asking the source for a new one."""

from collections.abc import Callable
from typing import Final

from edge_streamer.protocol.rtp.packets import PacketizedFrame

REQUEST_INTERVAL_S: Final = 1.0
"""The source is asked for a key frame at most this often, however many viewers join."""
PATIENCE_S: Final = 0.5
"""A source that was asked and made no key frame by then is too slow to wait for."""
CACHE_LIMIT_BYTES: Final = 8 << 20
"""A group of pictures larger than this is not kept: viewers then wait for the next key frame."""


class KeyFrameCache:
    """The frames since the last key frame: contiguous in sequence with whatever is published next."""

    __slots__ = ("_bytes", "_frames")

    def __init__(self) -> None:
        self._frames: list[PacketizedFrame] = []
        self._bytes = 0

    def add(self, frame: PacketizedFrame, *, is_key_frame: bool) -> None:
        """Remember `frame`; a key frame forgets what came before."""
        if is_key_frame:
            self._frames = [frame]
            self._bytes = frame.packet_bytes
        elif self._frames:
            self._frames.append(frame)
            self._bytes += frame.packet_bytes
            if self._bytes > CACHE_LIMIT_BYTES:
                self._frames = []

    def clear(self) -> None:
        """Forget all: the next key frame begins anew."""
        self._frames = []
        self._bytes = 0

    def frames(self, limit_bytes: int) -> tuple[PacketizedFrame, ...]:
        """Return the frames to start a viewer with; none when there are none or they exceed `limit_bytes`."""
        return tuple(self._frames) if self._bytes <= limit_bytes else ()


class KeyFrameRequests:
    """Asks the source for key frames on behalf of all viewers; `ask` is None while the source cannot make one."""

    __slots__ = ("_asked_at", "_is_answered", "ask")

    def __init__(self) -> None:
        self.ask: Callable[[], None] | None = None
        self._asked_at = float("-inf")
        self._is_answered = True

    def request(self, now: float) -> bool:
        """Ask if that may be; return whether a key frame can be expected within `PATIENCE_S` of the asking."""
        if self.ask is not None and now - self._asked_at >= REQUEST_INTERVAL_S:
            self._asked_at = now
            self._is_answered = False
            self.ask()
        return self.is_pending(now)

    def is_pending(self, now: float) -> bool:
        """Whether a key frame was asked for and may still come in time."""
        return not self._is_answered and now - self._asked_at < PATIENCE_S

    def on_key_frame(self) -> None:
        """A key frame came."""
        self._is_answered = True
