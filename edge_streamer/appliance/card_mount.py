"""The card's first partition, mounted only while it is used: people may pull the card at any other time.

It is mounted read-only, and writable only around a write: mounting FAT for writing writes already.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from edge_streamer.appliance.commands import Run

_OPTIONS: Final = "nodev,nosuid,noexec,noatime,umask=0077"


class CardMount:
    """The partition `device` (empty: there is none) at `folder`."""

    def __init__(self, device: str, folder: Path, run: Run) -> None:
        self._device = device
        self._folder = folder
        self._run = run
        self.is_mounted = False

    def mount(self) -> None:
        """Mount the partition read-only; OSError when that fails."""
        if not self._device:
            raise OSError("the card has no first partition")
        self._run(["mount", "-t", "vfat", "-o", f"ro,{_OPTIONS}", self._device, str(self._folder)])
        self.is_mounted = True

    @contextmanager
    def writable(self) -> Iterator[None]:
        """Let the partition be written inside the block; OSError when it is not mounted, or broken."""
        if not self.is_mounted:
            raise OSError("the card's first partition is not mounted")
        self._run(["mount", "-o", f"remount,rw,{_OPTIONS}", str(self._folder)])
        try:
            yield
        finally:
            self._run(["mount", "-o", f"remount,ro,{_OPTIONS}", str(self._folder)])

    def unmount(self) -> None:
        """Unmount the partition, if it is mounted."""
        if self.is_mounted:
            self._run(["umount", str(self._folder)])
            self.is_mounted = False
