"""NAL units of an Annex B byte stream: their types, and the scan for start codes (ITU-T H.264 7.3.1, 7.4.1, B.1).

The only module that searches for start codes. It copies nothing and reads no more of a NAL unit than its first byte.
"""

from collections.abc import Iterable, Iterator
from enum import IntEnum
from itertools import chain
from typing import Final, TypeAlias

NalUnit: TypeAlias = memoryview | bytes
"""A NAL unit without its start code, never empty."""


class NalType(IntEnum):
    """nal_unit_type of ITU-T H.264 table 7-1."""

    SLICE = 1
    PARTITION_A = 2
    PARTITION_B = 3
    PARTITION_C = 4
    IDR_SLICE = 5
    SEI = 6
    SPS = 7
    PPS = 8
    ACCESS_UNIT_DELIMITER = 9
    END_OF_SEQUENCE = 10
    END_OF_STREAM = 11
    FILLER = 12
    SPS_EXTENSION = 13


TYPE_MASK: Final = 0x1F
"""The bits of a NAL unit's first byte that are nal_unit_type, for loops of the hot path (`nal_type` is a call)."""
SLICES: Final = frozenset(range(NalType.SLICE, NalType.IDR_SLICE + 1))
PARAMETER_SETS: Final = frozenset((NalType.SPS, NalType.PPS))

_START_CODE: Final = b"\0\0\1"
_LONG_START_CODE: Final = b"\0" + _START_CODE
"""With the zero_byte that B.1.2 asks for before parameter sets and the first NAL unit of an access unit."""
_MAX_LEADING_BYTES: Final = 8
"""A start code has three or four bytes; the zeros allowed before it (B.1) are no more than a few in practice."""


def nal_type(nal: NalUnit) -> int:
    """Return nal_unit_type, 0 to 31 (ITU-T H.264 7.3.1)."""
    return nal[0] & TYPE_MASK


def annex_b(nal_units: Iterable[NalUnit]) -> bytes:
    """Return the NAL units as a byte stream (B.1): each behind a start code of four bytes."""
    return _LONG_START_CODE.join((b"", *nal_units))


def begins_as_annex_b(data: bytes) -> bool:
    """Return whether the first 8 bytes hold a start code that only zeros precede."""
    start_code = data.find(_START_CODE, 0, _MAX_LEADING_BYTES)
    return start_code >= 0 and not data[:start_code].strip(b"\0")


def start_codes(data: bytes) -> Iterator[int]:
    """Yield the index of each start code's three bytes, 00 00 01."""
    find = data.find
    start_code = find(_START_CODE)
    while start_code >= 0:
        yield start_code
        start_code = find(_START_CODE, start_code + 3)


def nal_headers(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the index of each start code and the byte after it, which holds nal_unit_type. The scan is lazy: for a
    caller that stops at the first slice, the slice is not searched."""
    for start_code in start_codes(data):
        if start_code + 3 < len(data):
            yield start_code, data[start_code + 3]


def split_access_unit(data: bytes) -> list[NalUnit]:
    """Return the NAL units of an Annex B access unit, in order, as memoryviews of `data` (ITU-T H.264 B.1).

    Start codes may have three or four bytes, and zeros may surround them. Bytes before the first start code and empty
    NAL units are ignored.
    """
    view = memoryview(data)
    nal_units: list[NalUnit] = []
    start = 0  # of the NAL unit; 0 before the first start code
    for end in chain(start_codes(data), (len(data),)):
        if start:
            last = end if data[end - 1] else _end_without_zeros(data, start, end)
            if last > start:
                nal_units.append(view[start:last])
        start = end + 3
    return nal_units


def units_before_slice(data: bytes) -> tuple[list[NalUnit], int, int]:
    """Return the NAL units before the first slice of an Annex B access unit, as memoryviews of `data`; the slice's
    nal_unit_type, 0 without a slice; and the index of its start code, the length of `data` without a slice. The slice
    is not searched."""
    for start_code, header in nal_headers(data):
        if header & TYPE_MASK in SLICES:
            return split_access_unit(data[:start_code]), header & TYPE_MASK, start_code
    return split_access_unit(data), 0, len(data)


def _end_without_zeros(data: bytes, start: int, end: int) -> int:
    """Strip zeros from the end. A NAL unit never ends in a zero byte (7.4.1): zeros there belong to the next start
    code, or are trailing_zero_8bits."""
    end -= 1
    if end > start and data[end - 1] == 0:
        return start + len(data[start:end].rstrip(b"\0"))  # copies: only stuffing comes here
    return end
