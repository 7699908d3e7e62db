"""The highest rate of a stream in any one second: for `b=AS` in the SDP and for the write budget.

It is measured, because an encoder may exceed its setting and a file has none.
"""

from collections import deque
from typing import Final

from edge_streamer.codec.frame import CLOCK_HZ

WINDOW_TICKS: Final = CLOCK_HZ
"""One second, in whole ticks: with a key frame each second, a rounding error could put two of them in one window."""


class PeakRateMeter:
    """Bytes and their media times in, the peak rate of a sliding second out."""

    __slots__ = ("_bytes", "_window", "peak_bps")

    def __init__(self) -> None:
        self.peak_bps = 0
        self._window: deque[tuple[int, int]] = deque()
        self._bytes = 0

    def add(self, size_bytes: int, media_time: int) -> None:
        """Count `size_bytes` at `media_time` (90 kHz). The monotonic clock would not do: after a delay, the frames of
        two seconds arrive at once."""
        self._window.append((media_time, size_bytes))
        self._bytes += size_bytes
        while self._window[0][0] <= media_time - WINDOW_TICKS:
            self._bytes -= self._window.popleft()[1]
        self.peak_bps = max(self.peak_bps, self._bytes * 8)
