"""When a camera is given up, and how often its rubbish is reported; by a hand-turned clock."""

from fractions import Fraction

import pytest

from edge_streamer.sources.ending import SourceError
from edge_streamer.sources.v4l2_health import Discards, FrameWatch
from tests.support.v4l2_recording import RecordingLink

SECOND_NS = 1_000_000_000


def test_a_camera_has_three_intervals_and_a_second():
    watch = FrameWatch("/dev/video0", Fraction(30), 0)
    watch.saw_frame(10 * SECOND_NS)
    assert watch.deadline_ns == 11_100_000_000
    watch.check(watch.deadline_ns - 1, Discards())
    with pytest.raises(SourceError, match=r"stopped delivering: no picture from /dev/video0 for 1\.1 s$"):
        watch.check(watch.deadline_ns, Discards())


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
