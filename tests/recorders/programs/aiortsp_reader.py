"""aiortsp as a reader: `aiortsp_reader.py URL PACKETS_WITH_MARKER` writes RTP packets to /tmp/packets, each after its
length as in RFC 4571.

rtsp:// is UDP and rtspt:// is TCP. Runs in the recorders' root.
"""

import asyncio
import sys
from pathlib import Path

from aiortsp.rtsp.reader import RTSPReader


async def main(url: str, pictures: int) -> None:
    with Path("/tmp/packets").open("wb") as dump:
        async with RTSPReader(url) as reader:
            async for packet in reader.iter_packets():
                data = bytes(packet)
                dump.write(len(data).to_bytes(2, "big") + data)
                pictures -= packet.m
                if not pictures:
                    return


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
