from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_streamer.protocol.rtsp.headers.range import clock_range, play_range

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("wall_ns", "value"),
    [
        (0, "clock=19700101T000000.000Z-"),  # a board without a clock of its own, before it has asked the network
        (1_266_417_440_257_000_000, "clock=20100217T143720.257Z-"),  # ONVIF's example
        (1_266_417_440_256_500_000, "clock=20100217T143720.257Z-"),
        (1_266_417_440_256_499_999, "clock=20100217T143720.256Z-"),
        (1_798_761_599_999_600_000, "clock=20270101T000000.000Z-"),  # rounded up into the next year
        (4_102_444_800_007_000_000, "clock=21000101T000000.007Z-"),
    ],
)
def test_an_instant_is_written_to_the_millisecond(wall_ns: int, value: str) -> None:
    assert clock_range(wall_ns) == value


@pytest.mark.parametrize(
    ("user_agent", "value"),
    [
        ("", "clock=20100217T143720.257Z-"),
        ("Lavf61.7.100", "clock=20100217T143720.257Z-"),
        ("ExoPlayerLib/2.18.1", "npt=now-"),
        ("AndroidXMedia3/1.4.1", "npt=now-"),
    ],
)
def test_who_reads_no_clock_is_sent_none(user_agent: str, value: str) -> None:
    assert play_range(1_266_417_440_257_000_000, user_agent) == value


@given(st.integers(0, 5_000_000_000_000_000_000))
def test_it_is_the_instant_that_it_was(wall_ns: int) -> None:
    read = datetime.strptime(clock_range(wall_ns), "clock=%Y%m%dT%H%M%S.%fZ-").replace(tzinfo=UTC)
    assert abs((read - EPOCH) / timedelta(microseconds=1) - wall_ns / 1000) <= 500.5
