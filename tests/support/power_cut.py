"""The disk as it was when the power went: rebuilt from a recording of everything that a guest wrote.

    recording = read_recording(log)                  # what QEMU's blklogwrites driver wrote while the guest ran
    recording.write_disk(disk, cut(recording, instant, random))

`disk` is a copy of the disk that the guest began with. What was written before the last flush is there. Of what was
written since, a card may have kept anything: a write may be there, missing, or torn after any sector, and a later one
may be there without an earlier one. So one boot is recorded, and any number of power cuts are made from it; no guest
runs for them, and a cut with the same seed gives the same bytes.

The recording has the format of Linux's dm-log-writes (Documentation/admin-guide/device-mapper/log-writes.rst): sectors,
of which the first describes the log, and then for each request one with its place, length and flags, and the data.
QEMU's driver writes an entry when the request has been done, so an entry before a flush was done before that flush.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

SECTOR_BYTES: Final = 512
_SUPER: Final = struct.Struct("<QQQL")  # magic, version, entries (at the last flush), bytes of a sector
_MAGIC: Final = 0x6A736677736872
_VERSION: Final = 1
_ENTRY: Final = struct.Struct("<QQQQ")  # first sector, sectors, flags, 0
_FLUSH: Final = 1
_DISCARD: Final = 4
_WHOLE_SHARE: Final = 0.5
_MISSING_SHARE: Final = 0.25


@dataclass(frozen=True, slots=True)
class Write:
    """One request that changed the disk; `data_at` is the place of its data in the log, -1 for a discard."""

    start_byte: int
    length_bytes: int
    data_at: int


@dataclass(frozen=True, slots=True)
class Flush:
    """What was written before it survives."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Everything that a guest wrote, in order."""

    log: Path
    entries: tuple[Write | Flush, ...]

    def write_disk(self, disk: Path, writes: Sequence[Write]) -> None:
        """Do these writes to `disk`, which must be as large as the recorded one; a discarded part becomes zeros."""
        with self.log.open("rb") as log, disk.open("r+b") as target:
            size_bytes = target.seek(0, 2)
            for write in writes:
                assert write.start_byte + write.length_bytes <= size_bytes, f"{write} is beyond the end of {disk}"
                target.seek(write.start_byte)
                if write.data_at < 0:
                    target.write(bytes(write.length_bytes))
                else:
                    log.seek(write.data_at)
                    target.write(log.read(write.length_bytes))

    @property
    def written_bytes(self) -> int:
        """How many bytes were written, discards not counted."""
        return sum(entry.length_bytes for entry in self.entries if isinstance(entry, Write) and entry.data_at >= 0)


def read_recording(log: Path) -> Recording:
    """Return what a log of blklogwrites says; ValueError when it is none.

    The first sector counts the entries at the last flush only, so the log is read to its end. QEMU may have been killed
    while it wrote the last entry: one that is not complete was not done.
    """
    with log.open("rb") as file:
        magic, version, _, sector_bytes = _SUPER.unpack(file.read(_SUPER.size))
    if (magic, version, sector_bytes) != (_MAGIC, _VERSION, SECTOR_BYTES):
        raise ValueError(f"{log} is no log of writes with sectors of {SECTOR_BYTES} bytes")
    return Recording(log, tuple(_entries(log)))


def _entries(log: Path) -> Iterator[Write | Flush]:
    size_bytes = log.stat().st_size
    at = SECTOR_BYTES
    with log.open("rb") as file:
        while at + SECTOR_BYTES <= size_bytes:
            file.seek(at)
            first, sectors, flags, _ = _ENTRY.unpack(file.read(_ENTRY.size))
            at += SECTOR_BYTES
            if flags & _FLUSH:
                yield Flush()
            elif flags & _DISCARD:
                yield Write(first * SECTOR_BYTES, sectors * SECTOR_BYTES, -1)
            elif at + sectors * SECTOR_BYTES <= size_bytes:
                yield Write(first * SECTOR_BYTES, sectors * SECTOR_BYTES, at)
                at += sectors * SECTOR_BYTES
            else:
                return


def cut(recording: Recording, instant: int, random: Random) -> list[Write]:
    """Return the writes that are on the disk when the power goes after the first `instant` entries."""
    done = recording.entries[:instant]
    flushed = max((index for index, entry in enumerate(done) if isinstance(entry, Flush)), default=0)
    kept = [entry for entry in done[:flushed] if isinstance(entry, Write)]
    pending = [_remains(entry, random) for entry in done[flushed:] if isinstance(entry, Write)]
    return kept + [remains for remains in pending if remains is not None]


def _remains(write: Write, random: Random) -> Write | None:
    """Return what is left of a write that no flush followed."""
    share = random.random()
    if share < _WHOLE_SHARE:
        return write
    sectors = write.length_bytes // SECTOR_BYTES
    if share < _WHOLE_SHARE + _MISSING_SHARE or sectors < 2:
        return None
    return Write(write.start_byte, random.randrange(1, sectors) * SECTOR_BYTES, write.data_at)
