"""H.264 access units into RTP packets (RFC 6184, packetization-mode=1; the RTP header is RFC 3550 5.1's).

Called by `media.track.Track` once per frame, for all its viewers together. Non-interleaved mode only, and of its packet
types the two that every client reads: single NAL unit packets, and FU-A for NAL units that exceed a packet. Parameter
sets and SEI are not aggregated (STAP-A): ZoneMinder 1.36 (source type Remote, RTP/Unicast) never decodes a picture
whose parameter sets arrive so. A separate packet costs 16 bytes over TCP. Over UDP an SPS and the shorter PPS behind it
are one run of datagrams, so a key frame takes no more system calls than with an aggregate.
"""

from collections.abc import Sequence
from struct import Struct
from typing import Final

from edge_streamer.codec.h264.nal import TYPE_MASK, NalUnit
from edge_streamer.protocol.rtp.packets import MAX_PACKET_BYTES, MAX_RUN_BYTES, RTP_HEADER_BYTES, PacketizedFrame

MIN_PACKET_BYTES: Final = 64

_FU_A: Final = 28
_FU_START: Final = 0x80
_FU_END: Final = 0x40
_FU_BYTES: Final = 2
_VERSION_2: Final = 0x80
_MARKER: Final = 0x80

_HEADER_START: Final = Struct("!BB")  # version, padding, extension, CSRC count; marker, payload type (RFC 3550 5.1)
_HEADER_END: Final = Struct("!II")  # RTP timestamp, SSRC
_HEAD: Final = Struct("!2sH8s")  # both, around the sequence number
_FU_HEAD: Final = Struct("!2sH10s")  # the same, with FU indicator and FU header (RFC 6184 5.8) at the end


class H264Packetizer:
    """Makes one stream's RTP packets: one SSRC, consecutive sequence numbers that wrap at 65,536."""

    def __init__(
        self, *, ssrc: int, first_sequence: int, payload_type: int = 96, max_packet_bytes: int = MAX_PACKET_BYTES
    ) -> None:
        """`max_packet_bytes` includes the RTP header. ValueError when a number does not fit its field."""
        _require_range("ssrc", ssrc, 0, 0xFFFF_FFFF)
        _require_range("first_sequence", first_sequence, 0, 0xFFFF)
        _require_range("payload_type", payload_type, 0, 127)
        _require_range("max_packet_bytes", max_packet_bytes, MIN_PACKET_BYTES, MAX_RUN_BYTES)
        self._ssrc = ssrc
        self._next_sequence = first_sequence
        self._header_start = _HEADER_START.pack(_VERSION_2, payload_type)
        self._last_header_start = _HEADER_START.pack(_VERSION_2, _MARKER | payload_type)
        self._max_payload_bytes = max_packet_bytes - RTP_HEADER_BYTES

    def packetize(
        self, nal_units: Sequence[NalUnit], rtp_timestamp: int, *, is_key_frame: bool = False
    ) -> PacketizedFrame:
        """Return the packets of one access unit, the last with the marker bit (RFC 6184 5.1).

        `is_key_frame` says that a viewer may start here; it is kept with the frame and changes no packet.
        `rtp_timestamp` is taken modulo 2^32. The NAL units must not change while the frame exists. ValueError without
        NAL units.
        """
        if not nal_units:
            raise ValueError("an access unit without NAL units")
        rtp_timestamp &= 0xFFFF_FFFF
        packets = _AccessUnitPackets(
            self._header_start, self._next_sequence, _HEADER_END.pack(rtp_timestamp, self._ssrc)
        )
        packets.add(nal_units, self._max_payload_bytes)
        packets.heads[-1] = self._last_header_start + packets.heads[-1][2:]
        frame = PacketizedFrame(
            self._next_sequence,
            rtp_timestamp,
            packets.heads,
            packets.payloads,
            packets.sizes,
            is_key_frame=is_key_frame,
            nal_units=nal_units,
        )
        self._next_sequence = packets.next_sequence & 0xFFFF
        return frame


class _AccessUnitPackets:
    """Collects the packets of one access unit: parallel lists, because the hot path handles each list as a whole."""

    __slots__ = ("_header_end", "_header_start", "heads", "next_sequence", "payloads", "sizes")

    def __init__(self, header_start: bytes, first_sequence: int, header_end: bytes) -> None:
        self._header_start = header_start
        self._header_end = header_end
        self.next_sequence = first_sequence  # not wrapped yet
        self.heads: list[bytes] = []
        self.payloads: list[NalUnit] = []
        self.sizes: list[int] = []

    def add(self, nal_units: Sequence[NalUnit], max_payload_bytes: int) -> None:
        """Put each NAL unit into one packet or into several."""
        for nal in nal_units:
            if len(nal) <= max_payload_bytes:
                self._add_packet(nal)  # single NAL unit packet, RFC 6184 5.6
            else:
                self._add_fragments(nal, max_payload_bytes - _FU_BYTES)

    def _add_packet(self, payload: NalUnit) -> None:
        self.heads.append(_HEAD.pack(self._header_start, self.next_sequence & 0xFFFF, self._header_end))
        self.payloads.append(payload)
        self.sizes.append(RTP_HEADER_BYTES + len(payload))
        self.next_sequence += 1

    def _add_fragments(self, nal: NalUnit, step_bytes: int) -> None:
        """FU-A, RFC 6184 5.8: all fragments but the last have the full size, so that they make one DatagramRun.

        This is the only loop over a frame's packets, hence the comprehensions. The NAL unit's first byte is not sent:
        its bits go into the FU indicator (F, NRI) and the FU header (type).
        """
        body = memoryview(nal)
        starts = range(1, len(nal), step_bytes)
        pack, header_start, first_sequence = _FU_HEAD.pack, self._header_start, self.next_sequence
        self.next_sequence += len(starts)
        indicator, kind = nal[0] & 0xE0 | _FU_A, nal[0] & TYPE_MASK
        ends = [self._header_end + bytes((indicator, kind))] * len(starts)
        ends[0] = self._header_end + bytes((indicator, kind | _FU_START))
        ends[-1] = self._header_end + bytes((indicator, kind | _FU_END))
        self.heads += [pack(header_start, n & 0xFFFF, end) for n, end in enumerate(ends, first_sequence)]
        self.payloads += [body[start : start + step_bytes] for start in starts]
        self.sizes += [_FU_HEAD.size + step_bytes] * (len(starts) - 1)
        self.sizes.append(_FU_HEAD.size + len(nal) - starts[-1])


def _require_range(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise ValueError(f"{name} is {value}, not {least} to {most}")
