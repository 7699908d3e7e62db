"""The highest rate a stream has shown in any one second: for `b=AS` in the SDP and for the write budget.

The encoder's setting is a wish; a file has none at all. What counts for a link is what was really sent.
"""

from collections import deque
from typing import Final

WINDOW_S: Final = 1.0


class PeakRateMeter:
    """Bytes and their times in, the peak of a sliding second out."""

    __slots__ = ("_bytes", "_window", "peak_bps")

    def __init__(self) -> None:
        self.peak_bps = 0
        self._window: deque[tuple[float, int]] = deque()
        self._bytes = 0

    def add(self, size_bytes: int, now: float) -> None:
        """Count `size_bytes` that became due at `now` (seconds on any steady clock; the media clock serves best,
        since a reader of a process that was held up sees two seconds' frames at once)."""
        self._window.append((now, size_bytes))
        self._bytes += size_bytes
        while self._window[0][0] <= now - WINDOW_S:
            self._bytes -= self._window.popleft()[1]
        self.peak_bps = max(self.peak_bps, self._bytes * 8)
