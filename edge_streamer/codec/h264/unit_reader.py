"""Buffers of H.264 as access units whose key frames carry parameter sets (ITU-T H.264 B.1, 7.4.1).

Some devices deliver their parameter sets in a separate buffer, or before the first IDR only: the reader keeps them and
puts them before every IDR that lacks them. No slice is read. Used by `sources.v4l2`.
"""

from dataclasses import dataclass
from itertools import islice
from typing import Final

from edge_streamer.codec.frame import MAX_ACCESS_UNIT_BYTES
from edge_streamer.codec.h264.nal import PARAMETER_SETS, SLICES, TYPE_MASK, NalType, begins_as_annex_b, nal_headers

_MAX_NAL_UNITS: Final = 64
"""A picture's first slice follows a handful of other NAL units; a buffer with more is garbage."""
_MAX_HEADER_BYTES: Final = 16 << 10
"""Longest NAL units before a slice that are kept as parameter sets; a hundred bytes is usual."""


class TornPictureError(Exception):
    """A buffer does not hold a whole picture."""


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """A whole coded picture; a key frame is an IDR, with parameter sets once the stream has had any."""

    data: bytes
    is_key_frame: bool


@dataclass(frozen=True, slots=True)
class _Content:
    header_bytes: int  # up to the start code of the first slice
    has_parameter_sets: bool
    slice_type: int  # nal_unit_type, 0: no slice


class AccessUnitReader:
    """Reads the buffers of one stream, in order."""

    def __init__(self) -> None:
        self._parameter_sets = b""

    def read(self, data: bytes) -> AccessUnit | None:
        """Return the access unit of a buffer, None when it holds parameter sets only; TornPictureError when it holds
        neither."""
        content = _look_into(data)
        if content.has_parameter_sets and content.header_bytes <= _MAX_HEADER_BYTES:
            self._parameter_sets = data[: content.header_bytes]
        if not content.slice_type:
            if not content.has_parameter_sets:
                raise TornPictureError
            return None
        is_key_frame = content.slice_type == NalType.IDR_SLICE
        lacks_sets = is_key_frame and not content.has_parameter_sets
        return AccessUnit(self._parameter_sets + data if lacks_sets else data, is_key_frame)


def _look_into(data: bytes) -> _Content:
    """Read NAL headers up to the first slice; TornPictureError for a buffer that is not Annex B or too long."""
    if not begins_as_annex_b(data) or len(data) > MAX_ACCESS_UNIT_BYTES - _MAX_HEADER_BYTES:
        raise TornPictureError
    has_parameter_sets = False
    for start_code, header in islice(nal_headers(data), _MAX_NAL_UNITS):
        if header & 0x80:  # forbidden_zero_bit, 7.4.1
            raise TornPictureError
        kind = header & TYPE_MASK
        if kind in SLICES:
            return _Content(start_code, has_parameter_sets, kind)
        has_parameter_sets = has_parameter_sets or kind in PARAMETER_SETS
    return _Content(len(data), has_parameter_sets, 0)
