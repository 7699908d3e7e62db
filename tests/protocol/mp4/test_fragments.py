"""Fragmented MP4: the boxes parsed back, by a parser that knows nothing of the writer."""

from itertools import pairwise

import pytest

from edge_streamer.codec.frame import CLOCK_HZ
from edge_streamer.protocol.mp4.fragments import (
    MAX_DURATION_S,
    MIN_DURATION_S,
    START_TIME,
    FragmentWriter,
    VideoTrack,
    initialization_segment,
)
from tests.support.browser.mp4_boxes import Box, parse
from tests.support.frames import PPS, SPS

OTHER_PPS = PPS + b"\x01"
HIGH_SPS = bytes.fromhex("6764001facd9405005bb011000000300100000030300f183196000")
TRACK = VideoTrack((SPS,), (PPS,), 320, 192)
SLICE = b"\x65" + bytes(range(1, 100))
MIN_DURATION = round(MIN_DURATION_S * CLOCK_HZ)


def names(box: Box) -> list[str]:
    return [child.name for child in box.children]


# --- the initialization segment


def test_the_initialization_segment_has_the_boxes_that_must_be_there_in_their_order():
    segment = parse(initialization_segment(TRACK))
    assert names(segment) == ["ftyp", "moov"]
    assert names(segment.at("moov")) == ["mvhd", "trak", "mvex"]
    assert names(segment.at("moov/trak")) == ["tkhd", "mdia"]
    assert names(segment.at("moov/trak/mdia")) == ["mdhd", "hdlr", "minf"]
    assert names(segment.at("moov/trak/mdia/minf")) == ["vmhd", "dinf", "stbl"]
    assert names(segment.at("moov/trak/mdia/minf/stbl")) == ["stsd", "stts", "stsc", "stsz", "stco"]
    assert names(segment.at("moov/mvex")) == ["trex"]


def test_brands_allow_fragments_that_count_from_their_own_start():
    file_type = parse(initialization_segment(TRACK)).at("ftyp").body
    assert file_type[:4] == b"iso6"
    assert {b"iso5", b"iso6", b"avc1"} <= {file_type[start : start + 4] for start in range(8, len(file_type), 4)}


@pytest.mark.parametrize(
    ("path", "size_bytes"),
    [
        ("moov/mvhd", 100),
        ("moov/trak/tkhd", 84),
        ("moov/trak/mdia/mdhd", 24),
        ("moov/trak/mdia/minf/vmhd", 12),
        ("moov/trak/mdia/minf/stbl/stsz", 12),
        ("moov/mvex/trex", 24),
    ],
)
def test_boxes_of_fixed_size_have_it(path, size_bytes):
    assert len(parse(initialization_segment(TRACK)).at(path).body) == size_bytes


def test_times_are_in_ticks_of_rtp_and_no_duration_is_promised():
    segment = parse(initialization_segment(TRACK))
    assert segment.at("moov/mvhd").numbers("IIII") == (0, 0, 90_000, 0)
    assert segment.at("moov/trak/mdia/mdhd").numbers("IIIIH") == (0, 0, 90_000, 0, 0x55C4)
    assert segment.at("moov/trak/tkhd").numbers("IIIII") == (0, 0, 1, 0, 0)
    assert segment.at("moov/trak/mdia/hdlr").body[8:12] == b"vide"


def test_the_size_stands_in_track_and_sample_entry():
    segment = parse(initialization_segment(TRACK))
    assert segment.at("moov/trak/tkhd").numbers("II", 76) == (320 << 16, 192 << 16)
    assert sample_entry(TRACK).numbers("HH", 24) == (320, 192)


def sample_entry(track: VideoTrack) -> Box:
    description = parse(initialization_segment(track)).at("moov/trak/mdia/minf/stbl/stsd")
    assert description.numbers("I") == (1,)
    (entry,) = parse(description.body[8:]).children
    assert entry.name == "avc1"
    assert len(entry.body) > 78
    return entry


def configuration(track: VideoTrack) -> bytes:
    (box,) = parse(sample_entry(track).body[78:]).children
    assert box.name == "avcC"
    return box.body


def test_the_configuration_holds_the_parameter_sets():
    track = VideoTrack((SPS,), (PPS, OTHER_PPS), 320, 192)
    sps = b"\x01" + SPS[1:4] + b"\xff\xe1" + len(SPS).to_bytes(2, "big") + SPS
    pps = b"\x02" + b"".join(len(each).to_bytes(2, "big") + each for each in (PPS, OTHER_PPS))
    assert configuration(track) == sps + pps


@pytest.mark.parametrize(
    ("samples", "end"), [((), "fdf8f800"), ((2, 10, 10), "fefafa00"), ((3, 8, 9), "fff8f900")], ids=str
)
def test_the_configuration_of_a_high_profile_says_how_pictures_are_sampled(samples, end):
    assert configuration(VideoTrack((HIGH_SPS,), (PPS,), 1280, 720, *samples)).hex().endswith(PPS.hex() + end)


def test_the_media_type_names_profile_and_level():
    assert TRACK.mime == 'video/mp4; codecs="avc1.42c00d"'
    assert VideoTrack((HIGH_SPS,), (PPS,), 1280, 720).mime == 'video/mp4; codecs="avc1.64001f"'


@pytest.mark.parametrize(("sps", "pps"), [((), (PPS,)), ((SPS,), ()), ((SPS,) * 32, (PPS,)), ((SPS,), (PPS,) * 256)])
def test_parameter_sets_that_the_configuration_cannot_hold_are_refused(sps, pps):
    with pytest.raises(ValueError, match="SPS and"):
        VideoTrack(sps, pps, 320, 192)


# --- fragments


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
