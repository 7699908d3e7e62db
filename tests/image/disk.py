"""The disk of a device that is off: its partitions, and what lies in them, read and written without mounting anything.

    disk = copied_disk(image, folder / "disk", 2 << 30)
    disk.card.write("edge-streamer.toml", text)
    disk.data.read("/shared/settings.json")

Called by the tests for what a person's computer would do to the card, and for what is on the data partition.
"""

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CARD: Final = 1
DATA: Final = 7
_TOOL_DEADLINE_S: Final = 60.0
_BLOCK_BYTES: Final = 1 << 20
_MTOOLS: Final = {"MTOOLS_SKIP_CHECK": "1", "TZ": "UTC"}


@dataclass(frozen=True, slots=True)
class Partition:
    """A part of a disk."""

    disk: Path
    start_byte: int
    length_bytes: int

    def contains(self, text: str) -> bool:
        """Whether these bytes stand anywhere in it, in a file or in what a file has left."""
        with self.disk.open("rb") as file:
            file.seek(self.start_byte)
            return text.encode() in file.read(self.length_bytes)


class Card(Partition):
    """The FAT partition that people read and write."""

    def names(self) -> set[str]:
        """Return the names in its folder."""
        return {line.removeprefix("::/").rstrip("/") for line in self._mtools("mdir", "-b").splitlines()}

    def read(self, name: str) -> str:
        """Return the text of a file; AssertionError when there is none."""
        return self._mtools("mtype", name=name)

    def write(self, name: str, text: str) -> None:
        """Write a file, or another in its place."""
        self._mtools("mcopy", "-o", "-", name=name, stdin=text)

    def everything(self) -> dict[str, str]:
        """Return the text of each file."""
        return {name: self.read(name) for name in sorted(self.names())}

    def _mtools(self, program: str, *options: str, name: str = "", stdin: str = "") -> str:
        image = ("-i", f"{self.disk}@@{self.start_byte}")
        return _said([program, *image, *options, f"::{name}"], stdin, _MTOOLS)


class Data(Partition):
    """The ext4 partition that keeps what was decided."""

    def complaints(self) -> str:
        """Return what e2fsck says of a disk that it does not change, after it has replayed the journal in memory;
        empty when all is well."""
        done = _ended(["e2fsck", "-f", "-n", self._address])
        return "" if done.returncode == 0 else done.stdout

    def repair(self) -> int:
        """Repair a copy as a boot does; return e2fsck's code: 0, 1 when it mended something, 4 when it could not."""
        with tempfile.NamedTemporaryFile(prefix="edge-streamer-data-") as copy, self.disk.open("rb") as disk:
            # e2fsck cannot replay a journal at an offset.
            disk.seek(self.start_byte)
            for _ in range(0, self.length_bytes, _BLOCK_BYTES):
                block = disk.read(_BLOCK_BYTES)
                if block.count(0) == len(block):
                    copy.seek(len(block), os.SEEK_CUR)
                else:
                    copy.write(block)
            copy.truncate(self.length_bytes)
            copy.flush()
            return _ended(["e2fsck", "-p", copy.name]).returncode

    def read(self, path: str) -> str | None:
        """Return the text of a file; None when there is none."""
        done = _ended(["debugfs", "-R", f"cat {path}", self._address])
        return None if "File not found" in done.stderr else done.stdout

    def paths(self, folder: str = "/") -> dict[str, str]:
        """Return each file below a folder with its mode, owner and length, as `debugfs` lists them."""
        found = {}
        said = _said(["debugfs", "-R", f"ls -p {folder}", self._address])
        for line in filter(None, said.splitlines()):
            _, _, mode, owner, group, name, length_bytes, _ = line.split("/")
            path = f"{folder.rstrip('/')}/{name}"
            if name in (".", "..", "lost+found"):
                continue
            if mode.startswith("04"):
                found |= self.paths(path)
            else:
                found[path] = f"{mode} {owner} {group} {length_bytes}"
        return found

    @property
    def _address(self) -> str:
        return f"{self.disk}?offset={self.start_byte}"


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk that is written with an image, of a device that is off."""

    path: Path

    @property
    def card(self) -> Card:
        """Return the partition for people."""
        return Card(self.path, *self._place(CARD))

    @property
    def data(self) -> Data:
        """Return the data partition, as long as it is now."""
        return Data(self.path, *self._place(DATA))

    def _place(self, number: int) -> tuple[int, int]:
        table = json.loads(_said(["sfdisk", "--json", str(self.path)]))["partitiontable"]
        sector_bytes = table.get("sectorsize", 512)
        # sfdisk writes a "p" between a name that ends with a digit and the number.
        names = (f"{self.path}{number}", f"{self.path}p{number}")
        (found,) = (entry for entry in table["partitions"] if entry["node"] in names)
        return found["start"] * sector_bytes, found["size"] * sector_bytes


def copied_disk(source: Path, target: Path, length_bytes: int = 0) -> Disk:
    """Return a disk of at least that length that an image, or another disk, was written to; holes stay holes."""
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", str(source), str(target)], check=True)
    if length_bytes > target.stat().st_size:
        os.truncate(target, length_bytes)
    return Disk(target)


def _said(command: list[str], stdin: str = "", environment: dict[str, str] | None = None) -> str:
    done = _ended(command, stdin, environment)
    assert done.returncode == 0, f"{command} ended with {done.returncode}: {done.stderr}"
    return done.stdout


def _ended(
    command: list[str], stdin: str = "", environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        input=stdin,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_TOOL_DEADLINE_S,
        env={**os.environ, **(environment or {})},
    )
