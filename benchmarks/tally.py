"""Counting what a reader gets, cheaply: bytes, RTP packets and breaks in their sequence. No socket, no clock.

Called by `benchmarks.readers` for every read of every reader, so the interleaved counter looks at eight bytes a packet
and hops to the next header (RFC 2326 section 10.12; RFC 3550 section 5.1 has the sequence number at byte 2). The timed
counters also note when each frame was there whole; they cost more, so only a few readers of a run have one.
"""

import struct
from collections.abc import Callable
from typing import Final

from tests.support.rtsp.wire import WireError

_HEAD: Final = struct.Struct(">BBHHH")
"""`$`, channel, length; then RTP's first two bytes and its sequence number."""
_TIMED_HEAD: Final = struct.Struct(">BBHHHI")
"""The same, and RTP's timestamp."""
_MARKER: Final = 0x80
"""In RTP's second byte: the last packet of an access unit (RFC 6184 section 5.1)."""
_DOLLAR: Final = ord("$")
_SEQUENCE_MASK: Final = 0xFFFF
_HALF: Final = 0x8000


class RtpTally:
    """What one reader has got. A `gap` is one break in the sequence, of `lost_packets` in all."""

    __slots__ = ("_expected", "bytes", "gaps", "lost_packets", "packets")

    def __init__(self) -> None:
        self.bytes = 0
        self.packets = 0
        self.gaps = 0
        self.lost_packets = 0
        self._expected: int | None = None

    def _note_break(self, sequence: int) -> None:
        """Count a packet that is not the expected one; a first packet is no break, a late one loses nothing."""
        if self._expected is None:
            return
        self.gaps += 1
        missing = (sequence - self._expected) & _SEQUENCE_MASK
        if missing < _HALF:
            self.lost_packets += missing


class RawTally(RtpTally):
    """Bytes and nothing else: what the floor sends has no framing."""

    __slots__ = ()

    def count(self, end: int) -> None:
        """Count one read of `end` bytes."""
        self.bytes += end


class InterleavedTally(RtpTally):
    """Counts a TCP reader's bytes, cut anywhere.

    `carry` is the start of a header whose end was not read yet: the caller puts it before the next bytes it reads.
    """

    __slots__ = ("_rtp_channel", "_skip_bytes", "carry")

    def __init__(self, rtp_channel: int) -> None:
        super().__init__()
        self._rtp_channel = rtp_channel
        self._skip_bytes = 0
        self.carry = b""

    def count(self, buffer: bytes | bytearray, end: int) -> None:
        """Count `buffer[:end]`, which starts with `carry`; WireError when a header is none."""
        self.bytes += end - len(self.carry)
        offset = self._skip_bytes
        while offset + _HEAD.size <= end:
            dollar, channel, length_bytes, _flags, sequence = _HEAD.unpack_from(buffer, offset)
            if dollar != _DOLLAR:
                raise WireError(f"no interleaved header: {bytes(buffer[offset : offset + 16])!r}")
            if channel == self._rtp_channel:
                if sequence != self._expected:
                    self._note_break(sequence)
                self._expected = (sequence + 1) & _SEQUENCE_MASK
                self.packets += 1
            offset += 4 + length_bytes
        self.carry = bytes(buffer[offset:end])
        self._skip_bytes = max(0, offset - end)


class TimedInterleavedTally(InterleavedTally):
    """Counts a TCP reader's bytes and notes frames in `arrivals`: RTP timestamp and the seconds that `clock` said."""

    __slots__ = ("_clock", "arrivals")

    def __init__(self, rtp_channel: int, clock: Callable[[], float]) -> None:
        super().__init__(rtp_channel)
        self._clock = clock
        self.arrivals: list[tuple[int, float]] = []

    def count(self, buffer: bytes | bytearray, end: int) -> None:
        """Count as every reader does, and look at the markers of the packets whose heads are whole."""
        offset = self._skip_bytes
        now = self._clock()
        while offset + _TIMED_HEAD.size <= end:
            _dollar, channel, length_bytes, flags, _sequence, timestamp = _TIMED_HEAD.unpack_from(buffer, offset)
            offset += 4 + length_bytes
            if flags & _MARKER and channel == self._rtp_channel and offset <= end:
                self.arrivals.append((timestamp, now))
        super().count(buffer, end)


class DatagramTally(RtpTally):
    """Counts a UDP reader's datagrams, which the kernel may hand over as a run of equal segments (UDP_GRO)."""

    __slots__ = ()

    def count(self, buffer: bytes | bytearray, end: int, segment_bytes: int) -> None:
        """Count `buffer[:end]`, datagrams of `segment_bytes` each of which the last may be shorter."""
        self.bytes += end
        for offset in range(0, end, segment_bytes):
            sequence = buffer[offset + 2] << 8 | buffer[offset + 3]
            if sequence != self._expected:
                self._note_break(sequence)
            self._expected = (sequence + 1) & _SEQUENCE_MASK
            self.packets += 1


class TimedDatagramTally(DatagramTally):
    """Counts a UDP reader's datagrams and notes frames in `arrivals`: RTP timestamp and the seconds `clock` said."""

    __slots__ = ("_clock", "arrivals")

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__()
        self._clock = clock
        self.arrivals: list[tuple[int, float]] = []

    def count(self, buffer: bytes | bytearray, end: int, segment_bytes: int) -> None:
        """Count as every reader does, and look at the markers."""
        now = self._clock()
        for offset in range(0, end, segment_bytes):
            if buffer[offset + 1] & _MARKER:
                self.arrivals.append((int.from_bytes(buffer[offset + 4 : offset + 8]), now))
        super().count(buffer, end, segment_bytes)


def lateness_s(arrivals: list[tuple[int, float]]) -> list[float]:
    """Return how much later each frame came than its RTP timestamp promises, the earliest of all being on time.

    Timestamps count 90,000 a second and wrap at 32 bits.
    """
    if not arrivals:
        return []
    first = arrivals[0][0]
    offsets_s = [now - _signed(timestamp - first) / 90_000 for timestamp, now in arrivals]
    earliest_s = min(offsets_s)
    return [offset_s - earliest_s for offset_s in offsets_s]


def _signed(ticks: int) -> int:
    return (ticks + 0x8000_0000 & 0xFFFF_FFFF) - 0x8000_0000
