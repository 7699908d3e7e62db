"""A still picture as two key frames: in the asked profile, told apart, of one quality, within a second of the rate."""

import io

import av
import pytest

from edge_streamer.codec.h264.bits import BitReader, without_emulation_prevention
from edge_streamer.codec.h264.nal import NalType, nal_type, split_access_unit
from edge_streamer.codec.h264.sps import parse_sps
from edge_streamer.protocol.source.request import Output
from edge_streamer.sources.drawing.canvas import Canvas, flat_row
from edge_streamer.sources.encoding.still import encode_still
from edge_streamer.sources.ending import SourceError

SIZE = Output("main", 320, 180, 1.0, 400_000)


def picture(output: Output = SIZE):
    """Stripes: much to encode."""
    canvas = Canvas(output.width, output.height)
    for top in range(0, output.height, 4):
        canvas.fill(top, 2, flat_row((40 + top % 180, 128, 128), output.width))
    canvas.put(
        0, 0, 0, tuple(bytes((column * 37 + row * 91) % 200 + 20 for column in range(300)) for row in range(160))
    )
    return canvas.frame


def idr_picture_id(unit: bytes, frame_num_bits: int) -> int:
    """Read `idr_pic_id` of a slice header (ITU-T H.264 7.3.3)."""
    reader = BitReader(without_emulation_prevention(unit[1:64]))
    for field in ("first_mb_in_slice", "slice_type", "pic_parameter_set_id"):
        reader.unsigned(field, 1 << 16)
    reader.skip(frame_num_bits)
    return reader.unsigned("idr_pic_id", 65_535)


@pytest.mark.parametrize(("profile", "number"), [("baseline", 66), ("main", 77), ("high", 100)])
def test_both_are_complete_key_frames_of_the_profile_and_can_be_told_apart(profile, number):
    ids = []
    for access_unit in encode_still(picture(), SIZE, profile):
        units = [bytes(nal) for nal in split_access_unit(access_unit)]
        assert [nal_type(nal) for nal in units] == [NalType.SPS, NalType.PPS, NalType.IDR_SLICE]
        video = parse_sps(units[0])
        assert (video.width, video.height, video.profile_idc) == (320, 180, number)
        ids.append(idr_picture_id(units[2], video.slice_syntax.frame_num_bits))
    assert len(set(ids)) == 2


def test_by_turns_they_show_one_picture():
    first, second = encode_still(picture(), SIZE, "baseline")
    with av.open(io.BytesIO(4 * (first + second)), format="h264") as container:
        shown = [bytes(frame.planes[0]) for frame in container.decode(video=0)]
    assert len(shown) == 8
    assert set(shown) == {shown[0]}


def test_a_picture_takes_no_more_than_a_second_of_the_rate():
    generous, narrow = (
        max(map(len, encode_still(picture(), Output("main", 320, 180, 1.0, rate_bps), "baseline")))
        for rate_bps in (4_000_000, 150_000)
    )
    assert generous > narrow
    assert narrow * 8 <= 150_000


def test_even_what_takes_more_is_encoded():
    noisy = Output("main", 1280, 720, 1.0, 25_000)
    assert min(map(len, encode_still(picture(noisy), noisy, "baseline"))) * 8 > 25_000


def test_a_size_that_x264_does_not_open_is_told():
    with pytest.raises(SourceError, match="libx264 does not open for 0x0"):
        encode_still(picture(), Output("main", 0, 0), "main")
