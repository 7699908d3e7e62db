"""When a frame was exposed: the sensor's time stamp as CLOCK_MONOTONIC, as UTC and as media time.

libcamera documents SensorTimestamp as CLOCK_BOOTTIME (control_ids_core.yaml), and Raspberry Pi's handlers hand on the
kernel's buffer time stamp, which is CLOCK_MONOTONIC: the two differ by the time that the board was suspended. So the
clock is the one by which the frame's age is possible. Arithmetic apart from `read_clocks`; used by `lane`.
"""

import time
from dataclasses import dataclass
from typing import Final

from edge_streamer.sources.timing.wall_clock import wall_ns_of

MAX_AGE_NS: Final = 5_000_000_000
"""Exposure, readout and the image processor take tenths of a second at most; sensors expose for seconds at night."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """The three clocks of the machine, in nanoseconds, read at one instant."""

    monotonic_ns: int
    boottime_ns: int
    wall_ns: int


@dataclass(frozen=True, slots=True)
class CaptureInstant:
    """When a frame was exposed: nanoseconds of CLOCK_MONOTONIC and of UTC."""

    captured_ns: int
    wall_ns: int


def read_clocks() -> Clocks:
    """Read the machine's clocks."""
    monotonic_ns = time.monotonic_ns()
    return Clocks(monotonic_ns, time.clock_gettime_ns(time.CLOCK_BOOTTIME), wall_ns_of(monotonic_ns))


def capture_instant(sensor_ns: int, sensor_wall_ns: int | None, now: Clocks) -> CaptureInstant:
    """Return the instant of a frame with the metadata SensorTimestamp and FrameWallClock (None where there is none).

    A time stamp that fits neither clock is of no use: then the frame counts as exposed now.
    """
    ages_ns = (now.monotonic_ns - sensor_ns, now.boottime_ns - sensor_ns)
    age_ns = next((age for age in ages_ns if 0 <= age <= MAX_AGE_NS), 0)
    wall_ns = now.wall_ns - age_ns if sensor_wall_ns is None else sensor_wall_ns
    return CaptureInstant(now.monotonic_ns - age_ns, wall_ns)
