"""The one seam to the kernel: a device node opened, its requests, its buffers mapped, and where the nodes are.

`LinuxKernel` is the machine itself; tests replace it by cameras and encoders written in Python behind pollable
descriptors. Used by every module of this package that touches a device.
"""

import ctypes
import fcntl
import mmap
import os
from pathlib import Path
from typing import Final, Protocol, TypeAlias

Argument: TypeAlias = ctypes.Structure | ctypes.c_int32


class Kernel(Protocol):
    """What the V4L2 source needs of a machine. All calls raise OSError as the system calls do."""

    @property
    def root(self) -> Path:
        """The folder that `dev` and `sys` are in."""

    def open(self, path: str, /) -> int:
        """Return a non-blocking descriptor of the device, which polls as the kernel's do."""

    def close(self, fd: int, /) -> None:
        """Close the descriptor."""

    def ioctl(self, fd: int, request: int, argument: Argument, /) -> None:
        """Make one request; the answer is in `argument`."""

    def map(self, fd: int, length: int, offset: int, /) -> mmap.mmap:
        """Map `length` bytes of a buffer, shared with the driver."""


class LinuxKernel:
    """The machine that this process runs on."""

    root: Final = Path("/")

    def open(self, path: str) -> int:
        """Return a descriptor that does not block and that no child process inherits."""
        return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def close(self, fd: int) -> None:
        """Close the descriptor."""
        os.close(fd)

    def ioctl(self, fd: int, request: int, argument: Argument) -> None:
        """Make one request; PEP 475 leaves `ioctl` out."""
        while True:
            try:
                fcntl.ioctl(fd, request, argument)
            except InterruptedError:
                continue
            return

    def map(self, fd: int, length: int, offset: int) -> mmap.mmap:
        """Map a buffer."""
        return mmap.mmap(fd, length, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE, offset=offset)
