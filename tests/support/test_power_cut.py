"""Disks rebuilt from recordings that are written here, byte by byte."""

import struct
from pathlib import Path
from random import Random

import pytest

from tests.support.power_cut import SECTOR_BYTES, Flush, Recording, Write, cut, read_recording

FLUSH, DISCARD = 1, 4
SECTORS = 16
HEAD = struct.pack("<QQQL", 0x6A736677736872, 1, 0, SECTOR_BYTES).ljust(SECTOR_BYTES, b"\0")


def entry(first: int, data: bytes = b"", *, flags: int = 0, sectors: int | None = None) -> bytes:
    count = len(data) // SECTOR_BYTES if sectors is None else sectors
    return struct.pack("<QQQQ", first, count, flags, 0).ljust(SECTOR_BYTES, b"\0") + data


def filled(letter: bytes, sectors: int = 1) -> bytes:
    return letter * SECTOR_BYTES * sectors


@pytest.fixture
def recorded(tmp_path: Path):
    def record(*entries: bytes) -> Recording:
        log = tmp_path / "log"
        log.write_bytes(HEAD + b"".join(entries))
        return read_recording(log)

    return record


def disk_after(recording: Recording, writes: list[Write]) -> bytes:
    """Return a letter for each sector of a disk that was full of dots."""
    disk = recording.log.with_name("disk")
    disk.write_bytes(filled(b".", SECTORS))
    recording.write_disk(disk, writes)
    return disk.read_bytes()[::SECTOR_BYTES]


def test_what_a_flush_followed_is_there(recorded):
    recording = recorded(entry(1, filled(b"a", 2)), entry(2, filled(b"b")), entry(0, flags=FLUSH))
    for seed in range(20):
        assert disk_after(recording, cut(recording, 3, Random(seed))) == b".ab............."


def test_a_discarded_part_is_zero(recorded):
    recording = recorded(entry(1, filled(b"a", 3)), entry(2, flags=DISCARD, sectors=1), entry(0, flags=FLUSH))
    assert disk_after(recording, cut(recording, 3, Random(0))) == b".a\0a............"


def test_of_what_no_flush_followed_anything_may_be_there(recorded):
    recording = recorded(
        entry(0, filled(b"a")), entry(0, flags=FLUSH), entry(1, filled(b"b", 2)), entry(3, filled(b"c"))
    )
    found = {disk_after(recording, cut(recording, 4, Random(seed)))[:4] for seed in range(200)}
    assert found == {b"a" + first + second for first in (b"..", b"b.", b"bb") for second in (b".", b"c")}


def test_nothing_is_there_before_the_first_write(recorded):
    recording = recorded(entry(0, filled(b"a")), entry(0, flags=FLUSH))
    assert cut(recording, 0, Random(0)) == []


def test_a_later_instant_has_what_an_earlier_flush_kept(recorded):
    recording = recorded(entry(0, filled(b"a")), entry(0, flags=FLUSH), entry(0, filled(b"b")))
    found = {disk_after(recording, cut(recording, 3, Random(seed)))[:1] for seed in range(50)}
    assert found == {b"a", b"b"}


def test_the_same_seed_gives_the_same_disk(recorded):
    recording = recorded(*(entry(number, filled(b"x", 3)) for number in range(12)))
    assert cut(recording, 12, Random(7)) == cut(recording, 12, Random(7))
    assert cut(recording, 12, Random(7)) != cut(recording, 12, Random(8))


def test_an_entry_that_is_not_complete_was_not_done(recorded):
    recording = recorded(entry(0, filled(b"a")), entry(0, flags=FLUSH), entry(1, filled(b"b"), sectors=2))
    assert recording.entries == (Write(0, SECTOR_BYTES, 2 * SECTOR_BYTES), Flush())
    assert recording.written_bytes == SECTOR_BYTES


def test_another_file_is_no_recording(tmp_path: Path):
    (tmp_path / "log").write_bytes(bytes(SECTOR_BYTES))
    with pytest.raises(ValueError, match="is no log of writes"):
        read_recording(tmp_path / "log")


def test_a_write_beyond_the_end_is_refused(recorded):
    recording = recorded(entry(SECTORS, filled(b"a")), entry(0, flags=FLUSH))
    with pytest.raises(AssertionError, match="beyond the end"):
        disk_after(recording, cut(recording, 2, Random(0)))
