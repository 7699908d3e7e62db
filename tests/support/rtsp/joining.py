"""One viewer's arrival, measured: how long from PLAY to the first picture, and whether PLAY's reply told the truth.

Called by the interop tests.
"""

import time
from dataclasses import dataclass
from typing import Final

import av

from tests.support.rtsp.h264_depacketizer import access_units, annex_b
from tests.support.rtsp.reader import MediaPacket, RtspReader
from tests.support.rtsp.wire import Response, Transport

NAL_TYPE_IDR: Final = 5
NAL_TYPE_MASK: Final = 0x1F


@dataclass(frozen=True, slots=True)
class Joined:
    """What a new viewer got: seconds from sending PLAY to the last packet of the first access unit, that unit's NAL
    units, and the sequence number and time stamp of its first packet beside those that RTP-Info had promised."""

    first_frame_s: float
    nal_units: list[bytes]
    promised: tuple[int, int]
    first: tuple[int, int]

    @property
    def has_idr(self) -> bool:
        """Whether the access unit is a key frame (RFC 6184 section 5.2: type 5)."""
        return any(nal[0] & NAL_TYPE_MASK == NAL_TYPE_IDR for nal in self.nal_units)

    def decoded_pictures(self) -> list[av.VideoFrame]:
        """Return the pictures that a decoder who knows nothing else makes of the access unit."""
        decoder = av.CodecContext.create("h264", "r")
        return [*decoder.decode(av.Packet(annex_b(self.nal_units))), *decoder.decode(None)]


def join(url: str, transport: Transport) -> Joined:
    """Set up, play until the first access unit is whole, and tear down."""
    with RtspReader(url, transport) as reader:
        for step in (reader.describe, reader.setup):
            assert step().status == 200
        asked_now = time.monotonic()
        promised = _promised(reader.play())
        packets = _first_access_unit(reader)
        reader.teardown()
    (nal_units,) = access_units(packet.data for packet in packets)
    first = (packets[0].sequence, packets[0].rtp_timestamp)
    return Joined(packets[-1].arrived - asked_now, nal_units, promised, first)


def _first_access_unit(reader: RtspReader) -> list[MediaPacket]:
    packets = [reader.next_rtp()]
    while not packets[-1].has_marker:
        packets.append(reader.next_rtp())
    return packets


def _promised(play: Response) -> tuple[int, int]:
    """RTP-Info's `seq` and `rtptime` (RFC 2326 section 12.33)."""
    assert play.status == 200, f"PLAY answered {play.status} {play.reason}"
    fields = dict(part.split("=", 1) for part in play.headers["rtp-info"].split(";"))
    return int(fields["seq"]), int(fields["rtptime"])
