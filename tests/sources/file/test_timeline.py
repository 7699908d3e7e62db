"""Time stamps of a file, whatever they are, as times that always advance and last as long as the frames do."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_streamer.codec.frame import CLOCK_HZ
from edge_streamer.sources.file.timeline import LONG_FRAMES, MAX_HOLE_S, MIN_PASS, MIN_STEP, Order, Timeline

BASE = Fraction(1, 25)  # a stamp is a frame
FRAME = 3600


def timeline(time_base=BASE, rate_hz=Fraction(25)):
    return Timeline(time_base, rate_hz)


def decode_times(stamps, line=None, order=Order.AS_CODED, long=1):
    line = line or timeline()
    return [line.place(stamp, None, long, order).decode for stamp in stamps]


def passes(line, stamps, times, long=1):
    """Decode times of some passes over the same stamps."""
    found = []
    for _ in range(times):
        found += decode_times(stamps, line, long=long)
        line.begin_pass()
    return found


@pytest.mark.parametrize("hole_s", [6, 12, 60, MAX_HOLE_S])
def test_a_hole_is_kept(hole_s):
    line = timeline()
    assert decode_times([0, 1, 1 + 25 * hole_s], line) == [0, FRAME, FRAME + hole_s * CLOCK_HZ]
    assert (line.breaks, line.leaps) == (0, 0)


def test_a_leap_is_left_out_and_counted():
    line = timeline()
    far = 25 * (MAX_HOLE_S + 1)
    assert decode_times([0, 1, far, far + 1], line) == [0, FRAME, 2 * FRAME, 3 * FRAME]
    assert (line.breaks, line.leaps) == (0, 1)


def test_a_hole_is_judged_by_the_files_own_rate():
    """A picture an hour: a hole of four hours is as ordinary as a missing picture elsewhere."""
    line = timeline(Fraction(3600), Fraction(1, 3600))
    hour = 3600 * CLOCK_HZ
    assert decode_times([0, 1, 1 + LONG_FRAMES], line) == [0, hour, (1 + LONG_FRAMES) * hour]
    assert line.longest_step_s == LONG_FRAMES * 3600


@pytest.mark.parametrize("back", [1, 12, 10**9])
def test_a_step_back_is_a_break_and_the_clip_goes_on_one_frame_later(back):
    line = timeline()
    stamps = [100, 101, 102 - back, 103 - back]
    assert decode_times(stamps, line) == [100 * FRAME, 101 * FRAME, 102 * FRAME, 103 * FRAME]
    assert (line.breaks, line.leaps) == (1, 0)


def test_stamps_that_stand_still_are_a_frame_apart():
    line = timeline()
    assert steps(passes(line, [7] * 5, 3)) == {FRAME}
    assert line.breaks == 12  # the passes follow each other


@pytest.mark.parametrize("long", [0, 1, 1 << 40])
def test_a_lone_frame_comes_once_in_the_time_that_it_lasts(long):
    lasts = FRAME if long else round(CLOCK_HZ / 25)
    assert steps(passes(timeline(), [0], 9, long)) == {lasts}


@pytest.mark.parametrize("frames", [1, 3])
def test_a_pass_of_a_few_milliseconds_is_not_repeated_without_end(frames):
    """Each pass opens the file."""
    found = passes(timeline(Fraction(1, 1000), Fraction(1000)), range(frames), 5)
    assert steps(found[::frames]) == {MIN_PASS}


def test_a_lone_frame_that_lasts_minutes_does():
    assert steps(passes(timeline(), [0], 4, long=25 * 300)) == {300 * CLOCK_HZ}


def test_a_pass_takes_as_long_as_its_frames_last():
    line = timeline(Fraction(20), Fraction(1, 20))
    assert steps(passes(line, [0, 1, 2, 3], 3)) == {20 * CLOCK_HZ}


def test_frames_of_a_microsecond_have_no_times_of_their_own():
    line = timeline(Fraction(1, 1_000_000), Fraction(25))
    assert steps(passes(line, range(9), 3)) == {FRAME}


def steps(times):
    return {later - earlier for earlier, later in pairwise(times)}


def shown(line, stamps, order):
    return [line.place(decode, presentation, 1, order).presentation // FRAME for decode, presentation in stamps]


B_FRAMES = [(0, 2), (1, 5), (2, 3), (3, 4), (4, 8), (5, 6), (6, 7)]


def test_reordered_frames_keep_their_places():
    assert shown(timeline(), B_FRAMES, Order.REORDERED) == [2, 5, 3, 4, 8, 6, 7]


def test_reordered_frames_follow_each_other_over_the_seam():
    line = timeline()
    found = []
    for _ in range(3):
        found += shown(line, B_FRAMES, Order.REORDERED)
        line.begin_pass()
    assert sorted(found) == list(range(2, 23))


def test_without_reordering_in_the_codec_time_never_goes_back():
    line = timeline()
    times = [line.place(decode, presentation, 1, Order.AS_CODED) for decode, presentation in B_FRAMES]
    assert all(step > 0 for step in steps([each.presentation for each in times]))
    assert steps([each.decode for each in times]) == {FRAME}


def test_an_idr_is_shown_after_all_before_it():
    line = timeline()
    line.place(0, 2, 1, Order.AFTER_ALL)
    line.place(1, 5, 1, Order.REORDERED)
    idr = line.place(2, 2, 1, Order.AFTER_ALL)
    assert idr.presentation == 6 * FRAME
    assert idr.decode == 6 * FRAME
    assert line.place(3, 4, 1, Order.REORDERED).decode == 7 * FRAME


def test_a_presentation_time_before_the_decode_time_is_the_decode_time():
    assert timeline().place(5, 3, 1, Order.REORDERED)[:2] == (5 * FRAME, 5 * FRAME)


def test_a_presentation_time_that_is_far_off_is_bounded():
    times = timeline().place(0, 10**12, 1, Order.REORDERED)
    assert times.presentation == MAX_HOLE_S * CLOCK_HZ


stamps = st.integers(-(2**40), 2**40)
orders = st.sampled_from(Order)


@given(
    st.fractions(Fraction(1, 10**6), Fraction(100)),
    st.fractions(Fraction(1, 100), Fraction(1000)),
    st.lists(st.lists(st.tuples(stamps, st.none() | stamps, stamps, orders), min_size=1, max_size=8), max_size=4),
)
def test_whatever_the_stamps_are(time_base, rate_hz, clip):
    """Decode times advance by a millisecond at least, and only what the codec may reorder is shown before another."""
    line = Timeline(time_base, rate_hz)
    decode, newest = None, None
    for one_pass in clip:
        for decode_stamp, presentation_stamp, long, order in one_pass:
            times = line.place(decode_stamp, presentation_stamp, long, order)
            assert times.duration >= MIN_STEP
            assert times.presentation >= times.decode or order is Order.AS_CODED
            if decode is not None:
                assert times.decode - decode >= MIN_STEP
                assert order is Order.REORDERED or times.presentation > newest
            decode = times.decode
            newest = times.presentation if newest is None else max(newest, times.presentation)
        line.begin_pass()
