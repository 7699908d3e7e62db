"""Video device nodes and their names, from sysfs: no node is opened, so no device is disturbed.

Only the driver knows what a node can do. Here the name alone tells whether a node encodes: a hint for people where the
driver cannot be asked, and no source may rely on it. Called by `device.cameras`, `device.inventory` and `cli.probe`.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# Drivers name their encoders: bcm2835-codec-encode, mtk-vcodec-enc, "Qualcomm Venus video encoder". Others make JPEG.
_IMAGE_ENCODER: Final = re.compile(r"jpe?g|encode_image", re.IGNORECASE)
_ENCODER: Final = re.compile(r"\benc|encoder", re.IGNORECASE)
_STABLE_FOLDERS: Final = ("by-id", "by-path")
"""Folders of /dev/v4l, best first: a name of the camera itself, then one of the USB port that it is in."""


@dataclass(frozen=True, slots=True)
class VideoDevice:
    """A `/dev/video*` node and the driver's name for it.

    `is_virtual` when no hardware is behind it: a v4l2loopback, whose name is the user's choice.
    """

    path: str
    name: str
    is_virtual: bool = False

    @property
    def is_encoder(self) -> bool:
        """Whether the name looks like a video encoder's."""
        return not self.is_virtual and bool(_ENCODER.search(self.name)) and not _IMAGE_ENCODER.search(self.name)


def list_video_devices(root: Path = Path("/")) -> tuple[VideoDevice, ...]:
    """Return the V4L2 video nodes in the order of their numbers; `root` is the folder that `sys` is in."""
    folder = video_class_folder(root)
    names = (entry.name.removeprefix("video") for entry in folder.glob("video*"))
    numbers = sorted(int(name) for name in names if name.isdecimal())
    return tuple(_video_device(folder / f"video{number}") for number in numbers)


def _video_device(node: Path) -> VideoDevice:
    is_virtual = node.resolve().parent.parent.name == "virtual"  # /sys/devices/virtual/video4linux/videoN
    return VideoDevice(f"/dev/{node.name}", read_name(node), is_virtual)


def video_class_folder(root: Path) -> Path:
    """Return the folder in which the kernel shows video nodes and subdevices."""
    return root / "sys" / "class" / "video4linux"


def stable_path(root: Path, node: str) -> str:
    """Return udev's link to the video node, which survives a restart and replugging; the node itself without a link.

    60-persistent-v4l.rules links /dev/v4l/by-id/usb-SERIAL-video-index0 to ../../videoN. `root` has `dev` in it.
    """
    for folder in _STABLE_FOLDERS:
        for link in sorted((root / "dev" / "v4l" / folder).glob("*")):
            if link.is_symlink() and link.readlink().name == Path(node).name:
                return f"/dev/v4l/{folder}/{link.name}"
    return node


def read_name(node: Path) -> str:
    """Return the driver's name for the node of that folder; empty when it has no name or is gone."""
    try:
        return (node / "name").read_text(errors="replace").strip()
    except OSError:
        return ""
