"""A stateful H.264 encoder of the kernel: pictures into its OUTPUT queue, access units out of its CAPTURE queue.

For bcm2835-codec (Raspberry Pi up to 4), amphion, venus, mtk-vcodec and similar drivers, single- or multi-planar. Tests
run without such a device, so all requests to it are in this module; the requests and their order are those of the
kernel's "Memory-to-Memory Stateful Video Encoder Interface". One thread: both queues are emptied whenever the
descriptor is ready. FFmpeg's wrapper `h264_v4l2m2m` is not used: it takes the first device that it finds, cannot make a
key frame on request, sets the bit rate only once and has no descriptor to wait for.
"""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

import av

from edge_streamer.codec.h264.unit_reader import AccessUnitReader, TornPictureError
from edge_streamer.protocol.source.encoder_limits import MOST_MACROBLOCKS_PER_S, EncoderLimits, macroblocks
from edge_streamer.protocol.source.request import Output, as_ratio
from edge_streamer.sources.ending import SourceError
from edge_streamer.sources.v4l2 import abi
from edge_streamer.sources.v4l2.abi import BufferFlags, BufferType, Capabilities, Control, PixelFormat
from edge_streamer.sources.v4l2.device import CHOOSE_ANOTHER, Device, PictureFormat, SizeRange, explained
from edge_streamer.sources.v4l2.health import patience_ns
from edge_streamer.sources.v4l2.kernel import Kernel
from edge_streamer.sources.v4l2.nodes import video_nodes
from edge_streamer.sources.v4l2.pixels import copy_plane
from edge_streamer.sources.v4l2.queue import BufferQueue, DoneBuffer

PICTURE_BUFFERS: Final = 4
UNIT_BUFFERS: Final = 4
MIN_UNIT_BYTES: Final = 512 << 10
"""Least room for an access unit: the default of bcm2835-codec up to 720p; larger pictures get half their raw size."""
LEVEL_4_0_MACROBLOCKS_HZ: Final = 245_760  # ITU-T H.264 table A-1, MaxMBPS
LEVEL_4_2: Final = 13
"""V4L2_MPEG_VIDEO_H264_LEVEL_4_2, for streams above level 4.0, the default of bcm2835-codec."""

_INPUTS: Final = {PixelFormat.NV12: "nv12", PixelFormat.YUV420: "yuv420p"}


@dataclass(frozen=True, slots=True)
class Encoded:
    """An access unit and the CLOCK_MONOTONIC instant of its picture's exposure."""

    data: bytes
    is_key_frame: bool
    captured_ns: int


@dataclass(frozen=True, slots=True)
class EncoderNode:
    """A node that encodes H.264; sizes in pixels."""

    path: str
    name: str
    driver: str
    size: SizeRange
    inputs: tuple[PixelFormat, ...]
    is_mplane: bool


def find_encoders(kernel: Kernel) -> Iterator[EncoderNode]:
    """Yield the kernel's H.264 encoders in the order of their numbers; a node that cannot be opened is skipped."""
    for path in video_nodes(kernel.root):
        try:
            device = Device(kernel, path)
        except OSError:
            continue
        try:
            node = _encoder_node(device)
        except OSError:
            node = None
        finally:
            device.close()
        if node is not None:
            yield node


def limits_of(kernel: Kernel, path: str) -> EncoderLimits | None:
    """Return the limits that the encoder at `path` reports; None when it is not an encoder, or reports none.

    V4L2 has no query for macroblocks a second: that limit is H.264's.
    """
    try:
        device = Device(kernel, path)
    except OSError:
        return None
    try:
        node, bitrate_bps = _encoder_node(device), device.control_range(Control.BITRATE)
    except OSError:
        return None
    finally:
        device.close()
    if node is None or bitrate_bps is None:
        return None
    return EncoderLimits(
        kind="v4l2_m2m",
        max_width=node.size.max_width,
        max_height=node.size.max_height,
        max_macroblocks_per_s=MOST_MACROBLOCKS_PER_S,
        max_bitrate_bps=bitrate_bps.maximum,
    )


def _encoder_node(device: Device) -> EncoderNode | None:
    both_mplane = Capabilities.CAPTURE_MPLANE | Capabilities.OUTPUT_MPLANE
    is_mplane = Capabilities.M2M_MPLANE in device.capabilities or both_mplane in device.capabilities
    if not is_mplane and Capabilities.M2M not in device.capabilities:
        return None
    pictures, units = _queue_types(is_mplane=is_mplane)
    if PixelFormat.H264 not in device.pixel_formats(units):
        return None
    offered = device.pixel_formats(pictures)
    inputs = tuple(pixel_format for pixel_format in _INPUTS if pixel_format in offered)
    sizes = device.sizes(PixelFormat.H264)
    size = sizes[0] if sizes else SizeRange(32, 1920, 32, 1920, 2, 2)
    return EncoderNode(device.path, device.name, device.driver, size, inputs, is_mplane) if inputs else None


def _queue_types(*, is_mplane: bool) -> tuple[BufferType, BufferType]:
    if is_mplane:
        return BufferType.OUTPUT_MPLANE, BufferType.CAPTURE_MPLANE
    return BufferType.OUTPUT, BufferType.CAPTURE


class M2mEncoder:
    """One context of an encoder node; several can be open at once."""

    def __init__(self, kernel: Kernel, node: EncoderNode, output: Output, *, prefers_nv12: bool) -> None:
        """Set the encoder up for `output` and begin to stream; SourceError when it does not take it."""
        self.device_path = node.path
        self.name = f"{node.driver} ({node.path})"[:64]
        self._output = output
        self._patience_ns = patience_ns(output.frame_rate_hz)
        self._input = _input_of(node, prefers_nv12=prefers_nv12)
        self.pixel_format = _INPUTS[self._input]
        self._pending: deque[tuple[int, int]] = deque()  # (time_us of the picture, submitted_ns)
        self._reader = AccessUnitReader()
        self._is_key_frame_due = False
        _check_size(node, output)
        with ExitStack() as opened, explained(node.path, "set-up of the encoder", if_invalid=CHOOSE_ANOTHER):
            self._device = Device(kernel, node.path)
            opened.callback(self._device.close)
            self._set_up(opened, *_queue_types(is_mplane=node.is_mplane))
            self._opened = opened.pop_all()

    @property
    def fd(self) -> int:
        """A descriptor that is readable when an access unit is ready."""
        return self._device.fd

    def submit(self, picture: av.VideoFrame, captured_ns: int, *, is_key_frame: bool) -> bool:
        """Queue a copy of the picture; False when no buffer is free, and the picture is left out."""
        self._check_progress(time.monotonic_ns())
        self._reclaim()
        self._is_key_frame_due = self._is_key_frame_due or is_key_frame
        if not self._free:
            return False
        with explained(self.device_path, "encoding of a picture"):
            if self._is_key_frame_due and self.can_force_key_frame:
                self._device.set_control(Control.FORCE_KEY_FRAME, 1)
            index = self._free.popleft()
            used_bytes = self._fill(self._pictures.view(index), picture)
            time_us = captured_ns // 1000
            self._pictures.enqueue(index, used_bytes, time_us)
        self._is_key_frame_due = False
        self._pending.append((time_us, time.monotonic_ns()))
        return True

    def collect(self) -> list[Encoded]:
        """Return the finished access units, and take back the buffers of pictures that were encoded."""
        self._reclaim()
        encoded = []
        with explained(self.device_path, "reading of an access unit"):
            while done := self._units.dequeue():
                data = self._whole(done)
                self._units.enqueue(done.index)
                if unit := self._access_unit(done, data):
                    encoded.append(unit)
        return encoded

    def set_bitrate(self, bitrate_bps: int) -> int:
        """Change the bit rate from the next picture on and return the rate that the encoder set."""
        with explained(self.device_path, f"bit rate of {bitrate_bps} bit/s"):
            in_effect = self._device.set_nearest(Control.BITRATE, bitrate_bps)
        if in_effect is None:
            raise SourceError(f"{self.device_path} does not let its bit rate be set")
        return in_effect

    def set_fps(self, fps: float) -> None:
        """Tell the encoder the rate of the pictures; the key-frame interval stays the same in seconds."""
        rate_hz = as_ratio(fps)
        with explained(self.device_path, f"rate of {fps:g} fps"):
            self._device.set_rate(self._picture_type, rate_hz)
            self._set_gop(max(1, round(self._output.gop_s * fps)))
        self._patience_ns = patience_ns(rate_hz)

    def close(self) -> None:
        """Stop both queues and close the node."""
        self._opened.close()

    def _set_up(self, opened: ExitStack, pictures: BufferType, units: BufferType) -> None:
        """Set up in the kernel's order: coded format, raw format, rate, controls, buffers, streaming."""
        output, device = self._output, self._device
        self._picture_type = pictures
        unit_bytes = max(MIN_UNIT_BYTES, output.width * output.height * 3 // 4)
        device.set_format(units, PixelFormat.H264, output.width, output.height, unit_bytes)
        self._picture = device.set_format(pictures, self._input, output.width, output.height)
        self._fit(pictures)
        device.set_rate(pictures, output.frame_rate_hz)
        self._set_controls()
        self._pictures = BufferQueue(device, pictures, PICTURE_BUFFERS)
        opened.callback(self._pictures.close)
        self._units = BufferQueue(device, units, UNIT_BUFFERS)
        opened.callback(self._units.close)
        self._free = deque(range(self._pictures.count))
        for index in range(self._units.count):
            self._units.enqueue(index)
        self._pictures.start()
        self._units.start()

    def _fit(self, pictures: BufferType) -> None:
        """Buffers may be larger than the picture (whole macroblocks), never smaller."""
        got, output = self._picture, self._output
        if got.pixel_format != self._input or got.width < output.width or got.height < output.height:
            raise SourceError(f"{self.device_path} makes {got.width}x{got.height} of {output.width}x{output.height}")
        if got.size_bytes < got.stride_bytes * got.height * 3 // 2:
            raise SourceError(f"{self.device_path} has buffers of {got.size_bytes} bytes: too small for a picture")
        if (got.width, got.height) != (output.width, output.height):
            self._device.crop(pictures, output.width, output.height)

    def _set_controls(self) -> None:
        """Set the controls. A control that the driver does not list keeps its default; no driver lists all of these."""
        output, device = self._output, self._device
        device.set_nearest(Control.FRAME_RC_ENABLE, 1)
        self.can_force_key_frame = device.control_range(Control.FORCE_KEY_FRAME) is not None
        self.can_set_bitrate = device.set_nearest(Control.BITRATE, output.bitrate_bps) is not None
        device.set_nearest(Control.B_FRAMES, 0)
        device.set_nearest(Control.HEADER_MODE, abi.HEADER_MODE_JOINED_WITH_1ST_FRAME)
        device.set_nearest(Control.REPEAT_SEQ_HEADER, 1)
        device.set_nearest(Control.PREPEND_SPSPPS_TO_IDR, 1)
        if macroblocks(output.width, output.height) * output.frame_rate_hz > LEVEL_4_0_MACROBLOCKS_HZ:
            device.set_nearest(Control.H264_LEVEL, LEVEL_4_2)
        self._set_gop(output.gop_frames)

    def _set_gop(self, frames: int) -> None:
        self._device.set_nearest(Control.GOP_SIZE, frames)
        self._device.set_nearest(Control.H264_I_PERIOD, frames)

    def _check_progress(self, now_ns: int) -> None:
        if self._pending and now_ns - self._pending[0][1] > self._patience_ns:
            waited_s = (now_ns - self._pending[0][1]) / 1e9
            raise SourceError(f"the encoder {self.device_path} stalled: nothing came out of it for {waited_s:.1f} s")

    def _reclaim(self) -> None:
        with explained(self.device_path, "return of a picture"):
            while done := self._pictures.dequeue():
                self._free.append(done.index)

    def _fill(self, target: memoryview, picture: av.VideoFrame) -> int:
        """Copy the picture's planes to the places that the driver expects, and return their sizes in bytes."""
        start = 0
        for plane, (stride, lines, shown) in zip(picture.planes, _plane_layout(self._picture, picture), strict=True):
            copy_plane(memoryview(plane), plane.line_size, target[start:], stride, shown)
            start += stride * lines
        return start

    def _whole(self, done: DoneBuffer) -> bytes:
        """Return the buffer's bytes; none when it is marked as broken, or so full that the access unit was cut off."""
        buffer, end = self._units.view(done.index), done.start_byte + done.used_bytes
        is_broken = BufferFlags.ERROR in done.flags or end >= len(buffer)
        return b"" if is_broken else bytes(buffer[done.start_byte : end])

    def _access_unit(self, done: DoneBuffer, data: bytes) -> Encoded | None:
        """Return the access unit; None for parameter sets alone, and for a broken buffer, after which the next picture
        becomes an IDR."""
        try:
            unit = self._reader.read(data)
        except TornPictureError:
            self._is_key_frame_due = True
            self._finish_picture(done.time_us)
            return None
        if unit is None:
            return None
        return Encoded(unit.data, unit.is_key_frame, self._finish_picture(done.time_us))

    def _finish_picture(self, time_us: int) -> int:
        """Return the capture time of an access unit's picture, by the time stamp that the driver copied, else of the
        oldest picture, else now. Older pictures gave no access unit and are forgotten."""
        is_copied = any(time_us == picture_us for picture_us, _ in self._pending)
        while self._pending:
            picture_us, _ = self._pending.popleft()
            if picture_us == time_us or not is_copied:
                return picture_us * 1000
        return time.monotonic_ns()


def _input_of(node: EncoderNode, *, prefers_nv12: bool) -> PixelFormat:
    preferred = PixelFormat.NV12 if prefers_nv12 else PixelFormat.YUV420
    return preferred if preferred in node.inputs else node.inputs[0]


def _check_size(node: EncoderNode, output: Output) -> None:
    if not node.size.holds(output.width, output.height):
        smallest = f"{node.size.min_width}x{node.size.min_height}"
        largest = f"{node.size.max_width}x{node.size.max_height}"
        raise SourceError(
            f"{node.path} ({node.driver}) encodes {smallest} to {largest}, not {output.width}x{output.height}"
        )


def _plane_layout(buffer: PictureFormat, picture: av.VideoFrame) -> list[tuple[int, int, int]]:
    """Return for each plane in the buffer: bytes per line, lines, and lines of the picture."""
    luma = (buffer.stride_bytes, buffer.height, picture.height)
    half = (buffer.height // 2, picture.height // 2)
    if buffer.pixel_format == PixelFormat.NV12:
        return [luma, (buffer.stride_bytes, *half)]
    return [luma, (buffer.stride_bytes // 2, *half), (buffer.stride_bytes // 2, *half)]
