"""Where a viewer can start: the frames since the last key frame, and the rule for asking the source for a new one."""

from collections.abc import Callable
from typing import Final

from edge_streamer.protocol.rtp.packets import PacketizedFrame

REQUEST_INTERVAL_S: Final = 1.0
"""The source is asked for a key frame at most this often, however many viewers join."""
PATIENCE_S: Final = 0.5
"""How long waiting viewers are held back for a key frame that the source was asked for; then they start from cache."""
CACHE_LIMIT_BYTES: Final = 8 << 20
"""A group of pictures larger than this is not cached: viewers then wait for the next key frame."""


class KeyFrameCache:
    """The frames since the last key frame, contiguous in sequence with the frame that is published next."""

    __slots__ = ("_bytes", "_frames")

    def __init__(self) -> None:
        self._frames: list[PacketizedFrame] = []
        self._bytes = 0

    def add(self, frame: PacketizedFrame, *, is_key_frame: bool) -> None:
        """Cache `frame`; a key frame replaces all that was cached."""
        if is_key_frame:
            self._frames = [frame]
            self._bytes = frame.packet_bytes
        elif self._frames:
            self._frames.append(frame)
            self._bytes += frame.packet_bytes
            if self._bytes > CACHE_LIMIT_BYTES:
                self._frames = []

    def clear(self) -> None:
        """Empty the cache; it stays empty until the next key frame."""
        self._frames = []
        self._bytes = 0

    def frames(self, limit_bytes: int) -> tuple[PacketizedFrame, ...]:
        """Return the frames to start a viewer with; empty when none are cached or they exceed `limit_bytes`."""
        return tuple(self._frames) if self._bytes <= limit_bytes else ()


class KeyFrameRequests:
    """Asks the source for key frames on behalf of all viewers; `ask` is None while the source cannot make one."""

    __slots__ = ("_asked_at", "_is_answered", "ask")

    def __init__(self) -> None:
        self.ask: Callable[[], None] | None = None
        self._asked_at = float("-inf")
        self._is_answered = True

    def request(self, now: float) -> bool:
        """Ask the source unless it cannot or was asked a moment ago; return whether a key frame `is_pending`."""
        if self.ask is not None and now - self._asked_at >= REQUEST_INTERVAL_S:
            self._asked_at = now
            self._is_answered = False
            self.ask()
        return self.is_pending(now)

    def is_pending(self, now: float) -> bool:
        """Whether the source was asked for a key frame less than `PATIENCE_S` ago and has not made one since."""
        return not self._is_answered and now - self._asked_at < PATIENCE_S

    def on_key_frame(self) -> None:
        """Note that a key frame came."""
        self._is_answered = True
