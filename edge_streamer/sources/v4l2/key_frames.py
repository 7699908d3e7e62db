"""How a camera that encodes H.264 itself is asked for a key frame: by its driver's control, or over USB.

A UVC camera with "H.264 Payload 1.1" has an extension unit (GUID A29E7641-DE04-47E3-8B2B-F4341AFF003B) with a control
for the type of the next picture; its number is in the USB descriptors, which sysfs shows. The encoding units of UVC 1.5
are out of reach: Linux passes queries on to extension units only. Used by `native`.
"""

import ctypes
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

from edge_streamer.sources.v4l2.abi import Control, ExtensionUnitQuery, Ioctl
from edge_streamer.sources.v4l2.device import Device
from edge_streamer.sources.v4l2.nodes import node_name

H264_UNIT_GUID: Final = bytes.fromhex("41769ea204dee3478b2bf4341aff003b")
MAX_DESCRIPTOR_BYTES: Final = 64 << 10
"""wTotalLength of a configuration has 16 bits (USB 2.0 table 9-10)."""

_PICTURE_TYPE_CONTROL: Final = 0x09  # UVCX_PICTURE_TYPE_CONTROL
_IDR_WITH_PARAMETER_SETS: Final = struct.pack("<HH", 0, 2)  # wLayerID, wPicType
_SET_CUR, _GET_LEN = 0x01, 0x85  # UVC 1.5 table A-8
_INTERFACE, _CS_INTERFACE = 0x04, 0x24  # bDescriptorType: USB 2.0 table 9-5, UVC 1.5 table A-4
_VIDEO_CONTROL: Final = b"\x0e\x01"  # bInterfaceClass, bInterfaceSubClass: UVC 1.5 tables
_EXTENSION_UNIT: Final = 0x06  # bDescriptorSubtype: UVC 1.5 table A-5


class KeyFrameControl(Protocol):
    """A way to ask for a key frame."""

    def force(self) -> None:
        """Ask for it; OSError when the device does not answer."""


def find_key_frame_control(device: Device, root: Path) -> KeyFrameControl | None:
    """Return how this camera is asked; None when it cannot be. `root` is the folder that `sys` is in."""
    if device.control_range(Control.FORCE_KEY_FRAME) is not None:
        return _DriverControl(device)
    unit = h264_extension_unit(usb_descriptors(root, node_name(device.path)))
    if unit is None:
        return None
    control = ExtensionUnitControl(device, unit)
    return control if control.answers() else None


class _DriverControl:
    def __init__(self, device: Device) -> None:
        self._device = device

    def force(self) -> None:
        self._device.set_control(Control.FORCE_KEY_FRAME, 1)


class ExtensionUnitControl:
    """The picture type control of a camera's H.264 extension unit."""

    def __init__(self, device: Device, unit: int) -> None:
        self._device = device
        self._unit = unit

    def answers(self) -> bool:
        """Whether the unit has the control, of the length that we know; the driver refuses any other."""
        try:
            length = self._query(_GET_LEN, bytes(2))
        except OSError:
            return False
        return int.from_bytes(length, "little") == len(_IDR_WITH_PARAMETER_SETS)

    def force(self) -> None:
        """Ask for an IDR with parameter sets as the next picture."""
        self._query(_SET_CUR, _IDR_WITH_PARAMETER_SETS)

    def _query(self, request: int, data: bytes) -> bytes:
        buffer = (ctypes.c_uint8 * len(data)).from_buffer_copy(data)
        query = ExtensionUnitQuery(self._unit, _PICTURE_TYPE_CONTROL, request, len(data), ctypes.addressof(buffer))
        self._device.ioctl(Ioctl.UVC_CTRL_QUERY, query)
        return bytes(buffer)


def usb_descriptors(root: Path, node: str) -> bytes:
    """Return the USB descriptors of the device behind a video node; nothing for one that is not on USB."""
    interface = (root / "sys/class/video4linux" / node / "device").resolve()
    try:
        with (interface.parent / "descriptors").open("rb") as file:
            return file.read(MAX_DESCRIPTOR_BYTES)
    except OSError:
        return b""


def h264_extension_unit(descriptors: bytes) -> int | None:
    """Return bUnitID of the H.264 extension unit (UVC 1.5 section 3.7.2.7); None when there is none."""
    is_video_control = False
    for descriptor in _split(descriptors):
        if descriptor[1] == _INTERFACE:
            is_video_control = descriptor[5:7] == _VIDEO_CONTROL
        is_extension_unit = is_video_control and descriptor[1:3] == bytes((_CS_INTERFACE, _EXTENSION_UNIT))
        if is_extension_unit and descriptor[4:20] == H264_UNIT_GUID:
            return descriptor[3]
    return None


def _split(descriptors: bytes) -> Iterator[bytes]:
    """Yield descriptor by descriptor; the first byte of each is its length, at least 2."""
    start = 0
    while start + 2 <= len(descriptors) and (length := descriptors[start]) >= 2:
        yield descriptors[start : start + length]
        start += length
