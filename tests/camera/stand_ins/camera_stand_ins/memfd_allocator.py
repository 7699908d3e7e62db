"""Frame buffers in memory files: a file a frame, and as the virtual camera wants it a libcamera plane a colour plane.

picamera2's own allocator asks the kernel's dma_heap, which a chroot on a desktop machine does not have.
"""

import mmap
import os

import libcamera
import picamera2.picamera2
from picamera2.allocators.allocator import Allocator


class MemfdAllocator(Allocator):
    """What `Picamera2` uses in place of `DmaAllocator`."""

    def __init__(self):
        super().__init__()
        self.sync = _MappedBuffer
        self.mapped_buffers = {}
        self._frame_buffers = {}
        self._descriptors = []

    def allocate(self, libcamera_config, use_case):
        # An encoder that is still at work keeps the old mapping alive; the descriptors nobody needs.
        self.close()
        self.mapped_buffers = {}
        self._frame_buffers = {config.stream: self._allocated(config) for config in libcamera_config}

    def buffers(self, stream):
        return self._frame_buffers[stream]

    def close(self):
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors = []

    def _allocated(self, config):
        return [self._frame_buffer(_plane_sizes(config)) for _ in range(config.buffer_count)]

    def _frame_buffer(self, plane_sizes):
        descriptor = os.memfd_create("frame", os.MFD_CLOEXEC)
        self._descriptors.append(descriptor)
        os.ftruncate(descriptor, sum(plane_sizes))
        buffer = libcamera.FrameBuffer(_planes(descriptor, plane_sizes))
        self.mapped_buffers[buffer] = mmap.mmap(descriptor, sum(plane_sizes))
        return buffer


class _MappedBuffer:
    """A buffer for reading and writing; a memory file has no cache to be synchronised."""

    def __init__(self, allocator, buffer, write):
        self._mapping = allocator.mapped_buffers[buffer]

    def __enter__(self):
        return self._mapping

    def __exit__(self, *exception):
        pass


def install():
    picamera2.picamera2.DmaAllocator = MemfdAllocator
    picamera2.Picamera2._get_raw_modes = lambda camera: [{"format": "NV12", "size": (1920, 1080)}]  # it has no Raw role


def _plane_sizes(config):
    luma_bytes = config.stride * config.size.height
    return (luma_bytes, luma_bytes // 2) if str(config.pixel_format) in ("NV12", "NV21") else (config.frame_size,)


def _planes(descriptor, sizes):
    planes = []
    offset = 0
    for length in sizes:
        plane = libcamera.FrameBuffer.Plane()
        plane.fd, plane.offset, plane.length = descriptor, offset, length
        planes.append(plane)
        offset += length
    return planes
