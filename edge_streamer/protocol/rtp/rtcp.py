"""RTCP packets of a sender: reports and goodbye to write, viewers' reports to read (RFC 3550 6).

Called by `media.track` and `services.rtsp` once per report. It holds no session state: the sender's counters come
from the stream, the sending times of earlier reports from the session. The readers accept any bytes that a viewer may
send and never raise.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from typing import Final

MAX_TEXT_BYTES: Final = 255
"""CNAME and reason for leaving have one length byte (RFC 3550 6.5, 6.6)."""

_NTP_EPOCH_OFFSET_S: Final = 2_208_988_800  # 1900 to 1970, RFC 5905 figure 4
_NS_PER_S: Final = 1_000_000_000
_U32: Final = 0xFFFF_FFFF
_VERSION_2: Final = 0x80
_SDES_CNAME: Final = 1

_HEADER: Final = Struct("!BBH")  # RFC 3550 6.4.1: version, padding, count; packet type; length in words less one
_SSRC: Final = Struct("!I")
_SENDER_INFO: Final = Struct("!IQIII")  # 6.4.1: SSRC, NTP, RTP timestamp, packets, octets
_REPORT_BLOCK: Final = Struct("!IIIIII")  # 6.4.1: SSRC, lost, highest sequence, jitter, LSR, DLSR


class _PacketType(IntEnum):
    SENDER_REPORT = 200
    RECEIVER_REPORT = 201
    SOURCE_DESCRIPTION = 202
    GOODBYE = 203


_FIRST_REPORT_BLOCK: Final[dict[int, int]] = {
    _PacketType.SENDER_REPORT: _HEADER.size + _SENDER_INFO.size,
    _PacketType.RECEIVER_REPORT: _HEADER.size + _SSRC.size,
}


@dataclass(frozen=True, slots=True)
class ReceptionReport:
    """A viewer's report block about one SSRC (RFC 3550 6.4.1). `last_sr` is 0 before the viewer has received a
    report."""

    source_ssrc: int
    fraction_lost: float  # 0 to 1, since its report before
    cumulative_lost: int  # packets since the start; negative when duplicates prevail
    highest_sequence: int  # extended by the count of wraps in the upper 16 bits
    jitter_ticks: int
    last_sr: int  # the middle 32 bits of the NTP time in the last sender report that it received
    delay_since_last_sr_s: float


def ntp_from_wall_ns(wall_ns: int) -> int:
    """Return a UTC instant (ns since 1970) as a 64-bit NTP timestamp, which wraps in 2036 (RFC 5905 6)."""
    seconds, rest_ns = divmod(wall_ns, _NS_PER_S)
    return ((seconds + _NTP_EPOCH_OFFSET_S) << 32 | (rest_ns << 32) // _NS_PER_S) & 0xFFFF_FFFF_FFFF_FFFF


def middle_32_bits(ntp: int) -> int:
    """Return the value by which receivers name a sender report: the LSR field of RFC 3550 6.4.1."""
    return ntp >> 16 & _U32


def sender_report(*, ssrc: int, ntp: int, rtp_timestamp: int, packet_count: int, octet_count: int, cname: str) -> bytes:
    """Return a compound packet of SR and SDES CNAME (RFC 3550 6.1).

    `ntp` (from `ntp_from_wall_ns`) and `rtp_timestamp` name the same instant. The counts are totals since the start,
    octets without RTP headers; like `rtp_timestamp` they are taken modulo 2^32. ValueError for a CNAME over
    MAX_TEXT_BYTES.
    """
    info = _SENDER_INFO.pack(ssrc, ntp, rtp_timestamp & _U32, packet_count & _U32, octet_count & _U32)
    return _packet(_PacketType.SENDER_REPORT, 0, info) + _source_description(ssrc, cname)


def goodbye(*, ssrc: int, cname: str, reason: str = "") -> bytes:
    """Return a compound packet of an empty RR, SDES CNAME and BYE (RFC 3550 6.1, 6.6); ValueError as above."""
    said = _padded(_counted(reason)) if reason else b""
    return (
        _packet(_PacketType.RECEIVER_REPORT, 0, _SSRC.pack(ssrc))
        + _source_description(ssrc, cname)
        + _packet(_PacketType.GOODBYE, 1, _SSRC.pack(ssrc) + said)
    )


def parse_reports(data: bytes) -> list[ReceptionReport]:
    """Return the report blocks of a compound packet's SR and RR parts, up to the first malformed packet."""
    return [
        _reception_report(packet, start)
        for packet_type, count, packet in _packets(data)
        for start in _report_block_starts(packet_type, count, len(packet))
    ]


def sender_ssrc(data: bytes) -> int | None:
    """Return the sender of a compound packet: the SSRC of the SR or RR at its start (RFC 3550 6.1); None for
    garbage."""
    packet_type, _count, packet = next(_packets(data), (0, 0, b""))
    if packet_type not in _FIRST_REPORT_BLOCK or len(packet) < _HEADER.size + _SSRC.size:
        return None
    ssrc: int = _SSRC.unpack_from(packet, _HEADER.size)[0]
    return ssrc


def round_trip_s(report: ReceptionReport, now: float, sr_sent_at: Mapping[int, float]) -> float | None:
    """Return the round-trip time from a report that was just received (RFC 3550 6.4.1), None when it names no SR of
    this server.

    `sr_sent_at` maps `middle_32_bits` of an SR's NTP time to the monotonic time of sending: the wall clock only names
    the SR, so setting the clock does no harm. A viewer's coarse clock cannot make the result negative.
    """
    sent_at = sr_sent_at.get(report.last_sr)
    if report.last_sr == 0 or sent_at is None:
        return None
    return max(0.0, now - sent_at - report.delay_since_last_sr_s)


def _packets(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield type, count and bytes of each packet; stop at the first that is cut off or not of version 2 (RFC 3550
    6.1)."""
    start = 0
    while start + _HEADER.size <= len(data):
        first, packet_type, words = _HEADER.unpack_from(data, start)
        end = start + 4 * (words + 1)
        if first & 0xC0 != _VERSION_2 or end > len(data):
            return
        yield packet_type, first & 0x1F, data[start:end]
        start = end


def _report_block_starts(packet_type: int, count: int, packet_bytes: int) -> range:
    """Return where the report blocks begin; a count that exceeds the packet is reduced to the blocks in it."""
    first = _FIRST_REPORT_BLOCK.get(packet_type)
    if first is None:
        return range(0)
    whole_blocks = min(count, (packet_bytes - first) // _REPORT_BLOCK.size)
    return range(first, first + whole_blocks * _REPORT_BLOCK.size, _REPORT_BLOCK.size)


def _reception_report(packet: bytes, start: int) -> ReceptionReport:
    ssrc, lost, highest_sequence, jitter_ticks, last_sr, delay = _REPORT_BLOCK.unpack_from(packet, start)
    cumulative_lost = (lost & 0xFF_FFFF) - (lost << 1 & 0x100_0000)  # 24 bits, two's complement
    return ReceptionReport(
        ssrc, (lost >> 24) / 256, cumulative_lost, highest_sequence, jitter_ticks, last_sr, delay / 65_536
    )


def _packet(packet_type: _PacketType, count: int, body: bytes) -> bytes:
    return _HEADER.pack(_VERSION_2 | count, packet_type, len(body) // 4) + body


def _source_description(ssrc: int, cname: str) -> bytes:
    """One chunk with a CNAME; the item list ends with at least one zero byte (RFC 3550 6.5)."""
    chunk = _SSRC.pack(ssrc) + bytes((_SDES_CNAME,)) + _counted(cname) + b"\x00"
    return _packet(_PacketType.SOURCE_DESCRIPTION, 1, _padded(chunk))


def _counted(text: str) -> bytes:
    encoded = text.encode()
    if len(encoded) > MAX_TEXT_BYTES:
        raise ValueError(f"{len(encoded)} bytes of text in RTCP, at most {MAX_TEXT_BYTES} are allowed")
    return bytes((len(encoded),)) + encoded


def _padded(body: bytes) -> bytes:
    return body + bytes(-len(body) % 4)
