"""The buffers of one queue of a V4L2 device, mapped into this process, single- or multi-planar alike.

A buffer belongs to the driver between `enqueue` and `dequeue` and to this process otherwise. Only formats with one
memory plane are handled, which all formats used here have. OSError comes as the kernel gives it. Used by `camera` and
`m2m`.
"""

import ctypes
import mmap
from dataclasses import dataclass
from typing import Final

from edge_streamer.sources.v4l2 import abi
from edge_streamer.sources.v4l2.abi import BufferFlags, BufferType, Ioctl
from edge_streamer.sources.v4l2.device import Device

MAX_BUFFERS: Final = 32
"""VIDEO_MAX_FRAME: a driver may give more than was asked for, and never more than this."""


@dataclass(frozen=True, slots=True)
class DoneBuffer:
    """What the driver says of a buffer that it gave back; `time_us` is of whatever clock `flags` names."""

    index: int
    flags: BufferFlags
    start_byte: int
    used_bytes: int
    time_us: int
    sequence: int


class BufferQueue:
    """The buffers of one direction."""

    def __init__(self, device: Device, buffer_type: BufferType, count: int) -> None:
        """Ask for `count` buffers, of which the driver may make more or fewer, and map them."""
        self._device = device
        self._type = buffer_type
        self._mappings: list[mmap.mmap] = []
        request = abi.RequestBuffers(count=count, type=buffer_type, memory=abi.MEMORY_MMAP)
        device.ioctl(Ioctl.REQBUFS, request)
        self.count = min(int(request.count), MAX_BUFFERS)
        self._mappings += [self._map(index) for index in range(self.count)]
        self._views = [memoryview(mapping) for mapping in self._mappings]

    def view(self, index: int) -> memoryview:
        """Return the whole memory of a buffer."""
        return self._views[index]

    def enqueue(self, index: int, used_bytes: int = 0, time_us: int = 0) -> None:
        """Give a buffer to the driver; `used_bytes` and `time_us` matter where we fill it."""
        buffer, plane = self._buffer(index)
        buffer.timestamp.seconds, buffer.timestamp.microseconds = divmod(time_us, 1_000_000)
        buffer.field = abi.FIELD_NONE if used_bytes else 0
        if self._type.is_mplane:
            plane.bytesused, plane.length = used_bytes, len(self._views[index])
        else:
            buffer.bytesused = used_bytes
        self._device.ioctl(Ioctl.QBUF, buffer)

    def dequeue(self) -> DoneBuffer | None:
        """Return the next buffer that the driver is done with; None when there is none yet."""
        buffer, plane = self._buffer(0)
        try:
            self._device.ioctl(Ioctl.DQBUF, buffer)
        except BlockingIOError:
            return None
        start = int(plane.data_offset) if self._type.is_mplane else 0
        used = int(plane.bytesused if self._type.is_mplane else buffer.bytesused)
        time_us = buffer.timestamp.seconds * 1_000_000 + buffer.timestamp.microseconds
        # A multi-planar bytesused counts the offset too.
        return DoneBuffer(
            buffer.index, BufferFlags(buffer.flags), start, max(0, used - start), time_us, buffer.sequence
        )

    def start(self) -> None:
        """Begin to stream."""
        self._device.ioctl(Ioctl.STREAMON, ctypes.c_int32(self._type))

    def close(self) -> None:
        """Stop, and unmap every buffer; a device that is gone is as good as stopped."""
        try:
            self._device.ioctl(Ioctl.STREAMOFF, ctypes.c_int32(self._type))
        except OSError:
            pass
        for view in self._views:
            view.release()
        for mapping in self._mappings:
            try:
                mapping.close()
            except BufferError:  # an exception on its way out still holds a view: unmapped with it
                pass

    def _map(self, index: int) -> mmap.mmap:
        buffer, plane = self._buffer(index)
        self._device.ioctl(Ioctl.QUERYBUF, buffer)
        is_mplane = self._type.is_mplane
        length, offset = (plane.length, plane.mem_offset) if is_mplane else (buffer.length, buffer.offset)
        return self._device.kernel.map(self._device.fd, length, offset)

    def _buffer(self, index: int) -> tuple[abi.Buffer, abi.Plane]:
        """Return a request's structure and its plane, which the structure points to when multi-planar."""
        planes = (abi.Plane * 1)()
        buffer = abi.Buffer(index=index, type=self._type, memory=abi.MEMORY_MMAP)
        if self._type.is_mplane:
            buffer.planes = ctypes.cast(planes, ctypes.POINTER(abi.Plane))
            buffer.length = len(planes)
        return buffer, planes[0]
