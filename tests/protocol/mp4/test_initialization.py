"""The initialization segment: its boxes parsed back, by a parser that knows nothing of the writer."""

import pytest

from edge_streamer.codec.h264.sps import SampleFormat
from edge_streamer.protocol.mp4.initialization import VideoTrack, initialization_segment
from tests.support.browser.mp4_boxes import Box, names, parse
from tests.support.frames import PPS, SPS

OTHER_PPS = PPS + b"\x01"
HIGH_SPS = bytes.fromhex("6764001facd9405005bb011000000300100000030300f183196000")
TRACK = VideoTrack((SPS,), (PPS,), 320, 192, SampleFormat())


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
    track = VideoTrack((SPS,), (PPS, OTHER_PPS), 320, 192, SampleFormat())
    sps = b"\x01" + SPS[1:4] + b"\xff\xe1" + len(SPS).to_bytes(2, "big") + SPS
    pps = b"\x02" + b"".join(len(each).to_bytes(2, "big") + each for each in (PPS, OTHER_PPS))
    assert configuration(track) == sps + pps


@pytest.mark.parametrize(
    ("samples", "end"), [((), "fdf8f800"), ((2, 10, 10), "fefafa00"), ((3, 8, 9), "fff8f900")], ids=str
)
def test_the_configuration_of_a_high_profile_says_how_pictures_are_sampled(samples, end):
    assert (
        configuration(VideoTrack((HIGH_SPS,), (PPS,), 1280, 720, SampleFormat(*samples)))
        .hex()
        .endswith(PPS.hex() + end)
    )


@pytest.mark.parametrize(("profile_idc", "is_said"), [(66, False), (77, False), (88, False), (100, True), (244, True)])
def test_profiles_with_one_way_of_sampling_do_not_say_it(profile_idc, is_said):
    sps = bytes((0x67, profile_idc)) + HIGH_SPS[2:]
    assert configuration(VideoTrack((sps,), (PPS,), 1280, 720, SampleFormat())).endswith(PPS) == (not is_said)


def test_the_media_type_names_profile_and_level():
    assert TRACK.mime == 'video/mp4; codecs="avc1.42c00d"'
    assert VideoTrack((HIGH_SPS,), (PPS,), 1280, 720, SampleFormat()).mime == 'video/mp4; codecs="avc1.64001f"'


@pytest.mark.parametrize(("sps", "pps"), [((), (PPS,)), ((SPS,), ()), ((SPS,) * 32, (PPS,)), ((SPS,), (PPS,) * 256)])
def test_parameter_sets_that_the_configuration_cannot_hold_are_refused(sps, pps):
    with pytest.raises(ValueError, match="SPS and"):
        VideoTrack(sps, pps, 320, 192, SampleFormat())
