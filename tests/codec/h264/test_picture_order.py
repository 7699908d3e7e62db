"""Raw streams that can be played without time stamps, and those that cannot: of an encoder, and written by hand."""

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_streamer.codec.h264.picture_order import (
    B_FRAMES,
    FIELD_PICTURES,
    SliceHeader,
    is_second_field,
    pictures_without_times,
    read_slice_header,
)
from edge_streamer.codec.h264.sps import parse_sps
from tests.support.h264_syntax import Sps, nal, u, ue
from tests.support.rtsp.h264_depacketizer import annex_b

FLAVOURS = {
    "pyramid": {"b_frames": 3, "x264": "b-pyramid=normal"},
    "no pyramid": {"b_frames": 2, "x264": "b-pyramid=none"},
    "sixteen": {"b_frames": 16, "x264": "b-pyramid=strict"},
    "interlaced": {"b_frames": 2, "x264": "tff=1"},
    "interlaced without B-frames": {"x264": "tff=1"},
    "scaling lists": {"b_frames": 2, "x264": "cqm=jvt:8x8dct=1"},
    "4:4:4": {"b_frames": 2, "pix_fmt": "yuv444p"},
    "open groups": {"b_frames": 2, "x264": "open-gop=1"},
    "slices": {"b_frames": 1, "x264": "slices=4"},
    "key frames only": {"gop": 1},
    "long group": {"gop": 500, "frames": 150},
    "no B-frames": {},
}


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_of_an_encoder(make_clip, flavour):
    settings = {"frames": 60, "gop": 20, **FLAVOURS[flavour]}
    with av.open(make_clip(f"{flavour.replace(':', '').replace(' ', '-')}.h264", **settings)) as container:
        units = [bytes(packet) for packet in container.demux(video=0)]
    assert pictures_without_times(units) == (B_FRAMES if "b_frames" in settings else "")


P_SLICE, B_SLICE, I_SLICE, ALL_B_SLICES = 0, 1, 2, 6  # slice_type, table 7-6
INTERLACED = Sps(log2_max_frame_num_minus4=3, frame_mbs_only="00")


def slice_of(kind: int, *, first_byte: int = 0x41, is_field: bool = False) -> bytes:
    """A slice of INTERLACED up to field_pic_flag, and some bits more."""
    frame_num = u(0, 4 + INTERLACED.log2_max_frame_num_minus4)
    return nal(ue(0, kind, 0) + frame_num + str(int(is_field)) + "1010", first_byte)


@pytest.mark.parametrize("first_byte", [0x65, 0x41, 0x42], ids=["IDR", "slice", "partition A"])
def test_field_pictures_are_found(first_byte):
    units = [annex_b([INTERLACED.encoded(), slice_of(P_SLICE, first_byte=first_byte, is_field=True)])]
    assert pictures_without_times(units) == FIELD_PICTURES


@pytest.mark.parametrize("kind", [P_SLICE, I_SLICE])
def test_frames_of_a_stream_that_may_have_fields_are_frames(kind):
    assert pictures_without_times([annex_b([INTERLACED.encoded(), slice_of(kind)])]) == ""


@pytest.mark.parametrize("kind", [B_SLICE, ALL_B_SLICES])
def test_b_slices_are_found_behind_others_and_without_an_sps(kind):
    units = [annex_b([slice_of(P_SLICE)]), annex_b([slice_of(I_SLICE), slice_of(kind)])]
    assert pictures_without_times(units) == B_FRAMES


@pytest.mark.parametrize("sps", [Sps(), Sps(log2_max_frame_num_minus4=12)])
def test_a_stream_without_fields_has_no_flag_for_them(sps):
    frame_num = "1" * (4 + sps.log2_max_frame_num_minus4)
    units = [annex_b([sps.encoded(), nal(ue(0, P_SLICE, 0) + frame_num + "1111", 0x41)])]
    assert pictures_without_times(units) == ""


@pytest.mark.parametrize("first_byte", [0x43, 0x44, 0x06, 0x09])
def test_units_without_a_slice_header_are_not_read(first_byte):
    assert pictures_without_times([annex_b([nal(ue(0, B_SLICE, 0), first_byte)])]) == ""


def test_what_cannot_be_read_is_passed_over():
    broken = [b"\x67\x42", b"\x41", b"\x41\x01", nal(ue(0, 10), 0x41)]
    assert pictures_without_times([annex_b([unit]) for unit in broken]) == ""
    assert pictures_without_times([annex_b([*broken, slice_of(B_SLICE)])]) == B_FRAMES
    assert pictures_without_times([]) == ""


@given(
    st.lists(
        st.lists(
            st.sampled_from([0x67, 0x65, 0x41]).flatmap(
                lambda first: st.binary(max_size=40).map(lambda rest: bytes((first,)) + rest)
            )
        ),
        max_size=6,
    )
)
def test_any_bytes_get_a_verdict(units):
    assert pictures_without_times(annex_b(unit) for unit in units) in (B_FRAMES, FIELD_PICTURES, "")


@pytest.mark.parametrize(
    ("flags", "structure"), [("0", "frame"), ("10", "top field"), ("11", "bottom field")], ids=lambda value: value
)
def test_what_a_slice_header_says(flags, structure):
    syntax = parse_sps(INTERLACED.encoded()).slice_syntax
    assert read_slice_header(nal(ue(0, 7, 0) + u(93, 7) + flags, 0x65), syntax) == SliceHeader(2, 93, structure)


@pytest.mark.parametrize(
    ("first", "second", "is_pair"),
    [
        (("top field", 5), ("bottom field", 5), True),
        (("bottom field", 5), ("top field", 5), True),
        (("top field", 5), ("top field", 5), False),
        (("top field", 5), ("bottom field", 6), False),
        (("frame", 5), ("bottom field", 5), False),
        (("top field", 5), ("frame", 5), False),
        (("frame", 5), ("frame", 5), False),
    ],
)
def test_two_fields_of_opposite_parity_and_one_number_are_a_frame(first, second, is_pair):
    one, other = (SliceHeader(0, number, structure) for structure, number in (first, second))
    assert is_second_field(one, other) is is_pair
