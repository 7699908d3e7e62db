"""States in an SPS that pictures are never reordered (bitstream_restriction, ITU-T H.264 E.1.1, E.2.1).

Where an SPS does not state it, a decoder must assume that every picture buffer which the level allows may be needed for
reordering, and some decoders hold back that many pictures before they show one: up to 16, or 4 at 1080p and level 4
(C.4.5.3). Most encoders of cameras do not state it, though they never reorder. Used by `media.track` for sources that
say that their encoder never reorders. Everything else of the SPS stays bit for bit the same.
"""

from typing import Final

from edge_streamer.codec.h264.bits import BitReader, BitWriter, with_emulation_prevention
from edge_streamer.codec.h264.nal import NalUnit
from edge_streamer.codec.h264.sps import (
    MAX_SPS_ID,
    PROFILES_WITH_SAMPLE_FORMAT,
    parameter_set_reader,
    read_up_to_vui,
)

_PROFILES: Final = PROFILES_WITH_SAMPLE_FORMAT | {66, 77, 88}
"""The profile_idc of ITU-T H.264 annexes A, F, G and H; the syntax of an SPS of another is not known."""
_MAX_REMEMBERED: Final = MAX_SPS_ID + 1
_EXTENDED_SAR: Final = 255
_MAX_CPB_COUNT_MINUS1: Final = 31
_MAX_MV_LENGTH: Final = 15
"""What E.2.1 infers where nothing is stated. Older editions infer 16, which the present one does not allow."""


class SpsRewriter:
    """Rewrites the SPSs of one stream, each once: an SPS that the encoder repeats costs a look-up."""

    __slots__ = ("_rewritten",)

    def __init__(self) -> None:
        self._rewritten: dict[bytes, bytes] = {}

    def rewrite(self, sps: NalUnit) -> bytes:
        """Return `without_reordering(sps)`, the same object for the same bytes."""
        known = self._rewritten.get(sps)  # type: ignore[arg-type]  # a view on bytes has the hash of the bytes
        if known is not None:
            return known
        if len(self._rewritten) >= _MAX_REMEMBERED:
            self._rewritten.clear()
        original = bytes(sps)
        rewritten = self._rewritten[original] = without_reordering(original)
        return rewritten


def without_reordering(sps: bytes) -> bytes:
    """Return the SPS NAL unit with bitstream_restriction: no picture is reordered, and the decoder needs no more
    buffers than the SPS states reference frames.

    `sps` itself is returned when it has a bitstream_restriction, cannot be parsed, or has something behind the VUI.
    """
    try:
        return _rewritten(sps)
    except ValueError:
        return sps


def _rewritten(sps: bytes) -> bytes:
    reader = parameter_set_reader(sps)
    video, reference_frames = read_up_to_vui(reader)
    writer = BitWriter(*reader.consumed)
    if reader.flag():  # vui_parameters_present_flag
        skip_vui(reader)
        writer = BitWriter(*reader.consumed)
        if reader.flag():  # bitstream_restriction_flag
            return sps
    else:
        writer.bits(1, 1)
        writer.bits(0, 8)  # the flags of a VUI in which all else is absent
    if not reader.is_at_trailing_bits or video.profile_idc not in _PROFILES:
        return sps
    _write_restriction(writer, reference_frames)
    return sps[:1] + with_emulation_prevention(writer.rbsp())


def _write_restriction(writer: BitWriter, reference_frames: int) -> None:
    writer.bits(1, 1)  # bitstream_restriction_flag
    writer.bits(1, 1)  # motion_vectors_over_pic_boundaries_flag, as inferred where it is absent; so are the next four
    writer.unsigned(2)  # max_bytes_per_pic_denom
    writer.unsigned(1)  # max_bits_per_mb_denom
    writer.unsigned(_MAX_MV_LENGTH)  # log2_max_mv_length_horizontal
    writer.unsigned(_MAX_MV_LENGTH)  # log2_max_mv_length_vertical
    writer.unsigned(0)  # max_num_reorder_frames
    writer.unsigned(reference_frames)  # max_dec_frame_buffering: not less than max_num_ref_frames


def skip_vui(reader: BitReader) -> None:
    """Skip vui_parameters up to bitstream_restriction_flag (E.1.1)."""
    if reader.flag() and reader.bits(8) == _EXTENDED_SAR:  # aspect_ratio_info_present_flag, aspect_ratio_idc
        reader.skip(32)  # sar_width, sar_height
    if reader.flag():  # overscan_info_present_flag
        reader.skip(1)
    if reader.flag():  # video_signal_type_present_flag
        reader.skip(4)  # video_format, video_full_range_flag
        if reader.flag():  # colour_description_present_flag
            reader.skip(24)
    if reader.flag():  # chroma_loc_info_present_flag
        reader.unsigned("chroma_sample_loc_type_top_field", 5)
        reader.unsigned("chroma_sample_loc_type_bottom_field", 5)
    if reader.flag():  # timing_info_present_flag
        reader.skip(65)  # num_units_in_tick, time_scale, fixed_frame_rate_flag
    has_nal_hrd = _skip_hrd(reader)
    has_vcl_hrd = _skip_hrd(reader)
    if has_nal_hrd or has_vcl_hrd:
        reader.skip(1)  # low_delay_hrd_flag
    reader.skip(1)  # pic_struct_present_flag


def _skip_hrd(reader: BitReader) -> bool:
    """Skip the flag that says whether HRD parameters follow, and them (E.1.2); return whether they did."""
    if not reader.flag():
        return False
    count = 1 + reader.unsigned("cpb_cnt_minus1", _MAX_CPB_COUNT_MINUS1)
    reader.skip(8)  # bit_rate_scale, cpb_size_scale
    for _ in range(count):
        reader.unsigned("bit_rate_value_minus1", (1 << 32) - 2)
        reader.unsigned("cpb_size_value_minus1", (1 << 32) - 2)
        reader.skip(1)  # cbr_flag
    reader.skip(20)  # three lengths of delays, time_offset_length
    return True
