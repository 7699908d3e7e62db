"""The partitions of the image."""

from itertools import pairwise
from pathlib import Path

import pytest

from deploy.image import disk
from deploy.image.layout import (
    ALIGNMENT_MIB,
    EXTENDED,
    MIB,
    disk_mib,
    part_uuid,
    partitions,
    root_command_line,
    sfdisk_script,
)
from deploy.image.tools import BuildError

TABLE = partitions("ef")


def test_the_partitions_lie_behind_each_other_at_the_alignment():
    inside = [partition for partition in TABLE if partition.number != EXTENDED]
    assert [partition.number for partition in inside] == [1, 2, 3, 5, 6, 7]
    for before, after in pairwise(inside):
        assert before.end_mib <= after.start_mib
    assert all(partition.start_mib % ALIGNMENT_MIB == 0 for partition in TABLE)


def test_each_logical_partition_has_room_for_its_sector_in_front_inside_of_the_extended_one():
    extended = next(partition for partition in TABLE if partition.number == EXTENDED)
    ends_mib = extended.start_mib
    for partition in TABLE:
        if partition.number > EXTENDED:
            assert partition.start_mib > ends_mib
            ends_mib = partition.end_mib
    assert ends_mib == extended.end_mib == disk_mib(TABLE)


def test_the_slots_have_the_same_sizes():
    sizes = {partition.number: partition.size_mib for partition in TABLE}
    assert sizes[2] == sizes[3]
    assert sizes[5] == sizes[6]


def test_the_table_as_sfdisk_reads_it():
    lines = sfdisk_script(TABLE).splitlines()
    assert lines[:3] == ["label: dos", "label-id: 0xed6e57a1", "unit: sectors"]
    assert "1 : start=8192, size=131072, type=c" in lines
    assert "2 : start=139264, size=196608, type=ef" in lines


@pytest.mark.parametrize(("slot", "number"), [("a", "05"), ("b", "06")])
def test_a_slot_starts_with_its_own_root(slot, number):
    words = root_command_line(("tty0", "ttyS0,115200"), slot).split()
    assert words[0] == f"root=PARTUUID={part_uuid(int(number))}"
    assert words[0].endswith(f"-{number}")
    assert [word for word in words if word.startswith("console=")] == ["console=tty0", "console=ttyS0,115200"]


def test_what_is_larger_than_its_partition_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(disk, "run", lambda *command, **options: "")
    content = tmp_path / "root.squashfs"
    with content.open("wb") as file:
        file.truncate(600 * MIB)
    with pytest.raises(BuildError, match=r"root\.squashfs has 600\.0 MiB, and partition 5 512 MiB"):
        disk.assemble(tmp_path / "disk.img", TABLE, {5: content}, tmp_path)


def test_contents_lie_where_the_table_says_and_the_rest_is_a_hole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(disk, "run", lambda *command, **options: "")
    content = tmp_path / "1.fat"
    content.write_bytes(bytes(3 * MIB) + b"written" + bytes(9))
    image = tmp_path / "disk.img"
    disk.assemble(image, TABLE, {1: content}, tmp_path)
    with image.open("rb") as file:
        file.seek((TABLE[0].start_mib + 3) * MIB)
        assert file.read(7) == b"written"
    assert image.stat().st_size == disk_mib(TABLE) * MIB
    assert image.stat().st_blocks * 512 <= 2 * MIB
