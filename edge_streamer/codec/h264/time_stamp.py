"""The SEI message with the UTC at which a picture was exposed: MISB ST 0604.6 section 7, in H.264.

A user_data_unregistered message (ITU-T H.264 D.1.7): the identifier "MISPmicrosectime", a status byte (MISB ST 0603.5)
and the Precision Time Stamp, microseconds since 1970 in UTC. Called by `media.track`, once a frame for all viewers.
"""

from collections.abc import Sequence
from typing import Final

from edge_streamer.codec.h264.nal import SLICES, TYPE_MASK, NalType, NalUnit

IDENTIFIER: Final = b"MISPmicrosectime"
LOCKED: Final = 0x1F
"""Status byte: the clock follows an absolute time source, and time went on since the last message. The lower five bits
are reserved and set."""
NOT_LOCKED: Final = 0x9F
"""The same with bit 7: whether the clock follows a time source is not known, or it does not."""
JUMPED: Final = 0x40
"""Bit 6: the time did not go on as the clock of the pictures did since the last message."""
BACK: Final = 0x20
"""Bit 5, with bit 6: it went back."""

_HEADER: Final = bytes((NalType.SEI, 5, 28)) + IDENTIFIER  # payloadType, payloadSize
_GUARD: Final = b"\xff"
"""ST 0604 puts it behind every second byte: 00 00 is then never followed by a byte that would need emulation
prevention."""
_TRAILING_BITS: Final = b"\x80"
_BEGINS_PICTURE: Final = SLICES | {14}
"""Slices, and the prefix NAL unit that must stand right before one (7.4.1.2.3, G.7.3.2.12)."""


def time_stamp(wall_us: int, *, is_locked: bool, jump_us: int = 0) -> bytes:
    """Return the SEI NAL unit for `wall_us`, UTC in microseconds, taken modulo 2^64. `jump_us` is how far the clock was
    set since the last message, 0 if it was not."""
    stamp = (wall_us & 0xFFFF_FFFF_FFFF_FFFF).to_bytes(8, "big")
    status = LOCKED if is_locked else NOT_LOCKED
    if jump_us:
        status |= JUMPED | (BACK if jump_us < 0 else 0)
    guarded = _GUARD.join((stamp[0:2], stamp[2:4], stamp[4:6], stamp[6:8]))
    return b"".join((_HEADER, bytes((status,)), guarded, _TRAILING_BITS))


def with_time_stamp(nal_units: Sequence[NalUnit], stamp: NalUnit) -> list[NalUnit]:
    """Return an access unit's NAL units with `stamp` right before the picture: behind parameter sets and other SEI, of
    which a buffering period must be the first (7.4.1.2.3). The access unit has a slice."""
    first = next(n for n, nal in enumerate(nal_units) if nal[0] & TYPE_MASK in _BEGINS_PICTURE)
    return [*nal_units[:first], stamp, *nal_units[first:]]
