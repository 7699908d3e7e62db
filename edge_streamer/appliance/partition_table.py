"""The partition table of the card, as bytes: whether its last partition can grow to the end of the disk.

An MBR has four entries; one is the extended partition, which is a chain of boot records (EBR), one before each logical
partition. An EBR has two entries: its logical partition, by the distance from the EBR, and the next EBR, by the
distance from the extended partition. All numbers are sectors of 512 bytes; LBA only.
"""

from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct
from typing import Final

from edge_streamer.appliance.durable import SECTOR_BYTES

SLACK_SECTORS: Final = 8192
"""4 MiB: programs align partitions to 1 MiB, so less than this at the end is not worth a write."""
EXTENDED_TYPES: Final = frozenset({0x05, 0x0F, 0x85})
MAX_LOGICAL: Final = 16
"""A chain that is longer, or a circle, is no table of ours."""
MAX_SECTORS: Final = (1 << 32) - 1
"""An entry has 32 bits: of a disk beyond 2 TiB the rest stays unused."""

_ENTRY: Final = Struct("<B3xB3xII")
_TABLE_AT: Final = 446
_SIGNATURE: Final = b"\x55\xaa"
_MIN_EXT4_LEFT_BYTES: Final = 16 << 20
"""The last block group may be too short to be used; the file system is grown for more than this only."""


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition by its number, first sector and size in sectors."""

    number: int
    start: int
    size: int

    @property
    def end(self) -> int:
        """The sector after the last."""
        return self.start + self.size


def read_partitions(read_sector: Callable[[int], bytes]) -> tuple[Partition, tuple[Partition, ...]]:
    """Return the extended partition and the logical ones, in the order of their numbers, from 5 on.

    `read_sector` returns a sector of the disk. ValueError for a table that is not like that.
    """
    primary = _entries(read_sector(0))
    extended = [(number, start, size) for number, (kind, start, size) in primary if kind in EXTENDED_TYPES]
    if len(extended) != 1:
        raise ValueError("the disk has no extended partition, or several")
    box = Partition(*extended[0])
    logical: list[Partition] = []
    record = box.start
    while len(logical) < MAX_LOGICAL:
        (_, (_, start, size)), (_, (next_kind, next_start, _)) = _entries(read_sector(record))[:2]
        logical.append(Partition(5 + len(logical), record + start, size))
        if next_kind not in EXTENDED_TYPES:
            return box, tuple(logical)
        record = box.start + next_start
    raise ValueError(f"the extended partition has more than {MAX_LOGICAL} logical partitions")


def numbers_to_grow(
    extended: Partition, logical: tuple[Partition, ...], number: int, disk_sectors: int
) -> tuple[int, ...]:
    """Return the numbers of the partitions to grow to the end of what contains them, outermost first.

    First the extended partition, then the logical partition `number` in it: the power may go between the two, and a
    partition never ends outside the one that contains it. ValueError when `number` does not lie last on the disk.
    """
    wanted = next((each for each in logical if each.number == number), None)
    if wanted is None:
        raise ValueError(f"the disk has no partition {number}")
    if any(each.start > wanted.start for each in logical):
        raise ValueError(f"partition {number} is not the last on the disk")
    disk_end = min(disk_sectors, MAX_SECTORS)
    if disk_end - wanted.end < SLACK_SECTORS:
        return ()
    return (number,) if disk_end - extended.end < SLACK_SECTORS else (extended.number, number)


def ext4_size_bytes(superblock: bytes) -> int:
    """Return the size of the ext4 file system whose bytes from 1024 on these are; ValueError for another one.

    The fields: s_blocks_count_lo at 4, s_log_block_size at 24, s_magic at 56, s_feature_incompat at 96 (bit 7: 64-bit),
    s_blocks_count_hi at 336 (Documentation/filesystems/ext4/super.rst of the kernel).
    """
    if len(superblock) < 340 or superblock[56:58] != b"\x53\xef":
        raise ValueError("no ext4 file system")
    blocks = int.from_bytes(superblock[4:8], "little")
    if int.from_bytes(superblock[96:100], "little") & 0x80:
        blocks += int.from_bytes(superblock[336:340], "little") << 32
    return blocks << (10 + int.from_bytes(superblock[24:28], "little"))


def has_room(file_system_bytes: int, partition_sectors: int) -> bool:
    """Return whether the file system leaves so much of its partition unused that growing it is worth it."""
    return partition_sectors * SECTOR_BYTES - file_system_bytes > _MIN_EXT4_LEFT_BYTES


def _entries(sector: bytes) -> list[tuple[int, tuple[int, int, int]]]:
    """Return number and (kind, start, size) of the four entries."""
    if len(sector) != SECTOR_BYTES or not sector.endswith(_SIGNATURE):
        raise ValueError("a sector of the partition table has no signature")
    entries = (_ENTRY.unpack_from(sector, _TABLE_AT + 16 * index) for index in range(4))
    return [(index + 1, (kind, start, size)) for index, (_, kind, start, size) in enumerate(entries)]
