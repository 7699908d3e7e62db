"""The encoded frame: one access unit with its times. A source makes it, a stream packetizes it.

A value only; `protocol.source.messages` carries it from a source process to the server.
"""

from typing import Final

import msgspec

MAX_ACCESS_UNIT_BYTES: Final = 4 << 20
"""A 1080p key frame at 25 Mbit/s is under 1 MiB; four times that is garbage or an attack on memory."""
CLOCK_HZ: Final = 90_000
"""Ticks a second of every media time: the RTP clock of H.264 (RFC 6184 8.2.1)."""


class EncodedFrame(msgspec.Struct, frozen=True, gc=False):
    """One access unit in Annex B form, as the encoder made it.

    `media_time` is the capture clock in 90 kHz ticks, unwrapped, any origin. `wall_ns` is the capture instant in UTC
    nanoseconds, `captured_ns` the same instant of CLOCK_MONOTONIC, 0 where nothing was captured (a file). `sent_ns` is
    CLOCK_MONOTONIC when the encoder handed the frame over, one clock for the whole machine. `reordered` says that it
    is shown before a frame that came earlier (a B-frame: files only, no camera makes them). `is_slate`: no source made
    it; it is the still picture that viewers get while their source gives none.
    """

    data: bytes
    is_key_frame: bool
    media_time: int
    wall_ns: int = 0
    sent_ns: int = 0
    reordered: bool = False
    captured_ns: int = 0
    is_slate: bool = False
