"""Files that are whole after a power cut, whenever it comes.

A file is replaced by a new one that is complete and on the disk before it takes the old name, so a reader finds the old
content or the new. `overwrite` is the exception: it writes over secrets where they lie, since a new file would leave
the old blocks on the card.
"""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

SECTOR_BYTES = 512
"""What a disk writes whole or not at all; sectors begin at multiples of it in every file."""


def replace_file(path: Path, content: bytes, mode: int | None = None) -> None:
    """Give the file at `path` this content; OSError leaves it as it was.

    `mode` None leaves the mode to the file system: FAT has none and refuses to change it.
    """
    temporary = path.with_name(f".{path.name}.new")
    remove_leftover(temporary)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        if mode is not None:
            os.fchmod(descriptor, mode)
        _write_all(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.rename(temporary, path)
    sync_folder(path.parent)


def replace_if_changed(path: Path, content: bytes, mode: int | None = None) -> bool:
    """Replace the file unless it has this content; return whether it was replaced: cards wear by writes."""
    if read_if_there(path) == content:
        return False
    replace_file(path, content, mode)
    return True


def remove_file(path: Path) -> None:
    """Remove the file for good; a file that is not there is no error."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    sync_folder(path.parent)


def overwrite(path: Path, pieces: Iterable[tuple[int, bytes]]) -> None:
    """Write each piece at its byte offset into the file, in place, and wait until it is on the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        for start_byte, content in pieces:
            os.pwrite(descriptor, content, start_byte)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_if_there(path: Path) -> bytes | None:
    """Return the file's content, None if there is no such file."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def remove_leftover(path: Path) -> None:
    """Remove a file that a power cut left behind; its going needs no sync."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def sync_folder(folder: Path) -> None:
    """Wait until the folder's names are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]
