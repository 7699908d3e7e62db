"""How long the loop's turns take: a histogram since the start, and the longest turn of the last one to two minutes.

A long turn delays every viewer, so it is measured; the longest turn since the start would hide a recent one.
"""

from bisect import bisect_left
from typing import Final

BOUNDS_S: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
WINDOW_S: Final = 60.0


class TimeHistogram:
    """Counts of durations by bucket; `counts` has one more entry than `bounds_s`, for everything longer."""

    __slots__ = ("bounds_s", "counts", "sum_s")

    def __init__(self, bounds_s: tuple[float, ...] = BOUNDS_S) -> None:
        self.bounds_s = bounds_s
        self.counts = [0] * (len(bounds_s) + 1)
        self.sum_s = 0.0

    def add(self, duration_s: float) -> None:
        """Count one duration."""
        self.counts[bisect_left(self.bounds_s, duration_s)] += 1
        self.sum_s += duration_s


class TurnTimes(TimeHistogram):
    """The loop's own histogram with the worst turn of the current and the previous minute."""

    __slots__ = ("_previous_worst_s", "_window_ends", "_worst_s")

    def __init__(self) -> None:
        super().__init__()
        self._worst_s = 0.0
        self._previous_worst_s = 0.0
        self._window_ends = 0.0

    def add(self, duration_s: float, now: float = 0.0) -> None:
        """Count one turn that ended at `now`."""
        TimeHistogram.add(self, duration_s)
        if now >= self._window_ends:
            self._previous_worst_s = self._worst_s if now < self._window_ends + WINDOW_S else 0.0
            self._worst_s = 0.0
            self._window_ends = now + WINDOW_S
        if duration_s > self._worst_s:
            self._worst_s = duration_s

    @property
    def worst_s(self) -> float:
        """The longest turn of the last one to two minutes."""
        return max(self._worst_s, self._previous_worst_s)
