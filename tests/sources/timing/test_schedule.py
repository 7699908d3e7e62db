"""Schedules, with a clock that is turned by hand."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_streamer.sources.timing.schedule import (
    MAX_LATE_NS,
    ClipSchedule,
    FrameSchedule,
    instant_of,
    media_time_of,
)

SECOND_NS = 1_000_000_000
START_NS = 7 * SECOND_NS


@given(st.integers(0, 1 << 50))
def test_an_instant_of_a_media_time_has_that_media_time(media_time):
    assert media_time_of(instant_of(media_time)) == media_time


def test_media_time_is_90_khz():
    assert media_time_of(10 * SECOND_NS) == 900_000


@pytest.mark.parametrize("rate", [Fraction(30), Fraction(30000, 1001), Fraction(15), Fraction(1)])
def test_a_schedule_does_not_drift(rate):
    schedule = FrameSchedule(START_NS, rate)
    for number in range(10_000):
        assert schedule.due_ns == START_NS + int(number * SECOND_NS / rate)
        schedule.advance(schedule.due_ns + 12_345_678)


def test_a_source_up_to_a_second_late_catches_up():
    schedule = FrameSchedule(START_NS, Fraction(10))
    schedule.advance(START_NS + SECOND_NS // 10 + MAX_LATE_NS)
    assert schedule.due_ns == START_NS + SECOND_NS // 10


def test_a_source_that_is_later_skips_to_its_next_instant():
    schedule = FrameSchedule(START_NS, Fraction(10))
    schedule.advance(START_NS + 5 * SECOND_NS + 1)
    assert schedule.due_ns == START_NS + 5 * SECOND_NS + SECOND_NS // 10
    schedule.advance(schedule.due_ns)
    assert schedule.due_ns == START_NS + 5 * SECOND_NS + 2 * SECOND_NS // 10


def test_a_clip_begins_now_whatever_its_first_time_stamp():
    schedule = ClipSchedule(first_decode_time=-7200, now_ns=START_NS)
    assert schedule.due_ns(-7200, START_NS) == START_NS
    assert schedule.due_ns(-7200 + 90_000, START_NS) == START_NS + SECOND_NS


def test_a_clip_a_little_late_keeps_its_times():
    schedule = ClipSchedule(0, START_NS)
    assert schedule.due_ns(90_000, START_NS + SECOND_NS + MAX_LATE_NS) == START_NS + SECOND_NS
    assert schedule.origin == media_time_of(START_NS)


@pytest.mark.parametrize(
    ("decode_time", "now_ns"),
    [
        (90_000, START_NS + SECOND_NS + MAX_LATE_NS + 1),  # the machine slept
        (-900_000, START_NS + 1),  # the file's time stamps jump back
    ],
)
def test_a_clip_goes_on_from_now_after_a_jump(decode_time, now_ns):
    schedule = ClipSchedule(0, START_NS)
    assert schedule.due_ns(decode_time, now_ns) == now_ns
    assert schedule.origin + decode_time == media_time_of(now_ns)
    assert abs(schedule.due_ns(decode_time + 90_000, now_ns) - (now_ns + SECOND_NS)) < 12_000


def test_a_frame_that_is_minutes_away_is_due_then():
    schedule = ClipSchedule(0, START_NS)
    assert abs(schedule.due_ns(1200 * 90_000, START_NS) - (START_NS + 1200 * SECOND_NS)) < 12_000
    assert schedule.origin == media_time_of(START_NS)
