"""The disk of an image: table and file systems in one sparse file; its compressed form; what is said of both."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from deploy.image.layout import MIB, Partition, disk_mib, sfdisk_script
from deploy.image.tools import BuildError, run

_BLOCK_BYTES: Final = MIB


def assemble(disk: Path, table: tuple[Partition, ...], contents: Mapping[int, Path], work: Path) -> None:
    """Write the table and, into the partitions of these numbers, these files. BuildError when one does not fit."""
    script = work / "partitions.sfdisk"
    script.write_text(sfdisk_script(table))
    disk.unlink(missing_ok=True)
    with disk.open("wb") as file:
        file.truncate(disk_mib(table) * MIB)
    with script.open("rb") as stdin:
        run("sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", disk, stdin=stdin)
    with disk.open("r+b") as file:
        for partition in table:
            content = contents.get(partition.number)
            if content is not None:
                _check_size(content, partition)
                _copy(content, file.fileno(), partition.start_mib * MIB)


def compress(disk: Path) -> Path:
    """Return the compressed file beside the disk: xz, which every program that writes cards reads."""
    target = disk.with_name(f"{disk.name}.xz")
    target.unlink(missing_ok=True)
    # The root is compressed already: a higher level takes minutes and gains a hundredth. A block size makes the bytes
    # independent of the number of processors.
    run("xz", "--keep", "-1", "--threads=0", "--block-size=16MiB", disk)
    return target


def sha256_of(file: Path) -> str:
    """Return the checksum that people compare."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _check_size(content: Path, partition: Partition) -> None:
    size_bytes = content.stat().st_size
    if size_bytes > partition.size_mib * MIB:
        raise BuildError(
            f"{content.name} has {size_bytes / MIB:.1f} MiB, and partition {partition.number} {partition.size_mib} MiB"
        )


def _copy(source: Path, target: int, offset_bytes: int) -> None:
    """Copy what is not zero: the rest of the target stays a hole."""
    with source.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            if block.count(0) != len(block):
                os.pwrite(target, block, offset_bytes)
            offset_bytes += len(block)
