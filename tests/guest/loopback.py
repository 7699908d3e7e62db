"""The guest's camera that compresses by itself: v4l2loopback, and who feeds it.

    with fed_with(guest, "h264"):
        ...

Outside such a block nobody feeds it, and it is no camera. The clips are made here, by this machine's ffmpeg.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

from tests.guest.machine import Guest
from tests.guest.waiting import wait_until

DEVICE: Final = "/dev/video20"
WIDTH, HEIGHT, FPS = 320, 180, 10
CLIP_S: Final = 4
CLIP_PICTURES: Final = CLIP_S * FPS
PICTURE_BYTES: Final = WIDTH * HEIGHT
"""Of luma."""
_FEEDER: Final = Path(__file__).with_name("feeder.py")
_SCENE: Final = f"testsrc2=size={WIDTH}x{HEIGHT}:rate={FPS}:duration={CLIP_S}"
_ENCODERS: Final = {
    "h264": ("-c:v", "libx264", "-tune", "zerolatency", "-g", str(FPS), "-pix_fmt", "yuv420p"),
    "mjpeg": ("-c:v", "mjpeg", "-q:v", "6", "-pix_fmt", "yuvj420p"),
}
_LOG: Final = "/tmp/feeder.log"


def config(pixel_format: str) -> str:
    """Return a stream `cam` of this camera, by its number, which is the only path that it has."""
    return f"""
[streams.cam]
source = "v4l2"
device = "{DEVICE}"
format = "{pixel_format}"
width = {WIDTH}
height = {HEIGHT}
fps = {FPS}
bitrate_bps = 400_000
outage = "silent"
"""


@contextmanager
def fed_with(guest: Guest, codec: str, *, tear: int = 0) -> Iterator[None]:
    """Feed the device with `h264` or `mjpeg` until the block ends, which is like pulling a camera's plug."""
    guest.write(f"/tmp/clip.{codec}", clip(codec))
    guest.write("/tmp/feeder.py", _FEEDER.read_bytes())
    guest.run("v4l2-ctl", "-d", DEVICE, f"--set-output-parm={FPS}")
    pid = guest.start(_LOG, "python3", "/tmp/feeder.py", DEVICE, f"/tmp/clip.{codec}", str(FPS), f"--tear={tear}")
    try:
        wait_until("the device is fed", lambda: _is_fed(guest), lambda: guest.run("cat", _LOG))
        yield
    finally:
        guest.run("kill", "-9", str(pid))


@cache
def clip(codec: str) -> bytes:
    """Return the clip's file."""
    command = ("ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", _SCENE, *_ENCODERS[codec], "-f", codec, "-")
    return subprocess.run(command, check=True, capture_output=True, timeout=30).stdout


def _is_fed(guest: Guest) -> bool:
    """While somebody writes it shows as a camera (exclusive_caps), otherwise as an output."""
    return "Video Capture" in guest.run("v4l2-ctl", "-d", DEVICE, "-D")
