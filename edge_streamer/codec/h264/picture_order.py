"""When the pictures of a raw H.264 stream are shown, from their picture order counts.

A raw stream has no time stamps, and its B-frames come later than pictures that are shown after them. What order they
are shown in stands in the slice headers (ITU-T H.264 sections 7.3.2.1.1, 7.3.3 and 8.2.1.1). Only the order count of
type 0 is read: type 2 has no reordering, and no encoder that we know uses type 1. Bytes in, frame numbers out;
called by `clip`. FFmpeg's `dts2pts` filter would be less to write, but it loses all frames of an intra-only stream.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

_SLICE, _IDR, _SPS = 1, 5, 7  # nal_unit_type, table 7-1
_MAX_SPS_BYTES: Final = 1024  # 8 + 4 scaling lists and the largest VUI are well under
_MAX_SLICE_HEADER_BYTES: Final = 32  # up to pic_order_cnt_lsb
_PROFILES_WITH_CHROMA: Final = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})


@dataclass(frozen=True, slots=True)
class _SequenceParameters:
    """What of an SPS is needed to find the order count in a slice header."""

    frame_num_bits: int
    order_count_bits: int  # 0: not of type 0
    has_separate_planes: bool
    has_fields: bool


class DisplayOrder:
    """Places pictures in the order in which they are shown, in frames from the first of the file."""

    def __init__(self, sample: Iterable[bytes]) -> None:
        """Learn from the file's first access units how far they are reordered and how the encoder counts."""
        counter = _OrderCounter()
        counted = [counter.count(unit) for unit in sample]
        self._counter = _OrderCounter()
        self._step = math.gcd(*(count for _index, count in counted)) or 1  # most count fields: 2 a frame
        self.delay = max((index - count // self._step for index, count in counted), default=0)

    def shown_at(self, access_unit: bytes, decoded_at: int) -> int:
        """Return the frame number at which the picture is shown, at least `decoded_at`."""
        if self.delay <= 0:
            return decoded_at
        index, count = self._counter.count(access_unit)
        return max(decoded_at, decoded_at - index + count // self._step + self.delay)


class _OrderCounter:
    """Follows the order counts from one IDR to the next."""

    def __init__(self) -> None:
        self._parameters: _SequenceParameters | None = None
        self._index = -1
        self._first = 0  # the IDR's own count
        self._previous = 0  # of the last reference picture

    def count(self, access_unit: bytes) -> tuple[int, int]:
        """Return the access unit's index in its sequence and its order count, both 0 for an IDR."""
        self._index += 1
        for unit in _units(access_unit):
            if unit[0] & 31 == _SPS:
                self._parameters = _sequence_parameters(unit)
                continue
            if unit[0] & 31 == _IDR:
                self._index = self._previous = 0
                self._first = self._order_count(unit)  # not 0 where the bottom field is the first
            return self._index, self._order_count(unit) - self._first
        return self._index, 0

    def _order_count(self, unit: bytes) -> int:
        """Section 8.2.1.1: the bits above those that are sent are those that keep the count near the last one."""
        parameters = self._parameters
        if parameters is None or not parameters.order_count_bits:
            return self._index
        cycle = 1 << parameters.order_count_bits
        lowest = self._previous - cycle // 2
        count = lowest + (_order_count_lsb(unit, parameters) - lowest) % cycle
        if unit[0] >> 5 & 3:  # nal_ref_idc
            self._previous = count
        return count


def _units(access_unit: bytes) -> Iterator[bytes]:
    """Yield the beginnings of the NAL units that matter, up to the first slice."""
    start = access_unit.find(b"\0\0\1") + 3
    while 3 <= start < len(access_unit):
        kind = access_unit[start] & 31
        if kind == _SPS:
            end = access_unit.find(b"\0\0\1", start)
            yield access_unit[start : min(end, start + _MAX_SPS_BYTES) if end > 0 else start + _MAX_SPS_BYTES]
        if kind in (_SLICE, _IDR):
            yield access_unit[start : start + _MAX_SLICE_HEADER_BYTES]
            return
        start = access_unit.find(b"\0\0\1", start) + 3


def _sequence_parameters(unit: bytes) -> _SequenceParameters:
    """Section 7.3.2.1.1, up to frame_mbs_only_flag."""
    bits = _Bits(unit)
    profile = bits.u(8)
    bits.u(16)  # constraint flags, level
    bits.ue()  # seq_parameter_set_id
    has_separate_planes = profile in _PROFILES_WITH_CHROMA and _skip_chroma(bits)
    frame_num_bits = min(bits.ue(), 12) + 4  # section 7.4.2.1.1: 0 to 12, here and below
    order_count_type = bits.ue()
    order_count_bits = min(bits.ue(), 12) + 4 if order_count_type == 0 else 0
    if order_count_type == 1:  # its fields are not read: the order count is not either
        return _SequenceParameters(frame_num_bits, 0, has_separate_planes, has_fields=False)
    bits.ue()  # max_num_ref_frames
    bits.u(1)  # gaps_in_frame_num_value_allowed_flag
    bits.ue()  # pic_width_in_mbs_minus1
    bits.ue()  # pic_height_in_map_units_minus1
    return _SequenceParameters(frame_num_bits, order_count_bits, has_separate_planes, has_fields=not bits.u(1))


def _skip_chroma(bits: "_Bits") -> bool:
    """Skip chroma format, bit depths and scaling lists; return separate_colour_plane_flag."""
    chroma_format = bits.ue()
    has_separate_planes = chroma_format == 3 and bits.u(1) == 1
    bits.ue()  # bit_depth_luma_minus8
    bits.ue()  # bit_depth_chroma_minus8
    bits.u(1)  # qpprime_y_zero_transform_bypass_flag
    if bits.u(1):
        for index in range(12 if chroma_format == 3 else 8):
            if bits.u(1):
                _skip_scaling_list(bits, 16 if index < 6 else 64)
    return has_separate_planes


def _skip_scaling_list(bits: "_Bits", length: int) -> None:
    """Section 7.3.2.1.1.1: a delta that leads to 0 ends the list."""
    scale = 8
    for _ in range(length):
        scale = (scale + bits.se()) % 256
        if scale == 0:
            return


def _order_count_lsb(unit: bytes, parameters: _SequenceParameters) -> int:
    """Section 7.3.3, up to pic_order_cnt_lsb."""
    bits = _Bits(unit)
    bits.ue()  # first_mb_in_slice
    bits.ue()  # slice_type
    bits.ue()  # pic_parameter_set_id
    bits.u(2 if parameters.has_separate_planes else 0)
    bits.u(parameters.frame_num_bits)
    if parameters.has_fields and bits.u(1):
        bits.u(1)  # bottom_field_flag
    if unit[0] & 31 == _IDR:
        bits.ue()  # idr_pic_id
    return bits.u(parameters.order_count_bits)


class _Bits:
    """Reads the payload of a NAL unit bit by bit; past its end there are zeros."""

    def __init__(self, unit: bytes) -> None:
        payload = unit[1:].replace(b"\0\0\3", b"\0\0")  # section 7.4.1.1: emulation prevention
        self._value = int.from_bytes(payload, "big")
        self._left = len(payload) * 8

    def u(self, width: int) -> int:
        """Return an unsigned number of `width` bits."""
        self._left -= width
        mask = (1 << width) - 1
        return (self._value >> self._left if self._left >= 0 else self._value << -self._left) & mask

    def ue(self) -> int:
        """Return an Exp-Golomb number (section 9.1); one with over 32 leading zeros is none and counts as 0."""
        for zeros in range(33):
            if self.u(1):
                return (1 << zeros) - 1 + self.u(zeros)
        return 0

    def se(self) -> int:
        """Return a signed Exp-Golomb number (section 9.1.1)."""
        code = self.ue()
        return (code + 1) // 2 if code % 2 else -(code // 2)
