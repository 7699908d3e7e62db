"""The arithmetic of an MBR with an extended partition, and of the size of an ext4 file system."""

import struct
from collections.abc import Mapping

import pytest

from edge_streamer.appliance.partition_table import (
    MAX_SECTORS,
    SLACK_SECTORS,
    Partition,
    ext4_size_bytes,
    has_room,
    numbers_to_grow,
    read_partitions,
)

FAT, LINUX, EXTENDED = 0x0C, 0x83, 0x0F


def sector(*entries: tuple[int, int, int]) -> bytes:
    table = b"".join(struct.pack("<B3xB3xII", 0, kind, start, size) for kind, start, size in entries)
    return (bytes(446) + table).ljust(510, b"\0") + b"\x55\xaa"


def disk(extended_size: int = 200_000, data_size: int = 40_960) -> dict[int, bytes]:
    """As sfdisk writes the image's layout: p4 extended, p5, p6 and p7 in it."""
    return {
        0: sector((FAT, 2048, 20480), (FAT, 22528, 20480), (FAT, 43008, 20480), (EXTENDED, 63488, extended_size)),
        63488: sector((LINUX, 6144, 40960), (EXTENDED, 47104, 43008)),
        110592: sector((LINUX, 2048, 40960), (EXTENDED, 90112, 43008)),
        153600: sector((LINUX, 2048, data_size)),
    }


def sizes(sectors: Mapping[int, bytes]) -> tuple[Partition, tuple[Partition, ...]]:
    return read_partitions(sectors.__getitem__)


def test_the_chain_of_boot_records_is_read() -> None:
    extended, logical = sizes(disk())
    assert extended == Partition(4, 63488, 200_000)
    assert logical == (Partition(5, 69632, 40960), Partition(6, 112640, 40960), Partition(7, 155648, 40960))


@pytest.mark.parametrize(
    ("sectors", "what"),
    [
        ({0: bytes(512)}, "signature"),
        ({0: sector((FAT, 1, 1))[:100]}, "signature"),
        ({0: sector((FAT, 2048, 100))}, "no extended"),
        ({0: sector((EXTENDED, 1, 1), (EXTENDED, 2, 2))}, "several"),
        ({0: sector((EXTENDED, 1, 9)), 1: sector((LINUX, 1, 1), (EXTENDED, 0, 9))}, "more than 16"),
        ({0: sector((EXTENDED, 1, 9)), 1: bytes(512)}, "signature"),
    ],
)
def test_another_table_is_refused(sectors: Mapping[int, bytes], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        sizes(sectors)


def test_extended_and_last_partition_grow_outermost_first() -> None:
    extended, logical = sizes(disk())
    assert numbers_to_grow(extended, logical, 7, 4_194_304) == (4, 7)


def test_after_a_power_cut_between_the_two_the_second_is_left() -> None:
    extended, logical = sizes(disk(extended_size=4_194_304 - 63488))
    assert numbers_to_grow(extended, logical, 7, 4_194_304) == (7,)


def test_a_card_that_is_grown_is_left_alone() -> None:
    extended, logical = sizes(disk(4_194_304 - 63488, 4_194_304 - 155648))
    for disk_sectors in (4_194_304, 4_194_304 + SLACK_SECTORS - 1):
        assert numbers_to_grow(extended, logical, 7, disk_sectors) == ()
    assert numbers_to_grow(extended, logical, 7, 4_194_304 + SLACK_SECTORS) == (4, 7)


def test_a_partition_is_never_shrunk() -> None:
    extended, logical = sizes(disk())
    assert numbers_to_grow(extended, logical, 7, 100_000) == ()


def test_only_the_last_partition_grows() -> None:
    extended, logical = sizes(disk())
    with pytest.raises(ValueError, match="not the last"):
        numbers_to_grow(extended, logical, 6, 4_194_304)
    with pytest.raises(ValueError, match="no partition 9"):
        numbers_to_grow(extended, logical, 9, 4_194_304)


def test_an_entry_ends_at_two_tebibytes() -> None:
    extended, logical = sizes(disk(MAX_SECTORS - 63488, MAX_SECTORS - 155648))
    assert numbers_to_grow(extended, logical, 7, 3 * MAX_SECTORS) == ()


def superblock(blocks: int, log_kib: int, *, is_64_bit: bool) -> bytes:
    content = bytearray(1024)
    struct.pack_into("<I", content, 4, blocks & 0xFFFFFFFF)
    struct.pack_into("<I", content, 24, log_kib)
    content[56:58] = b"\x53\xef"
    struct.pack_into("<I", content, 96, 0x80 if is_64_bit else 0)
    struct.pack_into("<I", content, 336, blocks >> 32)
    return bytes(content)


def test_the_size_of_a_file_system() -> None:
    assert ext4_size_bytes(superblock(16_384, 2, is_64_bit=False)) == 64 << 20
    assert ext4_size_bytes(superblock(65_536, 0, is_64_bit=True)) == 64 << 20
    assert ext4_size_bytes(superblock(1 << 33, 2, is_64_bit=True)) == 1 << 45
    assert ext4_size_bytes(superblock((1 << 33) + 1, 2, is_64_bit=False)) == 4096


@pytest.mark.parametrize("content", [b"", bytes(1024), superblock(1, 2, is_64_bit=False)[:300]])
def test_what_is_no_ext4_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="no ext4"):
        ext4_size_bytes(content)


def test_a_file_system_is_grown_for_more_than_a_rest() -> None:
    assert has_room(64 << 20, (128 << 20) // 512)
    assert not has_room(64 << 20, (70 << 20) // 512)
    assert not has_room(64 << 20, (60 << 20) // 512)
