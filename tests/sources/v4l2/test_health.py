"""When a camera is given up, and how often its rubbish is reported; by a hand-turned clock."""

from fractions import Fraction

import pytest

from edge_streamer.services.supervision.restarts import SILENCE_EXTRA_S, SILENCE_FRAMES
from edge_streamer.sources.ending import SourceError
from edge_streamer.sources.v4l2.health import Discards, FrameWatch, MissedPictures, patience_ns
from tests.support.v4l2.recording import RecordingLink

SECOND_NS = 1_000_000_000


def test_a_camera_has_three_intervals_and_a_moment():
    watch = FrameWatch("/dev/video0", Fraction(30), 0)
    watch.saw_frame(10 * SECOND_NS)
    assert watch.deadline_ns == 10_850_000_000
    watch.check(watch.deadline_ns - 1, Discards())
    with pytest.raises(SourceError, match=r"stopped delivering: no picture from /dev/video0 for 0\.8 s$"):
        watch.check(watch.deadline_ns, Discards())


def test_silence_is_found_before_the_server_finds_it():
    assert patience_ns(Fraction(30)) / 1e9 < SILENCE_FRAMES / 30 + SILENCE_EXTRA_S - 0.2


def habit_after(*missed_by_second):
    """Return in which second missed pictures are said to be a habit; the numbers are totals."""
    missed = MissedPictures()
    for second, total in enumerate(missed_by_second):
        for quarter in range(4):
            if missed.are_a_habit(total, second * SECOND_NS + quarter * SECOND_NS // 4):
                return second
    return None


def test_pictures_missed_at_the_start_or_now_and_then_are_no_habit():
    assert habit_after(0, 14, 14, 14, 14, 15, 16, 16, 16, 17) is None


def test_pictures_missed_second_after_second_are_one():
    assert habit_after(0, 2, 2, 3, 5, 6, 6) == 5


def test_the_first_picture_may_take_longer():
    watch = FrameWatch("/dev/video0", Fraction(30), 0)
    watch.check(5 * SECOND_NS, Discards())
    with pytest.raises(SourceError, match=r"for 6\.0 s"):
        watch.check(6 * SECOND_NS, Discards())


def test_rubbish_is_no_picture_and_is_said():
    discards = Discards()
    discards.add("torn")
    with pytest.raises(SourceError, match=r"for 6\.0 s, and 1 unusable buffers so far"):
        FrameWatch("/dev/video0", Fraction(30), 0).check(6 * SECOND_NS, discards)


def test_discards_are_told_once_a_second_for_each_reason():
    link, discards = RecordingLink(lambda link: False), Discards()
    for tenth in range(25):
        discards.add("torn")
        if tenth == 5:
            discards.add("empty")
        discards.tell(link, tenth * SECOND_NS // 10)
    told = [(values["reason"], values["buffers"]) for values in link.notes_of("discarded")]
    assert told == [("torn", 1), ("empty", 1), ("torn", 10), ("torn", 10)]
    assert discards.total == 26
