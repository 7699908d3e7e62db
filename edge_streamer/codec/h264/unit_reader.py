"""Buffers of H.264 as access units whose key frames carry parameter sets (ITU-T H.264 B.1, 7.4.1).

Some devices deliver their parameter sets in buffers of their own, or before the first key frame only: the reader puts
all that are in force before a key frame that lacks them, and a changed one before the next picture. No slice is read.
Used by `sources.v4l2`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edge_streamer.codec.frame import MAX_ACCESS_UNIT_BYTES
from edge_streamer.codec.h264.nal import (
    PARAMETER_SETS,
    NalType,
    NalUnit,
    annex_b,
    begins_as_annex_b,
    nal_type,
    units_before_slice,
)
from edge_streamer.codec.h264.parameter_sets import MAX_STORE_BYTES, ParameterSetStore
from edge_streamer.codec.h264.start_points import marks_recovery_point

_MAX_NAL_UNITS: Final = 64
"""A picture's first slice follows a handful of other NAL units; a buffer with more is garbage."""
_MAX_ADDED_BYTES: Final = 2 * MAX_STORE_BYTES  # with start codes
_FORBIDDEN_ZERO_BIT: Final = 0x80  # 7.4.1


class TornPictureError(Exception):
    """A buffer does not hold a whole picture."""


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """A whole coded picture. A key frame is an IDR or a recovery point, with parameter sets once the stream has had
    any."""

    data: bytes
    is_key_frame: bool


class AccessUnitReader:
    """Reads the buffers of one stream, in order."""

    def __init__(self) -> None:
        self._parameter_sets = ParameterSetStore()

    def read(self, data: bytes) -> AccessUnit | None:
        """Return the access unit of a buffer, None when it holds parameter sets only; TornPictureError when it holds
        neither."""
        nal_units, slice_type = _look_into(data)
        self._parameter_sets.take(nal_units)
        if not slice_type:
            if not any(nal_type(nal) in PARAMETER_SETS for nal in nal_units):
                raise TornPictureError
            return None
        is_key_frame = slice_type == NalType.IDR_SLICE or marks_recovery_point(nal_units)
        due: Sequence[bytes] = self._parameter_sets.take_changes()
        if is_key_frame and (in_force := self._parameter_sets.in_force) is not None:
            due = in_force.sps + in_force.pps
        missing = [parameter_set for parameter_set in due if parameter_set not in nal_units]
        return AccessUnit(annex_b(missing) + data, is_key_frame)


def _look_into(data: bytes) -> tuple[list[NalUnit], int]:
    """Return the NAL units before the first slice and its type, 0 without a slice; TornPictureError for a buffer that
    is not Annex B or too long."""
    if not begins_as_annex_b(data) or len(data) > MAX_ACCESS_UNIT_BYTES - _MAX_ADDED_BYTES:
        raise TornPictureError
    nal_units, slice_type, start = units_before_slice(data)
    if len(nal_units) >= _MAX_NAL_UNITS or any(nal[0] & _FORBIDDEN_ZERO_BIT for nal in nal_units):
        raise TornPictureError
    if slice_type and data[start + 3] & _FORBIDDEN_ZERO_BIT:
        raise TornPictureError
    return nal_units, slice_type
