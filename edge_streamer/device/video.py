"""Video and media device nodes and their names, as sysfs tells them: nothing is opened, so nothing is disturbed.

What a node can do is known only to its driver; the role given here is read from its name, to guide people, and no
code may rely on it. Called by `probe`.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

# Drivers name their memory-to-memory nodes: bcm2835-codec-encode, bcm2835-isp-output0, pispbe-input, rpi-hevc-dec,
# mtk-vcodec-enc, "Qualcomm Venus video encoder". The image encoders make JPEG.
_IMAGE_ENCODER: Final = re.compile(r"jpe?g|encode_image", re.IGNORECASE)
_ENCODER: Final = re.compile(r"\benc|encoder", re.IGNORECASE)
_MEMORY_TO_MEMORY: Final = re.compile(r"codec|\bdec|-isp|pispbe|m2m|scaler", re.IGNORECASE)


class VideoRole(StrEnum):
    """What a video node seems to be, by its name."""

    CAMERA = "camera"
    ENCODER = "encoder"
    CONVERTER = "converter"


@dataclass(frozen=True, slots=True)
class VideoDevice:
    """A `/dev/video*` node: the driver's name for it and the role that the name suggests."""

    path: str
    name: str
    role: VideoRole


@dataclass(frozen=True, slots=True)
class MediaDevice:
    """A `/dev/media*` node and the model its driver gives."""

    path: str
    name: str


def list_video_devices(root: Path = Path("/")) -> tuple[VideoDevice, ...]:
    """Return the V4L2 video nodes in the order of their numbers; `root` is the folder that `sys` is in."""
    found = _named_nodes(root / "sys" / "class" / "video4linux", "video", "name")
    return tuple(VideoDevice(path, name, role_of(name)) for path, name in found)


def list_media_devices(root: Path = Path("/")) -> tuple[MediaDevice, ...]:
    """Return the media-controller nodes in the order of their numbers; `root` is the folder that `sys` is in."""
    found = _named_nodes(root / "sys" / "bus" / "media" / "devices", "media", "model")
    return tuple(MediaDevice(path, name) for path, name in found)


def role_of(name: str) -> VideoRole:
    """Return the role that a video node's name suggests."""
    if _ENCODER.search(name) and not _IMAGE_ENCODER.search(name):
        return VideoRole.ENCODER
    if _MEMORY_TO_MEMORY.search(name) or _IMAGE_ENCODER.search(name):
        return VideoRole.CONVERTER
    return VideoRole.CAMERA


def _named_nodes(folder: Path, prefix: str, attribute: str) -> list[tuple[str, str]]:
    numbers = [
        int(entry.name.removeprefix(prefix))
        for entry in folder.glob(f"{prefix}*")
        if entry.name.removeprefix(prefix).isdecimal()
    ]
    return [
        (f"/dev/{prefix}{number}", _read_name(folder / f"{prefix}{number}" / attribute)) for number in sorted(numbers)
    ]


def _read_name(file: Path) -> str:
    try:
        return file.read_text(errors="replace").strip()
    except OSError:
        return ""
