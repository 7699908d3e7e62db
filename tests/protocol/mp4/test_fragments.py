"""Fragments: their boxes parsed back, by a parser that knows nothing of the writer."""

from itertools import pairwise

import pytest

from edge_streamer.codec.frame import CLOCK_HZ
from edge_streamer.protocol.mp4.fragments import MAX_DURATION_S, MIN_DURATION_S, START_TIME, FragmentWriter
from tests.support.browser.mp4_boxes import names, parse
from tests.support.frames import PPS, SPS

SLICE = b"\x65" + bytes(range(1, 100))
MIN_DURATION = round(MIN_DURATION_S * CLOCK_HZ)


class Fragment:
    """What a fragment says."""

    def __init__(self, data: bytes) -> None:
        self.boxes = parse(data)
        assert names(self.boxes) == ["moof", "mdat"]
        moof = self.boxes.at("moof")
        assert names(moof) == ["mfhd", "traf"]
        assert names(moof.at("traf")) == ["tfhd", "tfdt", "trun"]
        (self.sequence,) = moof.at("mfhd").numbers("I")
        header, self.time, self.run = (moof.at(f"traf/{name}") for name in ("tfhd", "tfdt", "trun"))
        assert (header.flags, header.numbers("I")) == (0x020000, (1,))
        assert self.time.version == 1
        (self.decode_time,) = self.time.numbers("Q")
        assert (self.run.version, self.run.flags) == (1, 0xF01)
        count, offset, self.duration, self.size_bytes, self.flags, self.composition = self.run.numbers("IiIIIi")
        assert count == 1
        self.sample = data[offset : offset + self.size_bytes]
        assert self.sample == self.boxes.at("mdat").body


def fragments(*media_times: int, nal_units=(SLICE,)) -> list[Fragment]:
    writer = FragmentWriter()
    return [
        Fragment(writer.fragment(nal_units, media_time, is_key_frame=not number))
        for number, media_time in enumerate(media_times)
    ]


def test_a_sample_is_nal_units_behind_their_lengths_without_parameter_sets():
    sei, extension = b"\x06\x05\x01\x80", b"\x6d\x01"
    (fragment,) = fragments(0, nal_units=(SPS, PPS, extension, memoryview(sei), SLICE))
    assert fragment.sample == b"\0\0\0\4" + sei + len(SLICE).to_bytes(4, "big") + SLICE


def test_only_a_key_frame_is_a_place_to_begin():
    first, second = fragments(0, 3000)
    assert (first.flags, second.flags) == (0x02000000, 0x01010000)
    assert second.flags & 0x10000, "a sample that is no sync sample"


def test_fragments_are_numbered_and_decode_times_are_exact():
    made = fragments(700, 3700, 6712, 9700)
    assert [each.sequence for each in made] == [1, 2, 3, 4]
    assert [each.decode_time - START_TIME for each in made] == [0, 3000, 6012, 9000]
    assert [each.composition for each in made] == [0, 0, 0, 0]


def test_a_time_beyond_32_bits_is_carried():
    first, second = fragments(-(1 << 33), 1 << 33)
    assert second.decode_time - first.decode_time == 1 << 34


def test_a_frame_is_said_to_last_as_long_as_the_one_before_but_long_enough_for_a_late_one():
    slow = 3 * MIN_DURATION
    assert [each.duration for each in fragments(0, 3000, 6000)] == [MIN_DURATION] * 3
    assert [each.duration for each in fragments(0, slow, 2 * slow)] == [MIN_DURATION, slow, slow]


def test_a_gap_is_nobodys_duration():
    gap = round(MAX_DURATION_S * CLOCK_HZ) + 1
    assert [each.duration for each in fragments(0, 3000, 3000 + gap)] == [MIN_DURATION] * 3


def test_a_slow_stream_may_say_so_before_its_second_frame():
    writer = FragmentWriter(interval_s=1.0)
    made = [Fragment(writer.fragment((SLICE,), 90_000 * number, is_key_frame=True)) for number in range(2)]
    assert [each.duration for each in made] == [90_000, 90_000]
    assert not writer.is_after_gap


@pytest.mark.parametrize(("step", "is_gap"), [(2 * MIN_DURATION, False), (2 * MIN_DURATION + 1, True)])
def test_a_gap_that_browsers_do_not_pass_is_told(step, is_gap):
    writer = FragmentWriter()
    for media_time in (0, 3000, 3000 + step):
        assert not writer.is_after_gap
        writer.fragment((SLICE,), media_time, is_key_frame=False)
    assert writer.is_after_gap == is_gap
    writer.fragment((SLICE,), 6000 + step, is_key_frame=False)
    assert not writer.is_after_gap


def test_no_step_between_two_frames_of_five_a_second_or_more_is_a_discontinuity():
    """Media Source Extensions: more than twice the frame before, and everything up to a key frame is dropped."""
    made = fragments(0, 3000, 3000 + 2 * MIN_DURATION, 6000 + 2 * MIN_DURATION)
    assert all(later.decode_time - earlier.decode_time <= 2 * earlier.duration for earlier, later in pairwise(made))


def test_frames_shown_before_one_that_came_earlier_are_decoded_after_it():
    shown = [0, 9000, 3000, 6000, 18000, 12000]
    made = fragments(*shown)
    assert [each.decode_time + each.composition - START_TIME for each in made] == shown
    assert all(later.decode_time > earlier.decode_time for earlier, later in pairwise(made))


def test_a_frame_shown_before_the_first_has_a_time_above_zero():
    made = fragments(6000, 0, 3000)
    assert [each.decode_time + each.composition for each in made] == [START_TIME, START_TIME - 6000, START_TIME - 3000]


def test_the_writer_says_how_far_it_is():
    writer = FragmentWriter()
    for media_time in (5, 3005):
        writer.fragment((SLICE,), media_time, is_key_frame=True)
    assert writer.decode_time == START_TIME + 3000
