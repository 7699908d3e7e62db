"""UTC of an instant of CLOCK_MONOTONIC, for every source that says when a picture was taken.

The two clocks cannot be read at the same instant. An interruption between the readings would shift the picture in
time, and with it the sender report that recorders set their clocks by: so the clocks are read a few times, and the
closest pair counts.
"""

import time
from typing import Final

READINGS: Final = 3
TIGHT_NS: Final = 10_000
"""A pair this close together is as good as the tightest: sender reports are meant to be right within a millisecond."""


def wall_ns_of(instant_ns: int) -> int:
    """Return the UTC nanoseconds of a CLOCK_MONOTONIC instant, as the machine's clock is set now."""
    width_ns, offset_ns = _reading()
    if width_ns > TIGHT_NS:
        _width_ns, offset_ns = min((width_ns, offset_ns), *(_reading() for _ in range(READINGS - 1)))
    return instant_ns + offset_ns


def _reading() -> tuple[int, int]:
    before_ns = time.monotonic_ns()
    wall_ns = time.time_ns()
    after_ns = time.monotonic_ns()
    return after_ns - before_ns, wall_ns - (before_ns + after_ns) // 2
