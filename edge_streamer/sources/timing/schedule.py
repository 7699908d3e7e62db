"""When frames are due: absolute schedules on CLOCK_MONOTONIC, so that lateness never adds up to drift.

Arithmetic only; the sources read the clock and wait. Media time is CLOCK_MONOTONIC in 90 kHz ticks: it goes on over
restarts of a source process without a jump that a viewer could see.
"""

from fractions import Fraction
from typing import Final

from edge_streamer.codec.frame import CLOCK_HZ

MAX_LATE_NS: Final = 1_000_000_000
"""A source that is late by up to this much catches up; beyond it, the schedule restarts now, because a burst would be
as wrong as the gap."""

_NS_PER_S: Final = 1_000_000_000


def media_time_of(instant_ns: int) -> int:
    """Return the 90 kHz ticks of a CLOCK_MONOTONIC instant."""
    return instant_ns * CLOCK_HZ // _NS_PER_S


def instant_of(media_time: int) -> int:
    """Return the CLOCK_MONOTONIC nanoseconds at which a media time begins."""
    return -(-media_time * _NS_PER_S // CLOCK_HZ)


class FrameSchedule:
    """The instants of a live picture: start, start + 1/rate, start + 2/rate, ..."""

    def __init__(self, start_ns: int, rate_hz: Fraction) -> None:
        self._start_ns = start_ns
        self._rate_hz = rate_hz
        self._index = 0
        self.due_ns = start_ns

    def advance(self, now_ns: int) -> None:
        """Go to the next frame, or to the first that is not past when that one is over a second late."""
        self._index += 1
        if now_ns - self._instant_ns() > MAX_LATE_NS:
            self._index = -(-(now_ns - self._start_ns) * self._rate_hz // _NS_PER_S)
        self.due_ns = self._instant_ns()

    def _instant_ns(self) -> int:
        return self._start_ns + int(self._index * _NS_PER_S / self._rate_hz)


class ClipSchedule:
    """Places a clip's own decode times on CLOCK_MONOTONIC; `origin` is the media time of the clip's zero."""

    def __init__(self, first_decode_time: int, now_ns: int) -> None:
        self.origin = media_time_of(now_ns) - first_decode_time

    def due_ns(self, decode_time: int, now_ns: int) -> int:
        """Return when a frame is due; move the origin when that is long past: the process slept."""
        due_ns = instant_of(self.origin + decode_time)
        if now_ns - due_ns <= MAX_LATE_NS:
            return due_ns
        self.origin = media_time_of(now_ns) - decode_time
        return now_ns
