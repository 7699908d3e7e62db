"""Reads H.264 parameter sets: the picture's size and sampling (ITU-T H.264 7.3.2.1.1), and the sets' ids.

Called once per new parameter set, never per frame. Not a decoder's parser: fields that `VideoFormat` does not need are
skipped, and reading ends before the VUI, which `sps_rewrite` goes through.
"""

from dataclasses import dataclass
from typing import Final

from edge_streamer.codec.h264.bits import BitReader, without_emulation_prevention

MAX_PARAMETER_SET_BYTES: Final = 4096
"""All scaling lists and two HRDs written out come to under 1.5 kB; more is garbage."""
MAX_SPS_ID: Final = 31
MAX_PPS_ID: Final = 255
MAX_DIMENSION_PX: Final = 16_880
"""Level 6.2: at most sqrt(8 x 139,264) macroblocks a side (ITU-T H.264 A.3.1 g)."""
PROFILES_WITH_SAMPLE_FORMAT: Final = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
"""The profile_idc whose SPS states how the picture is sampled (ITU-T H.264 7.3.2.1.1)."""

_MACROBLOCK_PX: Final = 16
_CHROMA_444: Final = 3
_CROP_UNITS: Final = {0: (1, 1), 1: (2, 2), 2: (2, 1), 3: (1, 1)}  # SubWidthC, SubHeightC, ITU-T H.264 table 6-1


@dataclass(frozen=True, slots=True)
class SampleFormat:
    """Chroma format, 1 for 4:2:0, and bits per sample (ITU-T H.264 7.4.2.1.1)."""

    chroma_format_idc: int = 1
    luma_bits: int = 8
    chroma_bits: int = 8


@dataclass(frozen=True, slots=True)
class SliceSyntax:
    """The fields of an SPS that a slice header (ITU-T H.264 7.3.3) depends on. Separately coded colour planes would add
    a field to the header; no known encoder codes them."""

    frame_num_bits: int = 4
    has_field_pic_flag: bool = False


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """The picture as shown: cropped size in pixels. A profile whose SPS does not state the sampling has 4:2:0, 8
    bits."""

    width: int
    height: int
    profile_idc: int
    samples: SampleFormat = SampleFormat()
    slice_syntax: SliceSyntax = SliceSyntax()


def sps_id(sps: bytes) -> int:
    """Return the id of a sequence parameter set NAL unit; ValueError when it holds none."""
    reader = parameter_set_reader(sps)
    reader.skip(24)
    return reader.unsigned("seq_parameter_set_id", MAX_SPS_ID)


def pps_id(pps: bytes) -> int:
    """Return the id of a picture parameter set NAL unit (7.3.2.2); ValueError when it holds none."""
    return parameter_set_reader(pps).unsigned("pic_parameter_set_id", MAX_PPS_ID)


def parse_sps(sps: bytes) -> VideoFormat:
    """Return the video format that a sequence parameter set NAL unit states; ValueError when it is truncated or out of
    range."""
    return read_up_to_vui(parameter_set_reader(sps))[0]


def parameter_set_reader(nal: bytes) -> BitReader:
    """Return a reader of a parameter set NAL unit, behind its first byte; ValueError when it is too long."""
    if len(nal) > MAX_PARAMETER_SET_BYTES:
        raise ValueError(f"a parameter set of {len(nal)} bytes, at most {MAX_PARAMETER_SET_BYTES} are allowed")
    return BitReader(without_emulation_prevention(nal[1:]))


def read_up_to_vui(reader: BitReader) -> tuple[VideoFormat, int]:
    """Read an SPS up to vui_parameters_present_flag; return its video format and max_num_ref_frames. ValueError as in
    `parse_sps`."""
    profile_idc = reader.bits(8)
    reader.skip(16)  # constraint_set flags, reserved bits, level_idc
    reader.unsigned("seq_parameter_set_id", MAX_SPS_ID)
    samples = _read_samples(reader) if profile_idc in PROFILES_WITH_SAMPLE_FORMAT else SampleFormat()
    frame_num_bits = 4 + reader.unsigned("log2_max_frame_num_minus4", 12)
    _skip_picture_order(reader)
    reference_frames = reader.unsigned("max_num_ref_frames", 16)
    reader.skip(1)  # gaps_in_frame_num_value_allowed_flag
    width, height, has_fields = _read_size(reader, _CROP_UNITS[samples.chroma_format_idc])
    return VideoFormat(width, height, profile_idc, samples, SliceSyntax(frame_num_bits, has_fields)), reference_frames


def _read_samples(reader: BitReader) -> SampleFormat:
    chroma_format_idc = reader.unsigned("chroma_format_idc", _CHROMA_444)
    if chroma_format_idc == _CHROMA_444:
        reader.skip(1)  # separate_colour_plane_flag: the crop unit of 4:4:4 is one pixel either way
    luma_bits = 8 + reader.unsigned("bit_depth_luma_minus8", 6)
    chroma_bits = 8 + reader.unsigned("bit_depth_chroma_minus8", 6)
    reader.skip(1)  # qpprime_y_zero_transform_bypass_flag
    if reader.flag():
        for index in range(12 if chroma_format_idc == _CHROMA_444 else 8):
            if reader.flag():
                _skip_scaling_list(reader, 16 if index < 6 else 64)
    return SampleFormat(chroma_format_idc, luma_bits, chroma_bits)


def _skip_scaling_list(reader: BitReader, coefficients: int) -> None:
    """Skip a scaling list, ITU-T H.264 7.3.2.1.1.1: it ends early when its next scale becomes 0."""
    last_scale = 8
    for _ in range(coefficients):
        last_scale = (last_scale + reader.signed("delta_scale")) % 256
        if last_scale == 0:
            return


def _skip_picture_order(reader: BitReader) -> None:
    pic_order_cnt_type = reader.unsigned("pic_order_cnt_type", 2)
    if pic_order_cnt_type == 0:
        reader.unsigned("log2_max_pic_order_cnt_lsb_minus4", 12)
    elif pic_order_cnt_type == 1:
        reader.skip(1)  # delta_pic_order_always_zero_flag
        reader.signed("offset_for_non_ref_pic")
        reader.signed("offset_for_top_to_bottom_field")
        for _ in range(reader.unsigned("num_ref_frames_in_pic_order_cnt_cycle", 255)):
            reader.signed("offset_for_ref_frame")


def _read_size(reader: BitReader, crop_units: tuple[int, int]) -> tuple[int, int, bool]:
    """Return width, height and whether pictures may be fields."""
    most = MAX_DIMENSION_PX // _MACROBLOCK_PX - 1
    width = (reader.unsigned("pic_width_in_mbs_minus1", most) + 1) * _MACROBLOCK_PX
    height = (reader.unsigned("pic_height_in_map_units_minus1", most) + 1) * _MACROBLOCK_PX
    has_fields = not reader.flag()  # frame_mbs_only_flag
    fields_per_map_unit = 2 if has_fields else 1  # a map unit of interlaced video covers two fields
    if has_fields:
        reader.skip(1)  # mb_adaptive_frame_field_flag
    reader.skip(1)  # direct_8x8_inference_flag
    height *= fields_per_map_unit
    if reader.flag():
        crop_x, crop_y = crop_units[0], crop_units[1] * fields_per_map_unit
        width -= crop_x * _read_crop(reader, "left", "right")
        height -= crop_y * _read_crop(reader, "top", "bottom")
    if width <= 0 or height <= 0:
        raise ValueError(f"cropped to {width} x {height} pixels")
    return width, height, has_fields


def _read_crop(reader: BitReader, *sides: str) -> int:
    return sum(reader.unsigned(f"frame_crop_{side}_offset", 2 * MAX_DIMENSION_PX) for side in sides)
