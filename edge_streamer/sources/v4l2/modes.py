"""What a camera offers and which of it is taken: pixel format, size and frame rate.

This module queries a device and chooses; it sets nothing. A mode that is not offered exactly is a SourceError that
lists the modes that are: a recorder may rely on the configured size and rate. Used by `camera`, and by `list`, which
shows every mode.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from edge_streamer.protocol.source.request import Output, V4l2Options, as_ratio
from edge_streamer.sources.ending import SourceError
from edge_streamer.sources.v4l2.abi import BufferType, Capabilities, PixelFormat, fourcc_name
from edge_streamer.sources.v4l2.device import Device, RateRange, SizeRange

RATE_TOLERANCE: Final = Fraction(1, 200)
"""29.97 and 30 count as the same rate, and cameras round their intervals to 100 ns."""
MAX_MODES_IN_ERROR: Final = 8

FORMATS: Final[dict[str, tuple[PixelFormat, ...]]] = {
    "h264": (PixelFormat.H264,),
    "nv12": (PixelFormat.NV12,),
    "yuyv": (PixelFormat.YUYV,),
    "mjpeg": (PixelFormat.MJPEG, PixelFormat.JPEG),
}
"""What each value of `format` means, in the order in which `auto` likes them: uncompressed costs no decoder."""


@dataclass(frozen=True, slots=True)
class Mode:
    """One pixel format and size, and its rates (none: the driver does not say)."""

    pixel_format: int
    size: SizeRange
    rates: tuple[RateRange, ...]

    def reaches(self, width: int, height: int, rate_hz: Fraction) -> bool:
        """Whether it has this size at this rate."""
        has_rate = not self.rates or any(_holds(range_, rate_hz) for range_ in self.rates)
        return has_rate and self.size.holds(width, height)

    def __str__(self) -> str:
        size = f"{self.size.max_width}x{self.size.max_height}"
        if self.size.min_width != self.size.max_width:
            size = f"{self.size.min_width}x{self.size.min_height} to {size}"
        rates = ", ".join(_rate_text(range_) for range_ in self.rates)
        return f"{fourcc_name(self.pixel_format)} {size}" + (f" ({rates} fps)" if rates else "")


def capture_type(device: Device) -> BufferType:
    """Return the queue that a camera delivers into; SourceError when the node is no camera."""
    is_codec = device.capabilities & (Capabilities.M2M | Capabilities.M2M_MPLANE | Capabilities.OUTPUT_MPLANE)
    if not is_codec and Capabilities.STREAMING in device.capabilities:
        if Capabilities.CAPTURE in device.capabilities:
            return BufferType.CAPTURE
        if Capabilities.CAPTURE_MPLANE in device.capabilities:
            return BufferType.CAPTURE_MPLANE
    raise SourceError(f"{device.path} ({device.name}) is no camera; `edge-streamer probe` lists the cameras")


def read_modes(device: Device, buffer_type: BufferType, wanted: tuple[int, int] = (0, 0)) -> list[Mode]:
    """Return all that the camera offers in the pixel formats that are understood here.

    Where sizes are a range, the rates are those of the `wanted` width and height, or of the largest.
    """
    known = {pixel_format for formats in FORMATS.values() for pixel_format in formats}
    offered = [pixel_format for pixel_format in device.pixel_formats(buffer_type) if pixel_format in known]
    return [mode for pixel_format in offered for mode in _modes_of(device, pixel_format, wanted)]


def choose_format(modes: Sequence[Mode], outputs: Sequence[Output], options: V4l2Options, path: str) -> int:
    """Return the pixel format in which the first output's size and the highest rate can be had."""
    size, rate_hz = (outputs[0].width, outputs[0].height), capture_rate_hz(outputs, options)
    wanted = _wanted_formats(outputs, options)
    for pixel_format in (pixel_format for name in wanted for pixel_format in FORMATS[name]):
        if any(mode.pixel_format == pixel_format and mode.reaches(*size, rate_hz) for mode in modes):
            return pixel_format
    wish = f"{size[0]}x{size[1]} at {float(rate_hz):g} fps as {' or '.join(wanted)}"
    raise SourceError(f"{path} does not offer {wish}; it offers {_offer(modes, *size)}")


def capture_rate_hz(outputs: Sequence[Output], options: V4l2Options) -> Fraction:
    """Return the rate that the camera must deliver: the fastest output's, or that of the options; slower outputs leave
    frames out."""
    rates_hz = [output.frame_rate_hz for output in outputs]
    return max(rates_hz) if options.fps is None else max(as_ratio(options.fps), *rates_hz)


def is_rate(rate_hz: Fraction, wanted_hz: Fraction) -> bool:
    """Whether a rate is the one that was asked for."""
    return abs(rate_hz - wanted_hz) <= wanted_hz * RATE_TOLERANCE


def _wanted_formats(outputs: Sequence[Output], options: V4l2Options) -> tuple[str, ...]:
    """H.264 of the camera itself serves one output, as it is: without overlay and without our encoder."""
    refusal = _why_not_native(outputs)
    if options.format == "h264" and refusal:
        raise SourceError(f"format = h264 {refusal}; choose format = auto")
    if options.format != "auto":
        return (options.format,)
    return tuple(name for name in FORMATS if name != "h264" or not refusal)


def _why_not_native(outputs: Sequence[Output]) -> str:
    if len(outputs) > 1:
        return "feeds one stream, and two share this camera"
    if outputs[0].overlay:
        return "leaves no picture to draw the overlay on"
    if outputs[0].encoder == "software":
        return "is encoded in the camera, and encoder = software was asked for"
    return ""


def _modes_of(device: Device, pixel_format: int, wanted: tuple[int, int]) -> Iterator[Mode]:
    for size in device.sizes(pixel_format) or [SizeRange(1, 1 << 16, 1, 1 << 16)]:
        at = wanted if size.holds(*wanted) else (size.max_width, size.max_height)
        yield Mode(pixel_format, size, tuple(device.rates(pixel_format, *at)))


def _holds(rates: RateRange, rate_hz: Fraction) -> bool:
    return (
        rates.slowest_hz <= rate_hz <= rates.fastest_hz
        or is_rate(rates.slowest_hz, rate_hz)
        or is_rate(rates.fastest_hz, rate_hz)
    )


def _offer(modes: Sequence[Mode], width: int, height: int) -> str:
    """Return the modes nearest to a size, in words."""
    nearest = sorted(modes, key=lambda mode: abs(mode.size.max_width - width) + abs(mode.size.max_height - height))
    shown = "; ".join(str(mode) for mode in nearest[:MAX_MODES_IN_ERROR]) or "no format that is known here"
    return shown + (f"; and {len(modes) - MAX_MODES_IN_ERROR} more" if len(modes) > MAX_MODES_IN_ERROR else "")


def _rate_text(rates: RateRange) -> str:
    slowest, fastest = f"{float(rates.slowest_hz):.4g}", f"{float(rates.fastest_hz):.4g}"
    return fastest if slowest == fastest else f"{slowest} to {fastest}"
