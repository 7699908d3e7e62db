"""What a viewer gets of a stream, and how long a decoder that keeps to the standard waits with it."""

from base64 import b64decode

import av

from tests.support.rtsp.h264_depacketizer import access_units, annex_b
from tests.support.rtsp.reader import RtspReader
from tests.support.service import RunningService

FRAMES = 40


def watched(service: RunningService, name: str) -> tuple[bytes, list[list[bytes]]]:
    """Return the SPS of the stream's description, and the access units that follow."""
    with RtspReader(service.rtsp_url(name)) as reader:
        description = reader.describe().body.decode()
        sps = b64decode(description.partition("sprop-parameter-sets=")[2].partition(",")[0])
        reader.setup()
        reader.play()
        packets: list[bytes] = []
        while sum(packet[1] >> 7 for packet in packets) < FRAMES:
            packets.append(reader.next_rtp().data)
    return sps, access_units(packets)


def pictures_held_back(units: list[list[bytes]]) -> int:
    """Return how many pictures a decoder holds back before it gives the first.

    FFmpeg guesses that there is no reordering until it sees some; told to be strict it waits as the standard says
    (ITU-T H.264 C.4.5.3), as hardware decoders do.
    """
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    decoder.options = {"strict": "strict"}
    for number, unit in enumerate(units):
        if decoder.decode(av.Packet(annex_b(unit))):
            return number
    raise AssertionError("no picture at all")
