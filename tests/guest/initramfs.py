"""The guest's initramfs: a cpio archive ("newc", the kernel's Documentation/driver-api/early-userspace/buffer-format)
with busybox, a script and the modules that the guest needs to reach its disk. Written here because that is shorter than
an initramfs generator's configuration, and boots sooner than its result. Called by `root`.
"""

import lzma
import stat
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Final

_MAGIC: Final = b"070701"
_TRAILER: Final = "TRAILER!!!"
_CONSOLE: Final = (5, 1)


class _Archive:
    """Entries one after the other, each padded to four bytes."""

    def __init__(self) -> None:
        self.data = b""
        self._inodes = count(1)

    def add(self, name: str, mode: int, content: bytes = b"", device: tuple[int, int] = (0, 0)) -> None:
        path = name.encode() + b"\0"
        fields = (next(self._inodes), mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(path), 0)
        header = _MAGIC + b"".join(b"%08X" % field for field in fields)
        self.data += _padded(header + path) + _padded(content)

    def add_folder(self, name: str) -> None:
        self.add(name, stat.S_IFDIR | 0o755)

    def add_program(self, name: str, content: bytes) -> None:
        self.add(name, stat.S_IFREG | 0o755, content)


def write_initramfs(target: Path, root: Path, modules: Sequence[Path], init: Path) -> None:
    """Write it: busybox and the modules are of `root`, `init` is the script that runs first."""
    archive = _Archive()
    for folder in ("bin", "dev", "modules", "root"):
        archive.add_folder(folder)
    archive.add("dev/console", stat.S_IFCHR | 0o600, device=_CONSOLE)
    archive.add_program("bin/busybox", (root / "usr/bin/busybox").read_bytes())
    archive.add_program("init", init.read_bytes())
    for module in modules:
        archive.add(f"modules/{_plain_name(module)}", stat.S_IFREG | 0o644, _plain(module))
    order = "\n".join(_plain_name(module) for module in modules)
    archive.add("modules/order", stat.S_IFREG | 0o644, order.encode())
    archive.add(_TRAILER, 0)
    target.write_bytes(archive.data)


def _plain_name(module: Path) -> str:
    return module.name.removesuffix(".xz")


def _plain(module: Path) -> bytes:
    content = module.read_bytes()
    return lzma.decompress(content) if module.suffix == ".xz" else content


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
