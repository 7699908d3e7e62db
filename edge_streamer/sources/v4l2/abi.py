"""The part of Linux's V4L2 interface (`linux/videodev2.h`, `linux/uvcvideo.h`) that is used here, and no more of it.

Structures as ctypes, request numbers, flags and control ids; nothing is opened and nothing is called. Sizes follow the
machine: right on 64-bit kernels, and on 32-bit ones from Linux 5.6, where a buffer's time has two 64-bit numbers.
Used by the other modules of this package; the names are the kernel's, without their prefix.
"""

import ctypes
from ctypes import c_char, c_int32, c_int64, c_uint8, c_uint16, c_uint32, c_ulong, c_void_p
from enum import IntEnum, IntFlag
from typing import Final

MAX_PLANES: Final = 8


def fourcc(code: str) -> int:
    """Return the kernel's number of a pixel format's four characters."""
    return int.from_bytes(code.encode("ascii"), "little")


def fourcc_name(number: int) -> str:
    """Return a pixel format's four characters; bit 31 (big-endian) is no part of them."""
    return (number & 0x7FFFFFFF).to_bytes(4, "little").decode("latin-1").rstrip()


class PixelFormat(IntEnum):
    """The pixel formats that are captured or encoded, out of the kernel's hundreds."""

    H264 = fourcc("H264")
    MJPEG = fourcc("MJPG")
    JPEG = fourcc("JPEG")
    YUYV = fourcc("YUYV")
    NV12 = fourcc("NV12")
    YUV420 = fourcc("YU12")


class BufferType(IntEnum):
    """enum v4l2_buf_type: which queue of a device."""

    CAPTURE = 1
    OUTPUT = 2
    CAPTURE_MPLANE = 9
    OUTPUT_MPLANE = 10

    @property
    def is_mplane(self) -> bool:
        """Whether it speaks the multi-planar variant of the interface."""
        return self >= BufferType.CAPTURE_MPLANE


class Capabilities(IntFlag):
    """V4L2_CAP_*: what a node can do."""

    CAPTURE = 0x0000_0001
    CAPTURE_MPLANE = 0x0000_1000
    OUTPUT_MPLANE = 0x0000_2000
    M2M_MPLANE = 0x0000_4000
    M2M = 0x0000_8000
    STREAMING = 0x0400_0000
    DEVICE_CAPS = 0x8000_0000


class BufferFlags(IntFlag):
    """V4L2_BUF_FLAG_*."""

    KEYFRAME = 0x0000_0008
    ERROR = 0x0000_0040
    TIMESTAMP_MASK = 0x0000_E000
    TIMESTAMP_MONOTONIC = 0x0000_2000
    TIMESTAMP_COPY = 0x0000_4000


class Control(IntEnum):
    """V4L2_CID_*: the controls of encoders that are set."""

    B_FRAMES = 0x0099_09CA
    GOP_SIZE = 0x0099_09CB
    BITRATE = 0x0099_09CF
    FRAME_RC_ENABLE = 0x0099_09D7
    HEADER_MODE = 0x0099_09D8
    REPEAT_SEQ_HEADER = 0x0099_09E2
    FORCE_KEY_FRAME = 0x0099_09E5
    H264_I_PERIOD = 0x0099_0A66
    H264_LEVEL = 0x0099_0A67
    PREPEND_SPSPPS_TO_IDR = 0x0099_0B84


MEMORY_MMAP: Final = 1
FIELD_NONE: Final = 1
CAP_TIMEPERFRAME: Final = 0x1000
CTRL_FLAG_DISABLED: Final = 0x0001
FRAME_DISCRETE: Final = 1
"""V4L2_FRMSIZE_TYPE_DISCRETE and V4L2_FRMIVAL_TYPE_DISCRETE; other types are a range."""
HEADER_MODE_JOINED_WITH_1ST_FRAME: Final = 1


class Capability(ctypes.Structure):
    """struct v4l2_capability."""

    _fields_ = (
        ("driver", c_char * 16),
        ("card", c_char * 32),
        ("bus_info", c_char * 32),
        ("version", c_uint32),
        ("capabilities", c_uint32),
        ("device_caps", c_uint32),
        ("reserved", c_uint32 * 3),
    )


class FormatDescription(ctypes.Structure):
    """struct v4l2_fmtdesc."""

    _fields_ = (
        ("index", c_uint32),
        ("type", c_uint32),
        ("flags", c_uint32),
        ("description", c_char * 32),
        ("pixelformat", c_uint32),
        ("mbus_code", c_uint32),
        ("reserved", c_uint32 * 3),
    )


class Fraction(ctypes.Structure):
    """struct v4l2_fract."""

    _fields_ = (("numerator", c_uint32), ("denominator", c_uint32))


class _DiscreteSize(ctypes.Structure):
    _fields_ = (("width", c_uint32), ("height", c_uint32))


class _StepwiseSize(ctypes.Structure):
    _fields_ = (
        ("min_width", c_uint32),
        ("max_width", c_uint32),
        ("step_width", c_uint32),
        ("min_height", c_uint32),
        ("max_height", c_uint32),
        ("step_height", c_uint32),
    )


class _SizeUnion(ctypes.Union):
    _fields_ = (("discrete", _DiscreteSize), ("stepwise", _StepwiseSize))


class FrameSize(ctypes.Structure):
    """struct v4l2_frmsizeenum."""

    _anonymous_ = ("size",)
    _fields_ = (
        ("index", c_uint32),
        ("pixel_format", c_uint32),
        ("type", c_uint32),
        ("size", _SizeUnion),
        ("reserved", c_uint32 * 2),
    )


class _StepwiseInterval(ctypes.Structure):
    _fields_ = (("min", Fraction), ("max", Fraction), ("step", Fraction))


class _IntervalUnion(ctypes.Union):
    _fields_ = (("discrete", Fraction), ("stepwise", _StepwiseInterval))


class FrameInterval(ctypes.Structure):
    """struct v4l2_frmivalenum."""

    _anonymous_ = ("interval",)
    _fields_ = (
        ("index", c_uint32),
        ("pixel_format", c_uint32),
        ("width", c_uint32),
        ("height", c_uint32),
        ("type", c_uint32),
        ("interval", _IntervalUnion),
        ("reserved", c_uint32 * 2),
    )


class PixFormat(ctypes.Structure):
    """struct v4l2_pix_format."""

    _fields_ = (
        ("width", c_uint32),
        ("height", c_uint32),
        ("pixelformat", c_uint32),
        ("field", c_uint32),
        ("bytesperline", c_uint32),
        ("sizeimage", c_uint32),
        ("colorspace", c_uint32),
        ("priv", c_uint32),
        ("flags", c_uint32),
        ("ycbcr_enc", c_uint32),
        ("quantization", c_uint32),
        ("xfer_func", c_uint32),
    )


class PlanePixFormat(ctypes.Structure):
    """struct v4l2_plane_pix_format."""

    _fields_ = (("sizeimage", c_uint32), ("bytesperline", c_uint32), ("reserved", c_uint16 * 6))


class PixFormatMplane(ctypes.Structure):
    """struct v4l2_pix_format_mplane."""

    _fields_ = (
        ("width", c_uint32),
        ("height", c_uint32),
        ("pixelformat", c_uint32),
        ("field", c_uint32),
        ("colorspace", c_uint32),
        ("plane_fmt", PlanePixFormat * MAX_PLANES),
        ("num_planes", c_uint8),
        ("flags", c_uint8),
        ("ycbcr_enc", c_uint8),
        ("quantization", c_uint8),
        ("xfer_func", c_uint8),
        ("reserved", c_uint8 * 7),
    )


class _FormatUnion(ctypes.Union):
    _fields_ = (
        ("pix", PixFormat),
        ("pix_mp", PixFormatMplane),
        ("raw_data", c_uint8 * 200),
        ("window", c_void_p),  # struct v4l2_window holds pointers: the union is aligned as one
    )


class Format(ctypes.Structure):
    """struct v4l2_format."""

    _anonymous_ = ("fmt",)
    _fields_ = (("type", c_uint32), ("fmt", _FormatUnion))


class StreamParm(ctypes.Structure):
    """struct v4l2_streamparm; captureparm and outputparm lie alike."""

    _fields_ = (
        ("type", c_uint32),
        ("capability", c_uint32),
        ("mode", c_uint32),
        ("timeperframe", Fraction),
        ("raw_data", c_uint8 * 184),
    )


class RequestBuffers(ctypes.Structure):
    """struct v4l2_requestbuffers."""

    _fields_ = (
        ("count", c_uint32),
        ("type", c_uint32),
        ("memory", c_uint32),
        ("capabilities", c_uint32),
        ("flags", c_uint8),
        ("reserved", c_uint8 * 3),
    )


class Timeval(ctypes.Structure):
    """struct timeval of a buffer, 64-bit on every machine."""

    _fields_ = (("seconds", c_int64), ("microseconds", c_int64))


class _PlaneUnion(ctypes.Union):
    _fields_ = (("mem_offset", c_uint32), ("userptr", c_ulong), ("fd", c_int32))


class Plane(ctypes.Structure):
    """struct v4l2_plane."""

    _anonymous_ = ("m",)
    _fields_ = (
        ("bytesused", c_uint32),
        ("length", c_uint32),
        ("m", _PlaneUnion),
        ("data_offset", c_uint32),
        ("reserved", c_uint32 * 11),
    )


class _BufferUnion(ctypes.Union):
    _fields_ = (
        ("offset", c_uint32),
        ("userptr", c_ulong),
        ("planes", ctypes.POINTER(Plane)),
        ("fd", c_int32),
    )


class Buffer(ctypes.Structure):
    """struct v4l2_buffer."""

    _anonymous_ = ("m",)
    _fields_ = (
        ("index", c_uint32),
        ("type", c_uint32),
        ("bytesused", c_uint32),
        ("flags", c_uint32),
        ("field", c_uint32),
        ("timestamp", Timeval),
        ("timecode", c_uint32 * 4),
        ("sequence", c_uint32),
        ("memory", c_uint32),
        ("m", _BufferUnion),
        ("length", c_uint32),
        ("reserved2", c_uint32),
        ("request_fd", c_int32),
    )


class Selection(ctypes.Structure):
    """struct v4l2_selection; `target` 0 is the crop rectangle."""

    _fields_ = (
        ("type", c_uint32),
        ("target", c_uint32),
        ("flags", c_uint32),
        ("left", c_int32),
        ("top", c_int32),
        ("width", c_uint32),
        ("height", c_uint32),
        ("reserved", c_uint32 * 9),
    )


class ControlValue(ctypes.Structure):
    """struct v4l2_control."""

    _fields_ = (("id", c_uint32), ("value", c_int32))


class ControlQuery(ctypes.Structure):
    """struct v4l2_queryctrl."""

    _fields_ = (
        ("id", c_uint32),
        ("type", c_uint32),
        ("name", c_char * 32),
        ("minimum", c_int32),
        ("maximum", c_int32),
        ("step", c_int32),
        ("default_value", c_int32),
        ("flags", c_uint32),
        ("reserved", c_uint32 * 2),
    )


class ExtensionUnitQuery(ctypes.Structure):
    """struct uvc_xu_control_query: one request to an extension unit of a USB camera."""

    _fields_ = (
        ("unit", c_uint8),
        ("selector", c_uint8),
        ("query", c_uint8),
        ("size", c_uint16),
        ("data", c_void_p),
    )


class Ioctl(IntEnum):
    """VIDIOC_*, and UVCIOC_CTRL_QUERY: direction << 30 | size << 16 | letter << 8 | number."""

    QUERYCAP = 2 << 30 | ctypes.sizeof(Capability) << 16 | 0x5600
    ENUM_FMT = 3 << 30 | ctypes.sizeof(FormatDescription) << 16 | 0x5602
    S_FMT = 3 << 30 | ctypes.sizeof(Format) << 16 | 0x5605
    REQBUFS = 3 << 30 | ctypes.sizeof(RequestBuffers) << 16 | 0x5608
    QUERYBUF = 3 << 30 | ctypes.sizeof(Buffer) << 16 | 0x5609
    QBUF = 3 << 30 | ctypes.sizeof(Buffer) << 16 | 0x560F
    DQBUF = 3 << 30 | ctypes.sizeof(Buffer) << 16 | 0x5611
    STREAMON = 1 << 30 | ctypes.sizeof(c_int32) << 16 | 0x5612
    STREAMOFF = 1 << 30 | ctypes.sizeof(c_int32) << 16 | 0x5613
    S_PARM = 3 << 30 | ctypes.sizeof(StreamParm) << 16 | 0x5616
    S_CTRL = 3 << 30 | ctypes.sizeof(ControlValue) << 16 | 0x561C
    QUERYCTRL = 3 << 30 | ctypes.sizeof(ControlQuery) << 16 | 0x5624
    S_SELECTION = 3 << 30 | ctypes.sizeof(Selection) << 16 | 0x565F
    ENUM_FRAMESIZES = 3 << 30 | ctypes.sizeof(FrameSize) << 16 | 0x564A
    ENUM_FRAMEINTERVALS = 3 << 30 | ctypes.sizeof(FrameInterval) << 16 | 0x564B
    UVC_CTRL_QUERY = 3 << 30 | ctypes.sizeof(ExtensionUnitQuery) << 16 | 0x7521
