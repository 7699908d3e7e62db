"""Power that goes at the n-th change of a disk, and what the disk has then.

The system calls by which Python changes files are counted: making, writing, renaming and removing a file, and each
sync. At the chosen one the power goes: nothing after it happens. What a disk has after that differs, so a test tries
three worlds:

    all          everything that was done is there
    synced       only what was synced is there: contents by fsync of the file, names by fsync of the folder
    names        names are there at once, contents only by fsync: what ext4 and FAT may do without a sync
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import pytest

WORLDS: Final = ("all", "synced", "names")


class PowerCutError(BaseException):
    """The power is gone: no `except Exception` goes on after it."""


class Power:
    """Counts the changes below `folders` and ends with the `cut_at`-th (0: never), before it or, a write, in it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folders: Iterable[Path]) -> None:
        self._folders = tuple(folders)
        self.changes: list[str] = []
        self._cut_at = 0
        self._is_on = True
        self._contents: dict[int, bytes] = {}
        self._names: dict[Path, dict[str, int]] = {}
        self._system: dict[str, Callable[..., Any]] = {}
        for name in ("open", "write", "pwrite", "fsync", "rename", "unlink", "fchmod", "fchown"):
            self._system[name] = getattr(os, name)
            monkeypatch.setattr(os, name, getattr(self, f"_{name}"))

    def on(self, cut_at: int) -> None:
        """Take the disk as it is for synced, and count from 1."""
        self.changes = []
        self._cut_at = cut_at
        self._is_on = True
        self._contents = {each.stat().st_ino: each.read_bytes() for each in self._files()}
        self._names = {folder: self._listing(folder) for folder in self._folders}

    def is_gone(self) -> bool:
        return not self._is_on

    def check(self) -> None:
        """Raise when the power is gone: for what is no file."""
        if not self._is_on:
            raise PowerCutError

    def settle(self, world: str) -> None:
        """Make the disk what it is after the cut."""
        self._is_on = True
        self._cut_at = 0
        if world == "all":
            return
        names = self._names if world == "synced" else {folder: self._listing(folder) for folder in self._folders}
        for folder, entries in names.items():
            for path in [path for path in folder.iterdir() if path.is_file()]:
                self._system["unlink"](path)
            for name, inode in entries.items():
                (folder / name).write_bytes(self._contents.get(inode, b""))

    def _files(self) -> list[Path]:
        return [path for folder in self._folders for path in folder.iterdir() if path.is_file()]

    def _listing(self, folder: Path) -> dict[str, int]:
        return {path.name: path.stat().st_ino for path in folder.iterdir() if path.is_file()}

    def _change(self, what: str, path: Path) -> bool:
        """Count a change; return whether the power goes at it."""
        self.check()
        if path.parent not in self._folders and path not in self._folders:
            return False
        self.changes.append(f"{what} {path.name}")
        self._is_on = len(self.changes) != self._cut_at
        return not self._is_on

    def _path(self, descriptor: int) -> Path:
        return Path(os.readlink(f"/proc/self/fd/{descriptor}"))

    def _open(self, path: Any, flags: int, *rest: Any, **more: Any) -> int:
        is_made = bool(flags & os.O_CREAT) and not os.path.exists(path)
        if is_made and self._change("make", Path(path)):
            raise PowerCutError
        descriptor: int = self._system["open"](path, flags, *rest, **more)
        if is_made:
            self._contents.pop(os.fstat(descriptor).st_ino, None)  # the number of a file that was removed before
        return descriptor

    def _write(self, descriptor: int, content: Any) -> int:
        if self._change("write", self._path(descriptor)):
            self._system["write"](descriptor, bytes(content)[: len(content) // 2])
            raise PowerCutError
        return int(self._system["write"](descriptor, content))

    def _pwrite(self, descriptor: int, content: bytes, at_byte: int) -> int:
        """In place: a piece lies in one sector, so it is written or not."""
        if self._change("overwrite", self._path(descriptor)):
            raise PowerCutError
        return int(self._system["pwrite"](descriptor, content, at_byte))

    def _fsync(self, descriptor: int) -> None:
        path = self._path(descriptor)
        if self._change("sync", path):
            raise PowerCutError  # a real sync would only take time
        if path in self._names:
            self._names[path] = self._listing(path)
        elif path.parent in self._folders:
            self._contents[os.fstat(descriptor).st_ino] = path.read_bytes()

    def _rename(self, source: Any, target: Any) -> None:
        if self._change("rename", Path(target)):
            raise PowerCutError
        self._system["rename"](source, target)

    def _unlink(self, path: Any, **more: Any) -> None:
        if os.path.lexists(path) and self._change("remove", Path(path)):
            raise PowerCutError
        self.check()
        self._system["unlink"](path, **more)

    def _fchmod(self, descriptor: int, mode: int) -> None:
        self.check()
        self._system["fchmod"](descriptor, mode)

    def _fchown(self, descriptor: int, user: int, group: int) -> None:
        self.check()
        self._system["fchown"](descriptor, user, group)
