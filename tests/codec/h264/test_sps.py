"""What parameter sets say: real ones of encoders, and every field of the syntax written bit by bit."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_streamer.codec.h264.sps import (
    MAX_PARAMETER_SET_BYTES,
    SampleFormat,
    SliceSyntax,
    VideoFormat,
    parse_sps,
    pps_id,
    sps_id,
)
from tests.support.h264_syntax import Sps, nal, se, ue

X264_BASELINE = bytes.fromhex("6742c00dda05066840000003004000000f23c50aa8")
X264_HIGH_444 = bytes.fromhex("67f4000d919640586fb8b840000003004000000f23c50a92")  # with the JVT scaling matrix


def size_of(sps: Sps) -> tuple[int, int]:
    video_format = parse_sps(sps.encoded())
    return video_format.width, video_format.height


def crop(left: int, right: int, top: int, bottom: int) -> str:
    return "1" + ue(left) + ue(right) + ue(top) + ue(bottom)


@pytest.mark.parametrize(
    ("sps", "video_format"),
    [
        (X264_BASELINE, VideoFormat(320, 192, 66)),
        (X264_HIGH_444, VideoFormat(350, 198, 244, SampleFormat(3))),
        (Sps().encoded(), VideoFormat(1280, 720, 66)),
    ],
)
def test_formats(sps: bytes, video_format: VideoFormat) -> None:
    assert parse_sps(sps) == video_format


@pytest.mark.parametrize(
    ("profile_idc", "chroma_format_idc", "size"),
    [
        (66, None, (1278, 714)),  # 4:2:0 without being said
        (100, 1, (1278, 714)),
        (100, 0, (1279, 717)),  # monochrome
        (122, 2, (1278, 717)),
        (244, 3, (1279, 717)),
    ],
)
def test_crop_units_depend_on_chroma(profile_idc: int, chroma_format_idc: int | None, size: tuple[int, int]) -> None:
    chroma = "" if chroma_format_idc is None else chroma_fields(chroma_format_idc)
    assert size_of(Sps(profile_idc, chroma=chroma, crop=crop(0, 1, 1, 2))) == size


def chroma_fields(chroma_format_idc: int, scaling: str = "0") -> str:
    separate_planes = "0" if chroma_format_idc == 3 else ""
    return ue(chroma_format_idc) + separate_planes + ue(0) + ue(2) + "0" + scaling


def test_how_pictures_are_sampled() -> None:
    assert parse_sps(Sps(110, chroma=chroma_fields(2)).encoded()).samples == SampleFormat(2, 8, 10)
    assert parse_sps(Sps(66).encoded()).samples == SampleFormat(1, 8, 8)


@pytest.mark.parametrize("chroma_format_idc", [1, 3])
def test_scaling_lists_are_passed_over(chroma_format_idc: int) -> None:
    lists = 12 if chroma_format_idc == 3 else 8
    whole = ["1" + se(1) * (16 if index < 6 else 64) for index in range(lists)]
    ends_early = "1" + se(2) + se(-10)  # next scale 0: the rest repeats the last
    for scaling in (["0"] * lists, whole, [ends_early] * lists, ["0", *whole[1:-1], ends_early]):
        chroma = chroma_fields(chroma_format_idc, "1" + "".join(scaling))
        assert size_of(Sps(244, chroma=chroma)) == (1280, 720)


def test_a_scale_wraps_at_256() -> None:
    wraps_to_zero = "1" + se(127) + se(121)  # 8 + 127 + 121 = 256
    assert size_of(Sps(100, chroma=chroma_fields(1, "1" + wraps_to_zero + "0" * 7))) == (1280, 720)


@pytest.mark.parametrize(
    "order",
    [ue(0) + ue(12), ue(1) + "0" + se(-7) + se(3) + ue(0), ue(1) + "1" + se(0) + se(0) + ue(2) + se(-1) + se(5), ue(2)],
)
def test_picture_order_is_passed_over(order: str) -> None:
    assert size_of(Sps(order=order)) == (1280, 720)


def test_interlaced_map_units_cover_two_fields() -> None:
    interlaced = Sps(width_mbs=120, height_map_units=34, frame_mbs_only="00")
    assert size_of(interlaced) == (1920, 1088)
    assert size_of(replace(interlaced, crop=crop(0, 0, 0, 2))) == (1920, 1080)


@pytest.mark.parametrize(
    ("sps", "slice_syntax"),
    [
        (Sps(), SliceSyntax(4, False)),
        (Sps(log2_max_frame_num_minus4=12), SliceSyntax(16, False)),
        (Sps(log2_max_frame_num_minus4=3, frame_mbs_only="01"), SliceSyntax(7, True)),
    ],
)
def test_what_slice_headers_consist_of(sps: Sps, slice_syntax: SliceSyntax) -> None:
    assert parse_sps(sps.encoded()).slice_syntax == slice_syntax


@pytest.mark.parametrize(
    ("sps", "may_reorder"),
    [
        (Sps(profile_idc=77, order=ue(0, 0)), True),
        (Sps(profile_idc=77, order=ue(1) + "0" + se(0) + se(0) + ue(0)), True),
        (Sps(profile_idc=77, order=ue(2)), False),  # output order is coding order (8.2.1.3)
        (Sps(profile_idc=66, order=ue(0, 0)), False),  # no B slices (A.2.1)
    ],
)
def test_whether_pictures_may_be_shown_in_another_order(sps: Sps, may_reorder: bool) -> None:
    assert parse_sps(sps.encoded()).may_reorder is may_reorder


@pytest.mark.parametrize("vui", ["0", "1" + "0" * 8, "1" * 60])
def test_the_vui_is_not_read(vui: str) -> None:
    assert size_of(Sps(vui=vui)) == (1280, 720)


@pytest.mark.parametrize(
    ("sps", "complaint"),
    [
        (Sps(own_id=32), "seq_parameter_set_id is 32"),
        (Sps(profile_idc=100, chroma=ue(4)), "chroma_format_idc is 4"),
        (Sps(profile_idc=100, chroma=ue(1) + ue(7)), "bit_depth_luma_minus8 is 7"),
        (Sps(profile_idc=100, chroma=ue(1) + ue(0) + ue(7)), "bit_depth_chroma_minus8 is 7"),
        (Sps(log2_max_frame_num_minus4=13), "log2_max_frame_num_minus4 is 13"),
        (Sps(order=ue(3)), "pic_order_cnt_type is 3"),
        (Sps(order=ue(0) + ue(13)), "log2_max_pic_order_cnt_lsb_minus4 is 13"),
        (Sps(order=ue(1) + "0" + se(0) + se(0) + ue(256)), "num_ref_frames_in_pic_order_cnt_cycle is 256"),
        (Sps(reference_frames=17), "max_num_ref_frames is 17"),
        (Sps(width_mbs=1056), "pic_width_in_mbs_minus1 is 1055"),
        (Sps(height_map_units=1056), "pic_height_in_map_units_minus1 is 1055"),
        (Sps(crop=crop(320, 320, 0, 0)), "cropped to 0 x 720"),
        (Sps(crop=crop(0, 0, 300, 100)), "cropped to 1280 x -80"),
        (Sps(crop=crop(0, 99_999, 0, 0)), "frame_crop_right_offset is 99999"),
    ],
)
def test_what_cannot_be_true_is_named(sps: Sps, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_sps(sps.encoded())


@pytest.mark.parametrize("size_bytes", range(8))  # the size ends in the eighth byte
def test_truncated_anywhere(size_bytes: int) -> None:
    with pytest.raises(ValueError, match="truncated"):
        parse_sps(X264_BASELINE[:size_bytes])


def test_too_long() -> None:
    with pytest.raises(ValueError, match="4097 bytes, at most 4096"):
        parse_sps(X264_BASELINE.ljust(MAX_PARAMETER_SET_BYTES + 1, b"\xff"))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_format_or_a_value_error(data: bytes) -> None:
    try:
        video_format = parse_sps(b"\x67" + data)
    except ValueError:
        return
    assert video_format.width > 0
    assert video_format.height > 0


@given(st.integers(0, len(X264_HIGH_444) * 8 - 1))
def test_any_flipped_bit_is_a_format_or_a_value_error(bit: int) -> None:
    damaged = bytearray(X264_HIGH_444)
    damaged[bit // 8] ^= 1 << bit % 8
    try:
        parse_sps(bytes(damaged))
    except ValueError as error:
        assert str(error)  # noqa: PT017 - both outcomes are right, and an error must say something


@pytest.mark.parametrize("own_id", [0, 1, 31])
def test_sps_id(own_id: int) -> None:
    assert sps_id(Sps(own_id=own_id).encoded()) == own_id


@pytest.mark.parametrize("own_id", [0, 3, 255])
def test_pps_id(own_id: int) -> None:
    assert pps_id(nal(ue(own_id) + ue(0))) == own_id


@pytest.mark.parametrize("sps", [b"", b"\x67", b"\x67\x42\xc0\x1f", b"\x67\x42\xc0\x1f\x00"])
def test_no_sps_id(sps: bytes) -> None:
    with pytest.raises(ValueError, match="truncated"):
        sps_id(sps)


@pytest.mark.parametrize("pps", [b"", b"\x68", b"\x68\x00"])
def test_no_pps_id(pps: bytes) -> None:
    with pytest.raises(ValueError, match="truncated"):
        pps_id(pps)


def test_ids_out_of_range() -> None:
    with pytest.raises(ValueError, match="seq_parameter_set_id is 32"):
        sps_id(Sps(own_id=32).encoded())
    with pytest.raises(ValueError, match="pic_parameter_set_id is 256"):
        pps_id(nal(ue(256)))
