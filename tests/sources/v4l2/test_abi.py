"""Sizes, offsets and request numbers against what a C program prints with the header of a 64-bit Linux."""

import ctypes

import pytest

from edge_streamer.sources.v4l2 import abi

SIZES = {
    abi.Capability: 104,
    abi.FormatDescription: 64,
    abi.FrameSize: 44,
    abi.FrameInterval: 52,
    abi.PixFormat: 48,
    abi.PlanePixFormat: 20,
    abi.PixFormatMplane: 192,
    abi.Format: 208,
    abi.StreamParm: 204,
    abi.RequestBuffers: 20,
    abi.Plane: 64,
    abi.Buffer: 88,
    abi.Selection: 64,
    abi.ControlValue: 8,
    abi.ControlQuery: 68,
    abi.ExtensionUnitQuery: 16,
}
REQUESTS = {
    "QUERYCAP": 0x80685600,
    "ENUM_FMT": 0xC0405602,
    "S_FMT": 0xC0D05605,
    "REQBUFS": 0xC0145608,
    "QUERYBUF": 0xC0585609,
    "QBUF": 0xC058560F,
    "DQBUF": 0xC0585611,
    "STREAMON": 0x40045612,
    "STREAMOFF": 0x40045613,
    "S_PARM": 0xC0CC5616,
    "S_CTRL": 0xC008561C,
    "QUERYCTRL": 0xC0445624,
    "S_SELECTION": 0xC040565F,
    "ENUM_FRAMESIZES": 0xC02C564A,
    "ENUM_FRAMEINTERVALS": 0xC034564B,
    "UVC_CTRL_QUERY": 0xC0107521,
}


@pytest.mark.parametrize(("structure", "size"), SIZES.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_structures_have_the_kernels_size(structure, size):
    assert ctypes.sizeof(structure) == size


def test_requests_have_the_kernels_numbers():
    assert {request.name: int(request) for request in abi.Ioctl} == REQUESTS


@pytest.mark.parametrize(
    ("structure", "field", "offset"),
    [
        (abi.Format, "fmt", 8),
        (abi.Buffer, "timestamp", 24),
        (abi.Buffer, "sequence", 56),
        (abi.Buffer, "m", 64),
        (abi.Buffer, "length", 72),
        (abi.Plane, "m", 8),
        (abi.Plane, "data_offset", 16),
        (abi.PixFormatMplane, "num_planes", 180),
        (abi.StreamParm, "timeperframe", 12),
        (abi.ExtensionUnitQuery, "size", 4),
        (abi.ExtensionUnitQuery, "data", 8),
    ],
)
def test_fields_lie_where_the_kernel_looks_for_them(structure, field, offset):
    assert getattr(structure, field).offset == offset


def test_pixel_formats_are_named_by_four_characters():
    assert abi.PixelFormat.H264 == 0x34363248
    assert abi.fourcc_name(abi.PixelFormat.MJPEG) == "MJPG"
    assert abi.fourcc_name(abi.fourcc("Y10 ") | 1 << 31) == "Y10"
