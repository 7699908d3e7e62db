"""File systems as files, filled without mounting one; the same folder and identity give the same bytes."""

import os
import uuid
from pathlib import Path
from typing import Final

from deploy.image.layout import MIB
from deploy.image.rooted import run_as_root
from deploy.image.tools import run

_GROWS_TO_BLOCKS: Final = 1 << 28
"""1 TiB in blocks of 4 KiB: the room in the descriptors for growing while mounted."""
_EXT4_FEATURES: Final = "64bit,metadata_csum,^metadata_csum_seed,^orphan_file"
"""Named, because the defaults of Debian 12 and 13 differ."""


def make_fat(file: Path, size_mib: int, label: str, folder: Path, identity: bytes, epoch_s: int) -> None:
    """Make a FAT32 with what the folder holds, every file dated `epoch_s`."""
    file.unlink(missing_ok=True)
    with file.open("wb") as made:
        made.truncate(size_mib * MIB)
    volume = identity[:4].hex()
    environment = {"SOURCE_DATE_EPOCH": str(epoch_s), "MTOOLS_SKIP_CHECK": "1"}
    # -s 1: a small FAT32 has clusters of one sector; the boot loaders of Raspberry Pis know FAT32 best.
    run("mkfs.vfat", "--invariant", "-F", "32", "-s", "1", "-i", volume, "-n", label, file, environment=environment)
    for path in sorted(folder.rglob("*")):
        os.utime(path, (epoch_s, epoch_s))
        inside = f"::{path.relative_to(folder)}"
        command = ["mmd", "-i", file, inside] if path.is_dir() else ["mcopy", "-m", "-i", file, path, inside]
        run(*command, environment=environment)


def make_ext4(file: Path, size_mib: int, label: str, identity: bytes, epoch_s: int) -> None:
    """Make an empty ext4 that can grow while it is mounted."""
    file.unlink(missing_ok=True)
    name = str(uuid.UUID(bytes=identity[:16], version=4))
    run(
        *("mke2fs", "-q", "-t", "ext4", "-L", label, "-U", name, "-b", "4096", "-I", "256", "-i", "16384", "-m", "1"),
        *("-O", _EXT4_FEATURES, "-J", "size=8"),
        *("-E", f"hash_seed={name},root_owner=0:0,resize={_GROWS_TO_BLOCKS},lazy_itable_init=0,lazy_journal_init=0"),
        *(file, f"{size_mib}M"),
        environment={"SOURCE_DATE_EPOCH": str(epoch_s), "E2FSPROGS_FAKE_TIME": str(epoch_s)},
    )


def make_squashfs(file: Path, tree: Path, epoch_s: int) -> None:
    """Make a compressed read-only file system of a tree, with the tree's owners; no file is younger than `epoch_s`."""
    file.unlink(missing_ok=True)
    run_as_root(
        *("mksquashfs", tree, file, "-noappend", "-no-progress", "-quiet", "-no-xattrs"),
        *("-comp", "zstd", "-Xcompression-level", "15", "-b", "1M"),
        environment={"SOURCE_DATE_EPOCH": str(epoch_s)},
    )
