"""One open V4L2 node: what it can do, its formats, sizes and rates, its format in force, and its controls.

Values and OSError come as the kernel gives them; `explained` turns an OSError into the sentence that operators read.
This module handles no buffers (`queue` does) and makes no choice (`modes` and `m2m` do).
"""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, TypeVar

from edge_streamer.sources.ending import SourceError
from edge_streamer.sources.v4l2 import abi
from edge_streamer.sources.v4l2.abi import BufferType, Capabilities, Control, Ioctl
from edge_streamer.sources.v4l2.kernel import Argument, Kernel

MAX_ENUMERATED: Final = 256
"""Most entries that are read of a list: no camera has as many, and a driver may never report the list's end."""

_END_OF_LIST: Final = (errno.EINVAL, errno.ENOTTY)

CHOOSE_ANOTHER: Final = "choose another format, size or rate"

_T = TypeVar("_T")

_ADVICE: Final = {
    errno.ENOENT: "waiting for the camera: {path} is not there; plug it in, or correct `device`",
    errno.ENODEV: "the camera was unplugged ({path})",
    errno.ENXIO: "the camera was unplugged ({path})",
    errno.EACCES: "{path} may not be opened; add the service's user to the group `video`",
    errno.EPERM: "{path} may not be opened; allow it to the service (DeviceAllow= in its unit)",
    errno.EBUSY: "{path} is in use by another program (`fuser {path}` names it); end that program",
    errno.ENOSPC: "the USB bus has no bandwidth left for {path}; choose format = mjpeg, a smaller picture or a lower "
    "rate, or plug the camera into another port",
    errno.EINVAL: "{path} refuses the {doing} (invalid argument)",
    errno.ENOTTY: "{path} is no V4L2 device, or does not know the {doing}",
    errno.EIO: "{path} reports an input/output error at the {doing}; check the cable and the power supply",
    errno.ENOMEM: "the kernel has no memory for the {doing} of {path}; a smaller picture or more CMA memory may help",
    errno.EPROTO: "{path} answers the {doing} with a USB error; check the cable, or plug the camera in again",
}


@contextmanager
def explained(path: str, doing: str, if_invalid: str = "") -> Iterator[None]:
    """Turn an OSError of the block into a SourceError that says what to do; `doing` is a noun: `opening`. The caller
    says what helps against an invalid argument."""
    try:
        yield
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0, f"{{path}}: the {{doing}} failed: {error.strerror or error}")
        hint = f"; {if_invalid}" if if_invalid and error.errno == errno.EINVAL else ""
        raise SourceError(advice.format(path=path, doing=doing) + hint) from None


@dataclass(frozen=True, slots=True)
class SizeRange:
    """Widths and heights in pixels that a format has; one size where both ends are the same."""

    min_width: int
    max_width: int
    min_height: int
    max_height: int
    step_width: int = 1
    step_height: int = 1

    def holds(self, width: int, height: int) -> bool:
        """Whether exactly this size can be had."""
        return (
            self.min_width <= width <= self.max_width
            and self.min_height <= height <= self.max_height
            and (width - self.min_width) % self.step_width == 0
            and (height - self.min_height) % self.step_height == 0
        )


@dataclass(frozen=True, slots=True)
class RateRange:
    """Frame rates in Hz from slowest to fastest; one rate where both are the same."""

    slowest_hz: Fraction
    fastest_hz: Fraction


@dataclass(frozen=True, slots=True)
class PictureFormat:
    """The format in force: `size_bytes` of the whole buffer, `stride_bytes` of a line of luma (0: compressed)."""

    pixel_format: int
    width: int
    height: int
    stride_bytes: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class ControlRange:
    """The values that a control takes."""

    minimum: int
    maximum: int
    step: int

    def nearest(self, value: int) -> int:
        """Return the value that the control takes for `value`: within its ends, on a step."""
        step = max(1, self.step)
        steps = round((min(max(value, self.minimum), self.maximum) - self.minimum) / step)
        return min(self.minimum + steps * step, self.maximum)


class Device:
    """A node between `open` and `close`."""

    def __init__(self, kernel: Kernel, path: str) -> None:
        """Open the node and ask what it is; OSError when it is none, cannot be opened or is gone."""
        self.kernel = kernel
        self.path = path
        self.fd = kernel.open(path)
        capability = abi.Capability()
        try:
            self.ioctl(Ioctl.QUERYCAP, capability)
        except OSError:
            self.close()
            raise
        self.name = capability.card.decode(errors="replace")
        self.driver = capability.driver.decode(errors="replace")
        of_driver = Capabilities(capability.capabilities)  # device_caps is of this node, capabilities of all
        has_own = Capabilities.DEVICE_CAPS in of_driver
        self.capabilities = Capabilities(capability.device_caps) if has_own else of_driver

    def ioctl(self, request: Ioctl, argument: Argument) -> None:
        """Make one request."""
        self.kernel.ioctl(self.fd, request, argument)

    def close(self) -> None:
        """Close the node; the driver stops what still streams."""
        self.kernel.close(self.fd)

    def pixel_formats(self, buffer_type: BufferType) -> list[int]:
        """Return the four-character codes that the queue offers, in the driver's order."""

        def read(index: int) -> int:
            description = abi.FormatDescription(index=index, type=buffer_type)
            self.ioctl(Ioctl.ENUM_FMT, description)
            return int(description.pixelformat)

        return _enumerate(read)

    def sizes(self, pixel_format: int) -> list[SizeRange]:
        """Return the sizes of a format; none when the driver does not list them."""

        def read(index: int) -> SizeRange:
            entry = abi.FrameSize(index=index, pixel_format=pixel_format)
            self.ioctl(Ioctl.ENUM_FRAMESIZES, entry)
            return _size_range(entry)

        return _enumerate(read)

    def rates(self, pixel_format: int, width: int, height: int) -> list[RateRange]:
        """Return the frame rates of a format and size; none when the driver does not list them."""

        def read(index: int) -> RateRange | None:
            entry = abi.FrameInterval(index=index, pixel_format=pixel_format, width=width, height=height)
            self.ioctl(Ioctl.ENUM_FRAMEINTERVALS, entry)
            return _rate_range(entry)

        return [rates for rates in _enumerate(read) if rates is not None]

    def set_format(
        self, buffer_type: BufferType, pixel_format: int, width: int, height: int, size_bytes: int = 0
    ) -> PictureFormat:
        """Ask for a format and return what the driver made of it, which may be another."""
        wanted = abi.Format(type=buffer_type)
        picture = wanted.pix_mp if buffer_type.is_mplane else wanted.pix
        picture.width, picture.height, picture.pixelformat = width, height, pixel_format
        picture.field = abi.FIELD_NONE
        if buffer_type.is_mplane:
            picture.num_planes = 1
            plane = picture.plane_fmt[0]
        else:
            plane = picture
        plane.sizeimage = size_bytes
        self.ioctl(Ioctl.S_FMT, wanted)
        return PictureFormat(picture.pixelformat, picture.width, picture.height, plane.bytesperline, plane.sizeimage)

    def set_rate(self, buffer_type: BufferType, rate_hz: Fraction) -> Fraction | None:
        """Ask for a frame rate and return the rate in force; None where the driver does not control it."""
        parameters = abi.StreamParm(type=buffer_type)
        parameters.timeperframe = abi.Fraction(rate_hz.denominator, rate_hz.numerator)
        try:
            self.ioctl(Ioctl.S_PARM, parameters)
        except OSError as error:
            if error.errno not in _END_OF_LIST:
                raise
            return None
        interval = parameters.timeperframe
        if not (parameters.capability & abi.CAP_TIMEPERFRAME and interval.numerator and interval.denominator):
            return None
        return Fraction(interval.denominator, interval.numerator)

    def crop(self, buffer_type: BufferType, width: int, height: int) -> None:
        """Tell the encoder that the picture is the upper left part of its buffer."""
        single = BufferType.OUTPUT if buffer_type is BufferType.OUTPUT_MPLANE else buffer_type  # Linux < 4.13
        self.ioctl(Ioctl.S_SELECTION, abi.Selection(type=single, width=width, height=height))

    def control_range(self, control: Control) -> ControlRange | None:
        """Return the values of a control; None when the driver does not list it."""
        query = abi.ControlQuery(id=control)
        try:
            self.ioctl(Ioctl.QUERYCTRL, query)
        except OSError as error:
            if error.errno not in _END_OF_LIST:
                raise
            return None
        if query.flags & abi.CTRL_FLAG_DISABLED:
            return None
        return ControlRange(query.minimum, query.maximum, query.step)

    def set_control(self, control: Control, value: int) -> int:
        """Set a control and return the value that the driver made of it."""
        wanted = abi.ControlValue(control, value)
        self.ioctl(Ioctl.S_CTRL, wanted)
        return int(wanted.value)

    def set_nearest(self, control: Control, value: int) -> int | None:
        """Set a control to what it can be nearest to `value` and return that; None when it cannot be set."""
        allowed = self.control_range(control)
        if allowed is None:
            return None
        try:
            return self.set_control(control, allowed.nearest(value))
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ERANGE):  # a menu may have holes that its ends do not show
                raise
            return None


def _enumerate(read: Callable[[int], _T]) -> list[_T]:
    entries: list[_T] = []
    for index in range(MAX_ENUMERATED):
        try:
            entries.append(read(index))
        except OSError as error:
            if error.errno not in _END_OF_LIST:
                raise
            break
    return entries


def _size_range(entry: abi.FrameSize) -> SizeRange:
    if entry.type == abi.FRAME_DISCRETE:
        width, height = entry.discrete.width, entry.discrete.height
        return SizeRange(width, width, height, height)
    range_ = entry.stepwise
    steps = max(1, range_.step_width), max(1, range_.step_height)
    return SizeRange(range_.min_width, range_.max_width, range_.min_height, range_.max_height, *steps)


def _rate_range(entry: abi.FrameInterval) -> RateRange | None:
    discrete = entry.type == abi.FRAME_DISCRETE
    shortest, longest = (entry.discrete,) * 2 if discrete else (entry.stepwise.min, entry.stepwise.max)
    if not (shortest.numerator and longest.numerator and shortest.denominator and longest.denominator):
        return None
    return RateRange(
        Fraction(longest.denominator, longest.numerator), Fraction(shortest.denominator, shortest.numerator)
    )
