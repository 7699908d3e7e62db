"""Which programs grow the data partition, in which order, and when none runs.

tests/image runs the programs themselves.
"""

from collections.abc import Sequence
from pathlib import Path

import pytest

from edge_streamer.appliance.growth import grow_data
from edge_streamer.appliance.paths import Paths
from edge_streamer.appliance.slot import Slot
from tests.appliance.test_partition_table import disk, superblock

DISK_SECTORS = 4_194_304
GROWN = DISK_SECTORS - 63488, DISK_SECTORS - 155648


class Card:
    """A disk and its data partition as files, and what the kernel says of them."""

    def __init__(self, root: Path) -> None:
        self.disk, self.data = root / "vda", root / "vda7"
        self.slot = Slot(slot="a", disk=str(self.disk), data=str(self.data), data_state="ok")
        self.paths = Paths.below(root)
        self.commands: list[str] = []
        self.put(disk(), data_sectors=40_960, file_system_bytes=40_960 * 512)

    def put(self, sectors: dict[int, bytes], data_sectors: int, file_system_bytes: int) -> None:
        with self.disk.open("wb") as file:
            for number, content in sectors.items():
                file.seek(number * 512)
                file.write(content)
        self.data.write_bytes(bytes(1024) + superblock(file_system_bytes // 4096, 2, is_64_bit=True))
        for name, size in (("vda", DISK_SECTORS), ("vda7", data_sectors)):
            folder = self.paths.block_devices / name
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "size").write_text(f"{size}\n")
            (folder / "partition").write_text("7\n")

    def run(self, command: Sequence[str], text: str = "") -> str:
        self.commands.append(" ".join([command[0], *command[-3:]]))
        if command[0] == "sfdisk":
            assert text == ", +\n"
            assert {"--no-reread", "--wipe", "never"} <= set(command)
        if command[0] == "partx":
            (self.paths.block_devices / "vda7" / "size").write_text(f"{GROWN[1]}\n")
        return ""


@pytest.fixture
def card(tmp_path: Path) -> Card:
    return Card(tmp_path)


def test_partition_table_then_kernel_then_file_system(card: Card) -> None:
    assert grow_data(card.slot, card.paths, card.run)
    assert card.commands == [
        f"sfdisk -N 4 {card.disk}",
        f"sfdisk -N 7 {card.disk}",
        f"partx --nr 7 {card.disk}",
        f"resize2fs resize2fs {card.data}",
    ]


def test_a_card_that_is_grown_is_left_alone(card: Card) -> None:
    card.put(disk(*GROWN), GROWN[1], GROWN[1] * 512)
    assert not grow_data(card.slot, card.paths, card.run)
    assert card.commands == []


def test_a_file_system_that_a_power_cut_left_small_is_grown(card: Card) -> None:
    card.put(disk(*GROWN), GROWN[1], 40_960 * 512)
    assert grow_data(card.slot, card.paths, card.run)
    assert card.commands == [f"resize2fs resize2fs {card.data}"]


@pytest.mark.parametrize("slot", [Slot(), Slot(disk="vda"), Slot(disk="vda", data="vda7", data_state="memory")])
def test_without_a_data_partition_there_is_nothing_to_grow(card: Card, slot: Slot) -> None:
    assert not grow_data(slot, card.paths, card.run)
    assert card.commands == []


def test_another_table_is_left_alone(card: Card) -> None:
    card.disk.write_bytes(bytes(1 << 20))
    with pytest.raises(ValueError, match="signature"):
        grow_data(card.slot, card.paths, card.run)
    assert card.commands == []
