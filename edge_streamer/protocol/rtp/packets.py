"""RTP packets and the wire images that transports send (RFC 3550 5.1, RFC 2326 10.12), for every codec.

A packetizer makes a `PacketizedFrame` of an access unit, once for all viewers together; a transport asks it for the
image that it sends. Until an image is asked for, a packet consists of a head (the RTP header and the payload format's
additions) and a payload that is a view on the access unit: payload bytes are copied once per image, by the join that
builds it.
"""

from collections.abc import Callable, Iterator, Sequence
from struct import Struct
from typing import Final, NamedTuple

from edge_streamer.codec.h264.nal import NalUnit

RTP_HEADER_BYTES: Final = 12
MAX_PACKET_BYTES: Final = 1372
"""An RTP packet with its header. UDP and IPv6 add 48 bytes: 1420 fits Ethernet (1500), PPPoE (1492) and a WireGuard
tunnel (1420) unfragmented. Over TCP, go2rtc 1.9 rejects interleaved frames above 1500 bytes once it has lost its place
in the stream."""
MAX_RUN_SEGMENTS: Final = 64
"""UDP_MAX_SEGMENTS of Linux before 6.9: the most datagrams that one send with UDP_SEGMENT may make."""
MAX_RUN_BYTES: Final = 65_000
"""Under the largest UDP payload (65,507 bytes over IPv4), which bounds a send with UDP_SEGMENT too."""

MAX_INTERLEAVED_IMAGES: Final = 4
"""Images of a frame that are kept for interleaved channel numbers. Nearly all clients take 0; one that sets up sessions
on all 256 would otherwise fill the memory with copies of the cached frames."""

_INTERLEAVED_HEADER: Final = Struct("!cBH")  # RFC 2326 10.12


class DatagramRun(NamedTuple):
    """Consecutive packets in one buffer, each of `segment_bytes` but the last, which may be shorter.

    At most MAX_RUN_SEGMENTS packets and MAX_RUN_BYTES: one `sendmsg` with UDP_SEGMENT, or `packet_count` plain sends.
    """

    image: bytes
    segment_bytes: int
    packet_count: int


class PacketizedFrame:
    """The RTP packets of one access unit and the images of them that transports send.

    The frame owns its images. They are immutable and shared by every reader: a reader's queue holds references to
    them, and the last reference frees them. An image is built at the first request and kept. Of the interleaved
    images, in practice one, `MAX_INTERLEAVED_IMAGES` are kept; that of another channel is built at each request.
    """

    __slots__ = (
        "_datagrams",
        "_heads",
        "_images",
        "_interleaved",
        "_payloads",
        "_sizes",
        "first_sequence",
        "is_key_frame",
        "nal_units",
        "packet_bytes",
        "packet_count",
        "payload_bytes",
        "rtp_timestamp",
    )

    def __init__(
        self,
        first_sequence: int,
        rtp_timestamp: int,
        heads: Sequence[bytes],
        payloads: Sequence[NalUnit],
        sizes: list[int],
        *,
        is_key_frame: bool,
        nal_units: Sequence[NalUnit] = (),
    ) -> None:
        """Called by a packetizer. Packet i is `heads[i] + payloads[i]`, `sizes[i]` bytes in all. `nal_units` are the
        NAL units in the packets."""
        self.first_sequence = first_sequence
        self.rtp_timestamp = rtp_timestamp
        self.is_key_frame = is_key_frame
        self.nal_units = nal_units
        self.packet_count = len(sizes)
        self.packet_bytes = sum(sizes)
        self.payload_bytes = self.packet_bytes - RTP_HEADER_BYTES * self.packet_count
        self._heads = heads
        self._payloads = payloads
        self._sizes = sizes
        self._interleaved: dict[int, bytes] = {}
        self._datagrams: tuple[DatagramRun, ...] | None = None
        self._images: dict[Callable[[PacketizedFrame], bytes], bytes] = {}

    def interleaved(self, channel: int) -> bytes:
        """Return all packets as `$` frames on a channel, 0 to 255 (RFC 2326 10.12); struct.error for another number."""
        image = self._interleaved.get(channel)
        if image is None:
            image = self._interleaved_image(channel)
            if len(self._interleaved) < MAX_INTERLEAVED_IMAGES:
                self._interleaved[channel] = image
        return image

    def datagrams(self) -> tuple[DatagramRun, ...]:
        """Return all packets as runs for UDP segmentation offload."""
        if self._datagrams is None:
            self._datagrams = tuple(self._run(start, end) for start, end in _run_bounds(self._sizes))
        return self._datagrams

    def image(self, make: "Callable[[PacketizedFrame], bytes]") -> bytes:
        """Return `make(self)`, called once and kept: an image that does not consist of RTP packets."""
        image = self._images.get(make)
        if image is None:
            image = self._images[make] = make(self)
        return image

    def packets(self) -> list[bytes]:
        """Return each packet as separate bytes."""
        return [b"".join(packet) for packet in zip(self._heads, self._payloads, strict=True)]

    def _interleaved_image(self, channel: int) -> bytes:
        header_of = {size: _INTERLEAVED_HEADER.pack(b"$", channel, size) for size in set(self._sizes)}
        parts: list[NalUnit] = [b""] * (3 * self.packet_count)
        parts[0::3] = [header_of[size] for size in self._sizes]
        parts[1::3] = self._heads
        parts[2::3] = self._payloads
        return b"".join(parts)

    def _run(self, start: int, end: int) -> DatagramRun:
        parts: list[NalUnit] = [b""] * (2 * (end - start))
        parts[0::2] = self._heads[start:end]
        parts[1::2] = self._payloads[start:end]
        return DatagramRun(b"".join(parts), self._sizes[start], end - start)


def _run_bounds(sizes: list[int]) -> Iterator[tuple[int, int]]:
    """Cut packets into runs as long as DatagramRun allows; yield the first and past-the-last index of each."""
    start = 0
    while start < len(sizes):
        size = sizes[start]
        limit = min(len(sizes), start + min(MAX_RUN_SEGMENTS, MAX_RUN_BYTES // size))
        end = start + _leading(sizes[start:limit], size)
        if end < limit and sizes[end] < size:
            end += 1
        yield start, end
        start = end


def _leading(sizes: list[int], size: int) -> int:
    """Count the leading entries that equal `size`. Fast path: usually no other entry equals it."""
    count = sizes.count(size)
    return count if sizes[:count] == [size] * count else next(n for n, each in enumerate(sizes) if each != size)
