"""The data partition is grown to the end of the card, and its file system with it, while it is mounted.

The image is small, the card is not. Power may go at any instant: sfdisk changes one sector a call (the MBR for the
extended partition, then the boot record before the last logical one), a disk writes a sector whole or not at all, and
the file system stays inside its partition before, between and after. resize2fs lets the kernel grow a mounted file
system, each step a transaction of its journal. Whatever was not done is done at the next boot; what was done is not
done again, since the sizes are looked at first.
"""

import os
from pathlib import Path
from typing import Final

from edge_streamer.appliance.commands import Run
from edge_streamer.appliance.durable import SECTOR_BYTES
from edge_streamer.appliance.partition_table import ext4_size_bytes, has_room, numbers_to_grow, read_partitions
from edge_streamer.appliance.paths import Paths
from edge_streamer.appliance.slot import Slot

_SUPERBLOCK_AT: Final = 1024


def grow_data(slot: Slot, paths: Paths, run: Run) -> bool:
    """Grow the data partition and its file system if there is room; return whether anything was done.

    OSError or ValueError says why it cannot be grown.
    """
    if not slot.data or not slot.disk or not slot.keeps_data:
        return False
    disk, data = Path(slot.disk), Path(slot.data)
    number = int((paths.block_devices / data.name / "partition").read_text())
    grown = _grow_partitions(disk, number, _sectors(paths, disk), run)
    if has_room(ext4_size_bytes(_read(data, _SUPERBLOCK_AT, SECTOR_BYTES * 2)), _sectors(paths, data)):
        run(["resize2fs", str(data)])
        return True
    return grown


def _grow_partitions(disk: Path, number: int, disk_sectors: int, run: Run) -> bool:
    extended, logical = read_partitions(lambda sector: _read(disk, sector * SECTOR_BYTES, SECTOR_BYTES))
    to_grow = numbers_to_grow(extended, logical, number, disk_sectors)
    for each in to_grow:
        quiet = ["--quiet", "--no-reread", "--no-tell-kernel", "--wipe", "never", "--wipe-partitions", "never"]
        run(["sfdisk", *quiet, "-N", str(each), str(disk)], ", +\n")
    # Also when a boot before wrote the table but the power went: then the kernel has read it already, and this does
    # nothing. The kernel does not need to know of the extended partition.
    if to_grow:
        run(["partx", "--update", "--nr", str(number), str(disk)])
    return bool(to_grow)


def _sectors(paths: Paths, device: Path) -> int:
    """The kernel counts in sectors of 512 bytes, whatever the disk's are."""
    return int((paths.block_devices / device.name / "size").read_text())


def _read(device: Path, at_byte: int, count_bytes: int) -> bytes:
    descriptor = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.pread(descriptor, count_bytes, at_byte)
    finally:
        os.close(descriptor)
