"""A streaming camera: its format is set, its buffers are queued, and each buffer is checked before it is used.

A buffer that the driver marks as broken, leaves empty or fills short is counted and returned at once; the pipelines
never see it. They check the bytes of a compressed picture themselves. Opened by `source`.
"""

import errno
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

from edge_streamer.protocol.source.request import Output, V4l2Options
from edge_streamer.sources.ending import SourceError
from edge_streamer.sources.v4l2.abi import BufferFlags, BufferType, PixelFormat, fourcc_name
from edge_streamer.sources.v4l2.device import CHOOSE_ANOTHER, Device, PictureFormat, explained
from edge_streamer.sources.v4l2.health import Discards
from edge_streamer.sources.v4l2.kernel import Kernel
from edge_streamer.sources.v4l2.modes import capture_rate_hz, capture_type, choose_format, is_rate, read_modes
from edge_streamer.sources.v4l2.queue import BufferQueue, DoneBuffer

BUFFERS: Final = 4
MAX_IO_ERRORS: Final = 4
"""EIO in a row without a buffer in between: once is a lost signal, more is a dead stream."""
MAX_TIMESTAMP_AGE_NS: Final = 10_000_000_000
"""A buffer's time that is older than this, or in the future, comes from an unknown clock."""
MAX_GAP_BUFFERS: Final = 1000
"""Sequence numbers that lie further apart come from a driver that does not count."""
MEDIA_TICK_NS: Final = 11_112
"""One tick of 90 kHz, rounded up: two frames are never of the same media time, whatever the driver says."""


@dataclass(frozen=True, slots=True)
class Capture:
    """A buffer with a picture: ours until `Camera.give_back`. `captured_ns` is CLOCK_MONOTONIC of the exposure."""

    index: int
    data: memoryview
    captured_ns: int


class Camera:
    """A camera between opening and `close`."""

    def __init__(self, kernel: Kernel, outputs: Sequence[Output], options: V4l2Options) -> None:
        """Open the device, choose and set its format and rate, and have its buffers; SourceError when it cannot."""
        self.path = options.device
        self.discards = Discards()
        self.missed = 0
        """Pictures that the driver had no buffer for, or that were lost before it."""
        self._io_errors = 0
        self._newest_ns = 0
        self._sequence: int | None = None
        with explained(self.path, "opening"):
            self.device = Device(kernel, options.device)
        try:
            self._configure(outputs, options)
        except SourceError:
            self.device.close()
            raise

    @property
    def fd(self) -> int:
        """A descriptor that is readable when a buffer, or the end, is there."""
        return self.device.fd

    def start(self) -> None:
        """Begin to stream; SourceError when it cannot."""
        with explained(self.path, "start of the stream", if_invalid=CHOOSE_ANOTHER):
            self._queue.start()

    def take(self) -> Capture | None:
        """Return the next buffer with data; None when there is none now. SourceError when the stream has ended."""
        done = self._dequeue()
        if done is None:
            return None
        if reason := self._fault(done):
            self.discards.add(reason)
            self._enqueue(done.index)
            return None
        data = self._queue.view(done.index)[done.start_byte : done.start_byte + done.used_bytes]
        return Capture(done.index, data, self._captured_ns(done))

    def give_back(self, capture: Capture) -> None:
        """Let the driver fill the buffer again."""
        capture.data.release()
        self._enqueue(capture.index)

    def close(self) -> None:
        """Stop and close."""
        self._queue.close()
        self.device.close()

    def _configure(self, outputs: Sequence[Output], options: V4l2Options) -> None:
        buffer_type = capture_type(self.device)
        with explained(self.path, "list of formats"):
            modes = read_modes(self.device, buffer_type, (outputs[0].width, outputs[0].height))
        pixel_format = choose_format(modes, outputs, options, self.path)
        size = (outputs[0].width, outputs[0].height)
        wanted = f"format {fourcc_name(pixel_format)} {size[0]}x{size[1]}"
        with explained(self.path, wanted, if_invalid=CHOOSE_ANOTHER):
            self.picture = self.device.set_format(buffer_type, pixel_format, *size)
        self._check_picture(pixel_format, outputs[0])
        self.rate_hz = self._set_rate(buffer_type, capture_rate_hz(outputs, options))
        with explained(self.path, "start of the stream", if_invalid=CHOOSE_ANOTHER):
            self._queue = BufferQueue(self.device, buffer_type, BUFFERS)
            for index in range(self._queue.count):
                self._queue.enqueue(index)

    def _check_picture(self, pixel_format: int, output: Output) -> None:
        got = self.picture
        if (got.pixel_format, got.width, got.height) != (pixel_format, output.width, output.height):
            given = f"{fourcc_name(got.pixel_format)} {got.width}x{got.height}"
            wanted = f"{fourcc_name(pixel_format)} {output.width}x{output.height}"
            raise SourceError(f"{self.path} makes {given} of {wanted}; choose another size or format")

    def _set_rate(self, buffer_type: BufferType, wanted_hz: Fraction) -> Fraction:
        with explained(self.path, f"rate of {float(wanted_hz):g} fps", if_invalid=CHOOSE_ANOTHER):
            rate_hz = self.device.set_rate(buffer_type, wanted_hz)
        if rate_hz is not None and not is_rate(rate_hz, wanted_hz):
            raise SourceError(f"{self.path} makes {float(rate_hz):.4g} fps of {float(wanted_hz):g}; choose that rate")
        return wanted_hz

    def _dequeue(self) -> DoneBuffer | None:
        try:
            done = self._queue.dequeue()
        except OSError as error:
            self._survive(error)
            return None
        if done is not None:
            self._io_errors = 0
            self._count_gap(done.sequence)
        return done

    def _count_gap(self, sequence: int) -> None:
        gap = 0 if self._sequence is None else (sequence - self._sequence - 1) & 0xFFFF_FFFF
        self._sequence = sequence
        self.missed += gap if gap <= MAX_GAP_BUFFERS else 0

    def _survive(self, error: OSError) -> None:
        """Count a lost signal; anything else is the end."""
        self._io_errors += 1
        if error.errno == errno.EINVAL:
            raise SourceError(f"the driver of {self.path} stopped the stream by itself (invalid argument)")
        if error.errno != errno.EIO or self._io_errors > MAX_IO_ERRORS:
            with explained(self.path, "reading of a picture"):
                raise error
        self.discards.add("error")

    def _enqueue(self, index: int) -> None:
        with explained(self.path, "return of a buffer"):
            self._queue.enqueue(index)

    def _fault(self, done: DoneBuffer) -> str:
        """Return why the buffer is unusable; empty when it may hold a picture."""
        if BufferFlags.ERROR in done.flags:
            return "error"
        if not done.used_bytes:
            return "empty"
        return "torn" if self._is_short(done) else ""

    def _is_short(self, done: DoneBuffer) -> bool:
        """A raw picture fills its buffer; H.264 that does was cut off. A JPEG tells its end, and some cameras fill the
        buffer behind it."""
        if self.picture.pixel_format in (PixelFormat.YUYV, PixelFormat.NV12):
            return done.used_bytes < raw_size_bytes(self.picture)
        if self.picture.pixel_format != PixelFormat.H264:
            return False
        return done.start_byte + done.used_bytes >= (self.picture.size_bytes or len(self._queue.view(done.index)))

    def _captured_ns(self, done: DoneBuffer) -> int:
        """Return the driver's time where it is CLOCK_MONOTONIC (of the frame's start or end: within the readout of the
        exposure), else the arrival; always later than the frame before."""
        now_ns = time.monotonic_ns()
        is_monotonic = done.flags & BufferFlags.TIMESTAMP_MASK == BufferFlags.TIMESTAMP_MONOTONIC
        is_likely = 0 <= now_ns - done.time_us * 1000 <= MAX_TIMESTAMP_AGE_NS
        captured_ns = done.time_us * 1000 if is_monotonic and is_likely else now_ns
        self._newest_ns = max(captured_ns, self._newest_ns + MEDIA_TICK_NS)
        return self._newest_ns


def raw_size_bytes(picture: PictureFormat) -> int:
    """Return the bytes of an uncompressed picture, with its stride."""
    lines = picture.height if picture.pixel_format == PixelFormat.YUYV else picture.height * 3 // 2
    return picture.stride_bytes * lines


def warn_of_index(path: str) -> str:
    """Return what is wrong with a device given by its number; empty for a stable path."""
    name = Path(path).name
    if not (Path(path).parent == Path("/dev") and name.startswith("video") and name[5:].isdecimal()):
        return ""
    return f"{path} may be another camera after a restart; write its path under /dev/v4l/by-id or /dev/v4l/by-path"
