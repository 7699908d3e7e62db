"""Whether a raw H.264 stream can be played without time stamps: bytes in, a verdict out. Called by the file source.

A raw stream has no time stamps. They can be counted where each access unit is a frame and frames are shown in coding
order, but not where there are B-frames (coded after pictures that are shown later) or field pictures (each half a
frame). Slice headers state both (ITU-T H.264 7.3.3).
"""

from collections.abc import Iterable
from typing import Final

from edge_streamer.codec.h264.bits import BitReader, without_emulation_prevention
from edge_streamer.codec.h264.nal import NalType, NalUnit, nal_type, split_access_unit
from edge_streamer.codec.h264.sps import MAX_DIMENSION_PX, MAX_PPS_ID, SliceSyntax, parse_sps

B_FRAMES: Final = "B-frames"
FIELD_PICTURES: Final = "field pictures"

_WITH_SLICE_HEADER: Final = frozenset((NalType.SLICE, NalType.PARTITION_A, NalType.IDR_SLICE))
_MAX_HEADER_BYTES: Final = 32
"""Up to field_pic_flag there are at most 10, before emulation prevention."""
_B_SLICE: Final = 1  # slice_type modulo 5, table 7-6


def pictures_without_times(access_units: Iterable[bytes]) -> str:
    """Return B_FRAMES or FIELD_PICTURES, whichever comes first in a raw stream's access units; "" when each unit is a
    frame in display order. Slices and parameter sets that cannot be read are skipped."""
    syntax = SliceSyntax()
    for access_unit in access_units:
        for nal in split_access_unit(access_unit):
            kind = nal_type(nal)
            try:
                if kind == NalType.SPS:
                    syntax = parse_sps(bytes(nal)).slice_syntax
                elif kind in _WITH_SLICE_HEADER and (found := _picture_of(nal, syntax)):
                    return found
            except ValueError:
                continue
    return ""


def _picture_of(nal: NalUnit, syntax: SliceSyntax) -> str:
    reader = BitReader(without_emulation_prevention(bytes(nal[1:_MAX_HEADER_BYTES])))
    reader.unsigned("first_mb_in_slice", MAX_DIMENSION_PX**2)
    if reader.unsigned("slice_type", 9) % 5 == _B_SLICE:
        return B_FRAMES
    reader.unsigned("pic_parameter_set_id", MAX_PPS_ID)
    reader.skip(syntax.frame_num_bits)
    return FIELD_PICTURES if syntax.has_field_pic_flag and reader.flag() else ""
