"""The data partition of the image's layout is grown by the real sfdisk and resize2fs, in files instead of a disk."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from deploy.image.layout import ALIGNMENT_MIB, DISK_ID, EXTENDED, SECTOR_BYTES, disk_mib, partitions, sfdisk_script
from edge_streamer.appliance.commands import run_command
from edge_streamer.appliance.growth import grow_data
from edge_streamer.appliance.partition_table import ext4_size_bytes, read_partitions
from edge_streamer.appliance.paths import Paths
from edge_streamer.appliance.slot import Slot

CARD_BYTES: Final = 8 << 30
TABLE: Final = partitions("c")
DATA_BYTES: Final = TABLE[-1].size_mib << 20


class Card:
    """A card of 8 GB that the image was written to; the kernel's part is played by `partx`."""

    def __init__(self, folder: Path) -> None:
        self.disk, self.data = folder / "vda", folder / "vda7"
        self.slot = Slot(slot="a", disk=str(self.disk), data=str(self.data), data_state="ok")
        self.paths = Paths.below(folder)
        self.commands: list[str] = []
        self.cut_after = 0
        self.disk.touch()
        os.truncate(self.disk, disk_mib(TABLE) << 20)
        run_command(["sfdisk", "--quiet", str(self.disk)], sfdisk_script(TABLE))
        os.truncate(self.disk, CARD_BYTES)
        run_command(["mke2fs", "-q", "-t", "ext4", str(self.data), f"{DATA_BYTES >> 10}k"])
        self.restart()

    def restart(self) -> None:
        """Have the kernel read the table: the device of p7 is as large as the table says."""
        sectors = read_partitions(self._sector)[1][-1].size
        os.truncate(self.data, sectors * SECTOR_BYTES)
        for name, size in (("vda", CARD_BYTES // SECTOR_BYTES), ("vda7", sectors)):
            folder = self.paths.block_devices / name
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "size").write_text(f"{size}\n")
            (folder / "partition").write_text("7\n")

    def run(self, command: Sequence[str], text: str = "") -> str:
        if self.cut_after and len(self.commands) == self.cut_after:
            raise KeyboardInterrupt
        self.commands.append(command[0])
        if command[0] == "partx":
            self.restart()
            return ""
        before = self._table()
        said = run_command(command, text)
        assert sum(old != new for old, new in zip(before, self._table(), strict=True)) <= 1, "one sector a call"
        return said

    def ends(self) -> list[int]:
        extended, logical = read_partitions(self._sector)
        return [each.end * SECTOR_BYTES for each in (extended, *logical)]

    def file_system_bytes(self) -> int:
        with self.data.open("rb") as file:
            file.seek(1024)
            return ext4_size_bytes(file.read(1024))

    def _table(self) -> list[bytes]:
        """The sectors before the logical partitions, which have all of the table."""
        logical = (each for each in TABLE if each.number > EXTENDED)
        starts = [0, *((each.start_mib - ALIGNMENT_MIB) << 20 for each in logical)]
        return [self._sector(start // SECTOR_BYTES) for start in starts]

    def _sector(self, number: int) -> bytes:
        with self.disk.open("rb") as file:
            file.seek(number * SECTOR_BYTES)
            return file.read(SECTOR_BYTES)


@pytest.fixture
def card(tmp_path: Path) -> Card:
    return Card(tmp_path)


def test_the_data_partition_grows_to_the_end_of_the_card(card: Card) -> None:
    before = card.ends()
    assert grow_data(card.slot, card.paths, card.run)
    assert card.commands == ["sfdisk", "sfdisk", "partx", "resize2fs"]
    extended, root_a, root_b, data = card.ends()
    assert (root_a, root_b) == (before[1], before[2])
    assert data == extended == CARD_BYTES
    assert card.file_system_bytes() > CARD_BYTES - before[2] - (8 << 20)
    subprocess.run(["e2fsck", "-f", "-n", str(card.data)], check=True, capture_output=True)
    label = subprocess.run(["sfdisk", "--disk-id", str(card.disk)], check=True, capture_output=True, text=True).stdout
    assert label.strip() == f"0x{DISK_ID:08x}"

    assert not grow_data(card.slot, card.paths, card.run)
    assert len(card.commands) == 4


@pytest.mark.parametrize("cut_after", [1, 2, 3])
def test_the_next_boot_completes_what_a_power_cut_ended(card: Card, cut_after: int) -> None:
    card.cut_after = cut_after
    with pytest.raises(KeyboardInterrupt):
        grow_data(card.slot, card.paths, card.run)
    subprocess.run(["sfdisk", "--verify", "--quiet", str(card.disk)], check=True, capture_output=True)
    card.cut_after = 0
    card.restart()
    assert grow_data(card.slot, card.paths, card.run)
    assert card.ends()[-1] == CARD_BYTES
    assert card.file_system_bytes() > CARD_BYTES - (2 << 30)
