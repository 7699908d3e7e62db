"""Which cameras are connected, from sysfs: no device is opened, so a hung camera cannot hang the caller.

A CSI sensor is a V4L2 subdevice named after its chip and its I2C address (`imx708_wide 10-001a`); its driver creates it
only when the chip answered at boot. A USB camera is a video node of the driver `uvcvideo`. Only libcamera and the
drivers know the abilities of a camera: `sources.inventory` asks them. Called by `cli.main`, `cli.probe` and
`app.source_plan`.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal

from edge_streamer.device.video import list_video_devices, read_name, stable_path, video_class_folder

# The part numbers of the makers of image sensors. Beside a sensor there may be subdevices of a lens (dw9807), a flash
# (lm3601), an HDMI bridge (tc358743) or a receiver, and none of these is a camera of libcamera's.
_SENSOR: Final = re.compile(
    r"(?P<chip>(?:imx|ov|os|og|ox|ar|mt9|gc|hi|s5k|sc|vd|vgxy)[0-9a-z]*[0-9][0-9a-z_]*) (?P<address>[0-9]+-[0-9a-f]{4})"
)
_UVC_DRIVER: Final = "uvcvideo"


@dataclass(frozen=True, slots=True)
class FoundSensor:
    """A CSI sensor that answered: its driver's name for the module (`imx708_wide`) and its I2C bus and address."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class FoundCamera:
    """A camera that a source can use.

    `number` is libcamera's, or N of `/dev/videoN`. `device` is empty for picamera2, else the device file, by a name
    that survives replugging (`/dev/v4l/by-id/...`) where udev gave one. `name` is for people.
    """

    kind: Literal["picamera2", "v4l2"]
    number: int
    device: str
    name: str


def find_cameras(
    root: Path = Path("/"), find_package: Callable[[str], object | None] = find_spec
) -> tuple[FoundCamera, ...]:
    """Return the cameras, CSI before USB; `root` is the folder that `sys` and `dev` are in.

    CSI cameras are numbered in the order in which their drivers came up, from 0 without a gap, as in libcamera; which
    of two is 0, only libcamera knows. They are returned only where `find_package` (`importlib.util.find_spec`) finds
    picamera2, since no other source can use them; `find_sensors` returns them in any case.
    """
    sensors = find_sensors(root) if find_package("picamera2") is not None else ()
    csi = (FoundCamera("picamera2", number, "", sensor.name) for number, sensor in enumerate(sensors))
    return (*csi, *_usb_cameras(root))


def find_sensors(root: Path = Path("/")) -> tuple[FoundSensor, ...]:
    """Return the CSI sensors that their drivers found, whether or not picamera2 is installed."""
    nodes = sorted(video_class_folder(root).glob("v4l-subdev*"), key=_number_of)
    matches = (_SENSOR.fullmatch(read_name(node)) for node in nodes)
    return tuple(FoundSensor(match["chip"], match["address"]) for match in matches if match is not None)


def _number_of(node: Path) -> int:
    return int(node.name.removeprefix("v4l-subdev"))


def _usb_cameras(root: Path) -> Iterator[FoundCamera]:
    for node in list_video_devices(root):
        number = int(node.path.removeprefix("/dev/video"))
        if _is_uvc_picture_node(video_class_folder(root) / f"video{number}"):
            yield FoundCamera("v4l2", number, stable_path(root, node.path), node.name)


def _is_uvc_picture_node(node: Path) -> bool:
    """True for a camera's first node; uvcvideo creates a second one for metadata (Linux 4.16), with the next index."""
    try:
        return (node / "device" / "driver").resolve().name == _UVC_DRIVER and (
            node / "index"
        ).read_text().strip() == "0"
    except OSError:
        return False
