"""Where a viewer can start: the frames since the last key frame, and the rule for asking the source for a new one."""

from collections.abc import Callable
from typing import Final

from edge_streamer.protocol.rtp.packets import PacketizedFrame

REQUEST_INTERVAL_S: Final = 1.0
"""The source is asked for a key frame at most this often, however many viewers join."""
PATIENCE_S: Final = 0.5
"""How long waiting viewers are held back for a key frame that the source was asked for; then they start from cache."""
START_CACHE_BYTES: Final = 8 << 20
"""What is cached at most by default: 25 s at 2.6 Mbit/s. On a device of 512 MB, four streams may have so much."""


class KeyFrameCache:
    """The frames since the last key frame, contiguous in sequence with the frame that is published next.

    `limit_bytes` bounds the packets of the frames. A group of pictures that is larger is not cached: viewers then wait
    for the next key frame. `overflows` counts such groups.
    """

    __slots__ = ("_frames", "cached_bytes", "has_overflowed", "limit_bytes", "overflows")

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.cached_bytes = 0
        self.has_overflowed = False
        self.overflows = 0
        self._frames: list[PacketizedFrame] = []

    def add(self, frame: PacketizedFrame) -> None:
        """Cache `frame`; a key frame replaces all that was cached."""
        if frame.is_key_frame:
            self.clear()
        elif not self._frames:
            return
        self._frames.append(frame)
        self.cached_bytes += frame.packet_bytes
        if self.cached_bytes > self.limit_bytes:
            self.clear()
            self.has_overflowed = True
            self.overflows += 1

    def clear(self) -> None:
        """Empty the cache; it stays empty until the next key frame."""
        self._frames = []
        self.cached_bytes = 0
        self.has_overflowed = False

    @property
    def frames(self) -> tuple[PacketizedFrame, ...]:
        """The frames to start a viewer with; empty when none are cached."""
        return tuple(self._frames)


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
