"""The order of pictures as their slice headers state it (ITU-T H.264 7.3.3). Called by the file source.

A raw stream has no time stamps. They can be counted where each access unit is a frame and frames are shown in coding
order, but not where there are B-frames (coded after pictures that are shown later) or field pictures (each half a
frame). Two fields that follow each other are one frame when `is_second_field` says so.
"""

from collections.abc import Iterable
from typing import Final, Literal, NamedTuple, TypeAlias

from edge_streamer.codec.h264.bits import BitReader, without_emulation_prevention
from edge_streamer.codec.h264.nal import NalType, NalUnit, nal_type, split_access_unit
from edge_streamer.codec.h264.sps import MAX_DIMENSION_PX, MAX_PPS_ID, SliceSyntax, parse_sps

B_FRAMES: Final = "B-frames"
FIELD_PICTURES: Final = "field pictures"

PictureStructure: TypeAlias = Literal["frame", "top field", "bottom field"]

WITH_SLICE_HEADER: Final = frozenset((NalType.SLICE, NalType.PARTITION_A, NalType.IDR_SLICE))
"""The NAL units that begin with a slice header."""
_MAX_HEADER_BYTES: Final = 32
"""Up to bottom_field_flag there are at most 10, before emulation prevention."""
_B_SLICE: Final = 1  # slice_type modulo 5, table 7-6


class SliceHeader(NamedTuple):
    """The first fields of a slice header; `slice_type` is 0 to 4 (table 7-6)."""

    slice_type: int
    frame_num: int
    structure: PictureStructure


def read_slice_header(nal: NalUnit, syntax: SliceSyntax) -> SliceHeader:
    """Return the first fields of a slice's header; ValueError when they are truncated or out of range."""
    reader = BitReader(without_emulation_prevention(bytes(nal[1:_MAX_HEADER_BYTES])))
    reader.unsigned("first_mb_in_slice", MAX_DIMENSION_PX**2)
    slice_type = reader.unsigned("slice_type", 9) % 5
    reader.unsigned("pic_parameter_set_id", MAX_PPS_ID)
    frame_num = reader.bits(syntax.frame_num_bits)
    structure: PictureStructure = "frame"
    if syntax.has_field_pic_flag and reader.flag():
        structure = "bottom field" if reader.flag() else "top field"
    return SliceHeader(slice_type, frame_num, structure)


def is_second_field(first: SliceHeader, second: SliceHeader) -> bool:
    """Whether the pictures, next to each other in coding order, are the two fields of one frame: of opposite parity,
    with the same frame_num (ITU-T H.264 3.30, complementary field pairs)."""
    structures = {first.structure, second.structure}
    return "frame" not in structures and len(structures) > 1 and first.frame_num == second.frame_num


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
                elif kind in WITH_SLICE_HEADER and (found := _picture_of(nal, syntax)):
                    return found
            except ValueError:
                continue
    return ""


def _picture_of(nal: NalUnit, syntax: SliceSyntax) -> str:
    header = read_slice_header(nal, syntax)
    if header.slice_type == _B_SLICE:
        return B_FRAMES
    return "" if header.structure == "frame" else FIELD_PICTURES
