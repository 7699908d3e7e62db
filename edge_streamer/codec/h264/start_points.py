"""Where decoding can start: at an IDR picture, or at a recovery point (ITU-T H.264 D.1.8, D.2.8).

Encoders with open groups of pictures or with intra refresh make few IDR pictures or none, and mark a recovery point by
an SEI message. With gradual intra refresh the picture becomes whole `recovery_frame_cnt` frames later; a viewer may
start there all the same, since no better place comes. No slice is read. Called by sources, and by `access_unit`.
"""

import re
from typing import Final

from edge_streamer.codec.h264.bits import without_emulation_prevention
from edge_streamer.codec.h264.nal import NalType, NalUnit, nal_type, units_before_slice

MAX_SEI_MESSAGES: Final = 64
"""So many messages of a NAL unit are looked at; a handful is usual. Four megabytes hold two million empty ones, which
would take the server a second in each frame."""

_RECOVERY_POINT: Final = 6  # payloadType, D.1.1
_CONTINUED: Final = 0xFF  # last_payload_type_byte and last_payload_size_byte follow, 7.3.2.3.1
_CONTINUATION: Final = re.compile(rb"\xff*")


def is_start_point(data: bytes) -> bool:
    """Return whether decoding can start at an Annex B access unit: its first slice is one of an IDR picture, or an SEI
    message before that slice marks a recovery point. A unit without a slice is no start point."""
    nal_units, slice_type, _start = units_before_slice(data)
    return slice_type == NalType.IDR_SLICE or (slice_type != 0 and marks_recovery_point(nal_units))


def marks_recovery_point(nal_units: list[NalUnit]) -> bool:
    """Return whether one of the SEI NAL units holds a recovery point message."""
    return any(nal_type(nal) == NalType.SEI and _holds_recovery_point(nal) for nal in nal_units)


def _holds_recovery_point(sei: NalUnit) -> bool:
    """Walk over the messages (7.3.2.3.1) up to the first recovery point; the end of one that is cut ends the walk."""
    rbsp = without_emulation_prevention(bytes(sei[1:]))
    at = 0
    for _ in range(MAX_SEI_MESSAGES):
        if at >= len(rbsp):
            break
        payload_type, at = _extended(rbsp, at)
        size_bytes, at = _extended(rbsp, at)
        if payload_type == _RECOVERY_POINT:
            return 0 < size_bytes <= len(rbsp) - at
        at += size_bytes
    return False


def _extended(rbsp: bytes, at: int) -> tuple[int, int]:
    """Return payloadType or payloadSize, which is written in bytes of 255 and a last one, and the index behind it."""
    continued = _CONTINUATION.match(rbsp, at)
    end = continued.end() if continued else at
    last = rbsp[end] if end < len(rbsp) else 0
    return _CONTINUED * (end - at) + last, end + 1
