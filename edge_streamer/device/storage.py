"""The storage that this machine keeps its state on: its free space, what was written to it, and how worn it is.

What the parts can tell differs. An eMMC module reports its wear through files of sysfs. An SD card reports none, so for
it there is only the amount that was written, which ext4 counts. An NVMe disk reports its wear only to programs that may
send it commands (`smartctl`, as root), so it is not read here.

`statvfs` and the look-up of a path may wait for a card that is dying. Called by `info`.
"""

import os
from pathlib import Path
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from edge_streamer.device.small_files import read_text

Reserve: TypeAlias = Literal["normal", "warning", "urgent"]

_DATA: Final = "data"
"""The mount point of a device image's data partition."""
_STATE: Final = "var"
"""Where a machine without a data partition keeps its state."""
_RESERVES: Final[dict[int, Reserve]] = {1: "normal", 2: "warning", 3: "urgent"}
"""PRE_EOL_INFO of JEDEC JESD84-B51, section 7.4.35: 80 % of the reserved blocks are used at 2, 90 % at 3."""
_WORST_LIFE: Final = 11
"""DEVICE_LIFE_TIME_EST_TYP of JESD84-B51, section 7.4.36: n is the n-th tenth of the life time, 11 is beyond it."""


class Storage(Struct, frozen=True, kw_only=True):
    """The file system at `path`. `written_bytes` is what was written to it since it was made; null where it is not
    ext4, or unknown on which device it is."""

    path: str
    total_bytes: int
    free_bytes: int
    written_bytes: int | None


class StorageWear(Struct, frozen=True, kw_only=True):
    """The wear of one eMMC module.

    `life_used_ratio` is the upper end of the tenth in which the module puts itself, 0.1 to 1, and 1.1 beyond its life
    time. `reserve` says how far its spare blocks are used up. Null: the module does not tell.
    """

    device: str
    life_used_ratio: float | None
    reserve: Reserve | None


def read_storage(root: Path = Path("/"), data_device: str = "") -> Storage | None:
    """Return the space on the data partition, else of /var; None when it cannot be read.

    `data_device` is the data partition's device file, whose name ext4 has in /sys/fs/ext4; empty when unknown.
    """
    folder = root / _DATA if data_device else root / _STATE
    try:
        space = os.statvfs(folder)
    except OSError:
        return None
    return Storage(
        path=f"/{folder.relative_to(root)}",
        total_bytes=space.f_blocks * space.f_frsize,
        free_bytes=space.f_bavail * space.f_frsize,
        written_bytes=_written_bytes(root, data_device),
    )


def read_wear(root: Path = Path("/")) -> tuple[StorageWear, ...]:
    """Return the wear of each eMMC module, by its name; empty where there is none."""
    files = sorted((root / "sys/block").glob("mmcblk*/device/life_time"))
    return tuple(
        StorageWear(
            device=file.parts[-3],
            life_used_ratio=_life_used_ratio(read_text(file)),
            reserve=_RESERVES.get(_hexadecimal(read_text(file.with_name("pre_eol_info")))),
        )
        for file in files
    )


def _written_bytes(root: Path, data_device: str) -> int | None:
    """ext4's `lifetime_write_kbytes` (Linux, Documentation/ABI/testing/sysfs-fs-ext4)."""
    text = read_text(root / "sys/fs/ext4" / Path(data_device).name / "lifetime_write_kbytes") if data_device else ""
    return int(text) * 1024 if text.isdecimal() else None


def _life_used_ratio(text: str) -> float | None:
    """Of the estimates for both kinds of a module's memory, "0x01 0x02", the worse one; 0 is "not defined"."""
    worst = max((_hexadecimal(estimate) for estimate in text.split()), default=0)
    return worst / 10 if 1 <= worst <= _WORST_LIFE else None


def _hexadecimal(text: str) -> int:
    try:
        return int(text, 16)
    except ValueError:
        return 0
