"""Makes v4l2loopback a camera that compresses by itself: FFmpeg's libraries copy a clip into it, again and again.

    python3 feeder.py DEVICE CLIP FPS [--tear N]

With `--tear N` every Nth picture lacks its first half, as from a camera with a bad cable. Runs inside the guest, as a
file of its own; `tests.guest.loopback` starts it.
"""

import argparse
import itertools
import time
from fractions import Fraction

import av


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("device")
    parser.add_argument("clip")
    parser.add_argument("fps", type=int)
    parser.add_argument("--tear", type=int, default=0)
    arguments = parser.parse_args()
    with av.open(arguments.clip) as clip, av.open(arguments.device, "w", format="v4l2") as device:
        output = device.add_stream_from_template(clip.streams.video[0])
        pictures = [bytes(packet) for packet in clip.demux(video=0) if packet.size]
        started = time.monotonic()
        for number, picture in enumerate(itertools.cycle(pictures)):
            time.sleep(max(0.0, started + number / arguments.fps - time.monotonic()))
            device.mux(_packet(output, _torn(picture, number, arguments.tear), number, arguments.fps))


def _torn(picture: bytes, number: int, tear: int) -> bytes:
    return picture[len(picture) // 2 :] if tear and number % tear == tear - 1 else picture


def _packet(stream: av.VideoStream, picture: bytes, number: int, fps: int) -> av.Packet:
    packet = av.Packet(picture)
    packet.stream = stream
    packet.time_base = Fraction(1, fps)
    packet.pts = packet.dts = number
    return packet


if __name__ == "__main__":
    main()
