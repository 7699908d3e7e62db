import time

import pytest

from edge_streamer.sources.picamera2.clock import MAX_AGE_NS, CaptureInstant, Clocks, capture_instant, read_clocks

SUSPENDED_NS = 3_600_000_000_000
NOW = Clocks(monotonic_ns=10**13, boottime_ns=10**13 + SUSPENDED_NS, wall_ns=17 * 10**17)


@pytest.mark.parametrize("age_ns", [0, 33_000_000, MAX_AGE_NS])
def test_a_time_stamp_of_either_clock_gives_the_same_instant(age_ns):
    expected = CaptureInstant(NOW.monotonic_ns - age_ns, NOW.wall_ns - age_ns)
    assert capture_instant(NOW.monotonic_ns - age_ns, None, NOW) == expected
    assert capture_instant(NOW.boottime_ns - age_ns, None, NOW) == expected


def test_without_a_suspend_the_clocks_are_one():
    now = Clocks(10**13, 10**13, 17 * 10**17)
    assert capture_instant(10**13 - 5, None, now) == CaptureInstant(10**13 - 5, 17 * 10**17 - 5)


def test_the_sensors_own_wall_clock_is_believed():
    assert capture_instant(NOW.monotonic_ns - 50, 12345, NOW) == CaptureInstant(NOW.monotonic_ns - 50, 12345)


@pytest.mark.parametrize("sensor_ns", [0, NOW.monotonic_ns + SUSPENDED_NS // 2, NOW.boottime_ns + 1])
def test_a_time_stamp_of_no_clock_counts_as_now(sensor_ns):
    assert capture_instant(sensor_ns, None, NOW) == CaptureInstant(NOW.monotonic_ns, NOW.wall_ns)


def test_the_clocks_are_the_machines():
    before = time.monotonic_ns()
    now = read_clocks()
    assert before <= now.monotonic_ns <= time.monotonic_ns()
    assert now.boottime_ns >= before
    assert abs(now.wall_ns - time.time_ns()) < 10**9
