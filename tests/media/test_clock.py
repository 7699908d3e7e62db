"""The timeline of a stream whatever its source's clock does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_streamer.codec.frame import CLOCK_HZ
from edge_streamer.media.clock import MAX_DISAGREEMENT_S, MAX_JITTER_S, MAX_STEP_S, MediaClock

FRAME = 3000  # ticks at 30 fps
FRAME_S = FRAME / CLOCK_HZ
MAX_STEP = int(MAX_STEP_S * CLOCK_HZ)
MAX_JITTER = int(MAX_JITTER_S * CLOCK_HZ)


@pytest.fixture
def clock() -> MediaClock:
    """A clock that has had one frame: media time 500,000 at second 100, position 0."""
    clock = MediaClock()
    assert clock.advance(500_000, 100.0) == 0
    return clock


@pytest.mark.parametrize("origin", [0, 1, -7, 2**40, -(2**40)])
def test_the_timeline_begins_at_zero_whatever_the_origin(origin: int) -> None:
    clock = MediaClock()
    assert [clock.advance(origin + n * FRAME, n * FRAME_S) for n in range(4)] == [0, 3000, 6000, 9000]


def test_the_first_frame_is_at_zero_with_any_flags() -> None:
    assert MediaClock().advance(77, 5.0, reordered=True, restarted=True) == 0


@pytest.mark.parametrize("step", [1, FRAME, MAX_STEP])
def test_a_step_forward_is_kept_whatever_now_says(clock: MediaClock, step: int) -> None:
    assert clock.advance(500_000 + step, 100.0) == step


@pytest.mark.parametrize(
    "media_time",
    [500_000 + MAX_STEP + 1, 10**15, 500_000 - MAX_JITTER - 1, 0, -(10**15)],
)
def test_a_leap_becomes_the_time_that_passed(clock: MediaClock, media_time: int) -> None:
    assert clock.advance(media_time, 100.5) == 45_000
    assert clock.advance(media_time + FRAME, 100.53) == 48_000  # and from there increments count again


@pytest.mark.parametrize("now", [100.0, 100.000_001, 99.0])
def test_a_leap_in_no_time_is_one_tick(clock: MediaClock, now: float) -> None:
    assert clock.advance(0, now) == 1


def test_a_leap_counts_from_the_frame_before(clock: MediaClock) -> None:
    clock.advance(503_000, 101.0)
    assert clock.advance(0, 101.1) == 3000 + 9000


@pytest.mark.parametrize("step", [0, -1, -MAX_JITTER])
def test_a_trembling_stamp_is_one_tick_on(clock: MediaClock, step: int) -> None:
    assert clock.advance(500_000 + step, 100.03) == 1
    assert clock.advance(503_000, 100.06) == 3000  # the clock itself has not moved


def test_a_clock_that_stands_still_keeps_going_tick_by_tick(clock: MediaClock) -> None:
    assert [clock.advance(500_000, 100.0) for _ in range(5)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("media_time", [0, 500_000, 503_000, 10**12])
def test_a_restart_goes_on_by_the_time_that_passed(clock: MediaClock, media_time: int) -> None:
    assert clock.advance(media_time, 102.0, restarted=True) == 180_000
    assert clock.advance(media_time + FRAME, 102.03) == 183_000


def test_a_reordered_frame_keeps_its_place_and_moves_nothing(clock: MediaClock) -> None:
    """I P B B P in coding order."""
    shown = [clock.advance(500_000 + 3 * FRAME, 100.0)]
    shown += [clock.advance(500_000 + n * FRAME, 100.1, reordered=True) for n in (1, 2)]
    shown += [clock.advance(500_000 + 4 * FRAME, 100.2)]
    assert shown == [9000, 3000, 6000, 12_000]


def test_after_a_reordered_frame_positions_still_pass_the_greatest(clock: MediaClock) -> None:
    clock.advance(500_000 + 3 * FRAME, 100.0)
    clock.advance(500_000 + FRAME, 100.1, reordered=True)
    assert clock.advance(500_000 + 2 * FRAME, 100.2) == 3 * FRAME + 1


def test_a_reordered_frame_may_precede_the_first(clock: MediaClock) -> None:
    assert clock.advance(500_000 - FRAME, 100.0, reordered=True) == -3000


def test_a_reordered_frame_that_is_ahead_after_all_is_not_passed_again(clock: MediaClock) -> None:
    assert clock.advance(509_000, 100.0, reordered=True) == 9000
    assert clock.advance(506_000, 100.0) == 9001


@pytest.mark.parametrize("media_time", [500_000 + MAX_STEP + 1, 500_000 - MAX_STEP - 1])
def test_a_reordered_frame_of_another_clock_is_a_leap(clock: MediaClock, media_time: int) -> None:
    assert clock.advance(media_time, 100.5, reordered=True) == 45_000


def test_a_reordered_frame_within_the_longest_step_is_none(clock: MediaClock) -> None:
    assert clock.advance(500_000 - MAX_STEP, 100.5, reordered=True) == -MAX_STEP


stamps = st.one_of(st.integers(-(2**62), 2**62), st.integers(-2 * MAX_STEP, 2 * MAX_STEP), st.integers(-9, 9))


@given(st.lists(st.tuples(stamps, st.floats(0, 100), st.booleans())))
def test_without_reordering_positions_always_increase(frames: list[tuple[int, float, bool]]) -> None:
    clock, now, latest = MediaClock(), 0.0, -1
    for media_time, waited_s, restarted in frames:
        now += waited_s
        position = clock.advance(media_time, now, restarted=restarted)
        assert position > latest
        latest = position


@given(stamps, st.lists(st.tuples(st.integers(1, MAX_STEP), st.floats(0, 100))))
def test_a_regular_source_is_only_shifted(origin: int, steps: list[tuple[int, float]]) -> None:
    clock, now, media_time = MediaClock(), 0.0, origin
    clock.advance(origin, now)
    for step, waited_s in steps:
        media_time, now = media_time + step, now + waited_s
        assert clock.advance(media_time, now) == media_time - origin


@given(st.lists(st.tuples(stamps, st.floats(0, 100), st.booleans(), st.booleans())))
def test_no_frame_is_further_from_the_latest_than_a_step_or_the_time_that_passed(
    frames: list[tuple[int, float, bool, bool]],
) -> None:
    """A reordered frame, which belongs before the latest, is as close to the one that was the latest before."""
    clock, now, latest, before = MediaClock(), 0.0, 0, 0
    for media_time, waited_s, reordered, restarted in frames:
        now += waited_s
        position = clock.advance(media_time, now, reordered=reordered, restarted=restarted)
        assert position - latest <= max(MAX_STEP, (waited_s + MAX_DISAGREEMENT_S) * CLOCK_HZ)
        assert position >= (before if reordered else latest) - MAX_STEP
        if position > latest:
            before, latest = latest, position


@pytest.mark.parametrize("late_s", [-0.9, 0.0, 0.9])
@pytest.mark.parametrize("step_s", [20, 600])
def test_frames_that_come_as_far_apart_as_they_are_stamped_keep_their_steps(
    clock: MediaClock, step_s: int, late_s: float
) -> None:
    """A time-lapse: each frame lasts for longer than a clock may leap."""
    assert clock.advance(500_000 + step_s * CLOCK_HZ, 100.0 + step_s + late_s) == step_s * CLOCK_HZ
    assert clock.advance(500_000 + 2 * step_s * CLOCK_HZ, 100.0 + 2 * step_s) == 2 * step_s * CLOCK_HZ


@pytest.mark.parametrize("passed_s", [18.9, 21.1, 60.0])
def test_a_leap_that_the_time_that_passed_does_not_explain_is_none(clock: MediaClock, passed_s: float) -> None:
    assert clock.advance(500_000 + 20 * CLOCK_HZ, 100.0 + passed_s) == round(passed_s * CLOCK_HZ)


def test_a_reordered_frame_of_a_time_lapse_stays_between_the_frames_around_it(clock: MediaClock) -> None:
    minute = 60 * CLOCK_HZ
    assert clock.advance(500_000 + 2 * minute, 220.0) == 2 * minute
    assert clock.advance(500_000 + minute, 280.0, reordered=True) == minute
    assert clock.advance(500_000 + 3 * minute, 340.0) == 3 * minute
