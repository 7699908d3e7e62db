"""The guest's raw camera, the kernel's `vivid`: what it shows, and the faults that it can be told to have."""

from itertools import pairwise
from typing import Final

from tests.guest.machine import Guest

DEVICE: Final = "/dev/v4l/by-path/platform-vivid.0-video-index0"
"""The link that udev made: the guest's vivid has no serial number, so none by id."""
WIDTH, HEIGHT, FPS = 320, 180, 15
COLOUR_BARS: Final = 8
"""vivid's test picture: grey, yellow, cyan, green, magenta, red, blue, black."""


def set_control(guest: Guest, name: str, value: int) -> None:
    """Set one of vivid's controls; a button is pressed by 1."""
    guest.run("v4l2-ctl", "-d", DEVICE, "-c", f"{name}={value}")


def check_colour_bars(luma: bytes, width: int, height: int) -> None:
    """Each bar is darker than the one before it, in every picture's lower part, where vivid writes no text."""
    picture_bytes = width * height
    assert luma
    assert len(luma) % picture_bytes == 0
    for start in range(picture_bytes - width * (height // 8), len(luma), picture_bytes):
        bars = [luma[start + (2 * bar + 1) * width // (2 * COLOUR_BARS)] for bar in range(COLOUR_BARS)]
        assert all(left > right + 4 for left, right in pairwise(bars)), bars
