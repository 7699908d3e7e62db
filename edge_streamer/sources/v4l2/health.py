"""When a camera counts as dead, and how many of its buffers were discarded: arithmetic on CLOCK_MONOTONIC, no clock is
read.

Used by `source` and the pipelines; the server has a watchdog of its own, which knows less about the reason.
"""

from collections import Counter
from fractions import Fraction
from typing import Final

from edge_streamer.sources.ending import SourceError
from edge_streamer.sources.link import Link

FIRST_FRAME_NS: Final = 6_000_000_000
"""USB cameras take seconds to their first picture, while they measure the light."""
STALL_NS: Final = 750_000_000
"""A little less than the server's second, so that the reason reported is the source's."""
MISSED_SECONDS: Final = 3
"""Pictures missed in this many seconds in a row are a lasting overload; the start alone misses some, too."""
_SECOND_NS: Final = 1_000_000_000


def patience_ns(rate_hz: Fraction) -> int:
    """Return how long no frame may come: three frame intervals and STALL_NS."""
    return int(3 * _SECOND_NS / rate_hz) + STALL_NS


class FrameWatch:
    """The deadline for the next good frame."""

    def __init__(self, path: str, rate_hz: Fraction, now_ns: int) -> None:
        self._path = path
        self._patience_ns = patience_ns(rate_hz)
        self._since_ns = now_ns
        self.deadline_ns = now_ns + FIRST_FRAME_NS

    def saw_frame(self, now_ns: int) -> None:
        """A whole picture came."""
        self._since_ns = now_ns
        self.deadline_ns = now_ns + self._patience_ns

    def check(self, now_ns: int, discards: "Discards") -> None:
        """Raise SourceError when the deadline is over."""
        if now_ns < self.deadline_ns:
            return
        rubbish = f", and {discards.total} unusable buffers so far" if discards.total else ""
        silent_s = (now_ns - self._since_ns) / _SECOND_NS
        raise SourceError(f"the camera stopped delivering: no picture from {self._path} for {silent_s:.1f} s{rubbish}")


class MissedPictures:
    """Whether pictures of the camera are missed all the time."""

    def __init__(self) -> None:
        self._missed = 0
        self._seconds = 0
        self._second_ends_ns = 0

    def are_a_habit(self, missed: int, now_ns: int) -> bool:
        """Return whether they are; `missed` is the number up to now. Call it at least once a second."""
        if now_ns >= self._second_ends_ns:
            self._seconds = self._seconds + 1 if missed > self._missed else 0
            self._missed, self._second_ends_ns = missed, now_ns + _SECOND_NS
        return self._seconds >= MISSED_SECONDS


class Discards:
    """Buffers that held no whole picture, told to the server at most once a second for each reason."""

    def __init__(self) -> None:
        self.total = 0
        self._untold: Counter[str] = Counter()
        self._told_ns: dict[str, int] = {}

    def add(self, reason: str) -> None:
        """Count one: `empty`, `torn` or `error`."""
        self.total += 1
        self._untold[reason] += 1

    def tell(self, link: Link, now_ns: int) -> None:
        """Send what was counted and is due."""
        for reason in list(self._untold):
            if now_ns - self._told_ns.get(reason, -_SECOND_NS) >= _SECOND_NS:
                link.send_note(0, event="discarded", reason=reason, buffers=self._untold.pop(reason))
                self._told_ns[reason] = now_ns
