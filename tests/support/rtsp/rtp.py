"""A tiny RTP and interleaved-frame reader for tests, written from RFC 3550 5.1 and RFC 2326 10.12 alone."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """One RTP packet without CSRCs, extension or padding: the service sends no others."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes

    @classmethod
    def parse(cls, data: bytes) -> "RtpPacket":
        assert len(data) > 12, f"{len(data)} bytes are no RTP packet with a payload"
        assert data[0] == 0x80, f"first byte {data[0]:#x}: version 2 without extras expected"
        return cls(
            payload_type=data[1] & 0x7F,
            marker=data[1] >= 0x80,
            sequence=int.from_bytes(data[2:4], "big"),
            timestamp=int.from_bytes(data[4:8], "big"),
            ssrc=int.from_bytes(data[8:12], "big"),
            payload=data[12:],
        )


def interleaved_packets(stream: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield channel and packet of each `$` frame; the bytes must end with a whole frame."""
    start = 0
    while start < len(stream):
        assert stream[start : start + 1] == b"$", f"byte {start} is {stream[start]:#x}, not $"
        end = start + 4 + int.from_bytes(stream[start + 2 : start + 4], "big")
        assert end <= len(stream), f"the frame at byte {start} is cut off"
        yield stream[start + 1], stream[start + 4 : end]
        start = end
