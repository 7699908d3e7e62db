import time

import pytest

from edge_streamer.sources.timing import wall_clock
from edge_streamer.sources.timing.wall_clock import wall_ns_of

UTC_NS = 1_700_000_000_000_000_000
INTERRUPTED_NS = 40_000_000


def test_it_is_the_wall_clocks_offset():
    before_ns = time.time_ns() - time.monotonic_ns()
    assert abs(wall_ns_of(0) - before_ns) < 5_000_000


@pytest.mark.parametrize(
    ("interrupted", "readings"),
    [((), 1), ((0,), wall_clock.READINGS), ((0, 1), wall_clock.READINGS), ((0, 2), wall_clock.READINGS)],
)
def test_an_interruption_between_the_two_clocks_does_not_count(monkeypatch, interrupted, readings):
    """Each reading of a clock takes 100 ns; in some of the pairs the process stands still."""
    now_ns = 1000
    pairs = 0

    def monotonic_ns():
        nonlocal now_ns
        now_ns += 100
        return now_ns

    def time_ns():
        nonlocal now_ns, pairs
        now_ns += 100
        utc_ns = UTC_NS + now_ns
        if pairs in interrupted:
            now_ns += INTERRUPTED_NS
        pairs += 1
        return utc_ns

    monkeypatch.setattr(wall_clock.time, "monotonic_ns", monotonic_ns)
    monkeypatch.setattr(wall_clock.time, "time_ns", time_ns)
    assert wall_ns_of(5) == UTC_NS + 5
    assert pairs == readings
