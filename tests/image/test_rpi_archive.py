"""BOARD=rpi with RPI_ARCHIVE: packages, pins and places, with the builder's own steps and an archive of stand-ins.

Debian's archive is the real one. The packages are unpacked and not configured, so nothing of another architecture runs.
"""

from pathlib import Path

import pytest

from deploy.image.base_tree import fetch
from deploy.image.boards import Board, raspberry_pi_board
from deploy.image.file_systems import make_fat
from deploy.image.kernels import take_boot_files
from deploy.image.layout import BOOT_MIB, CONFIG_MIB
from deploy.image.rpi_archive import ORIGIN, rpi_archive
from tests.support.debian_root import run
from tests.support.stand_in_archive import PACKAGES, PI_5, V8, StandInArchive, stood_for

NOT_TAKEN = "wireless-regdb"
pytestmark = pytest.mark.slow  # some ten seconds, for Debian's lists of packages


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> StandInArchive:
    made = StandInArchive(tmp_path_factory.mktemp("archive"))
    made.make(ORIGIN)
    return made


@pytest.fixture(scope="module")
def board(archive: StandInArchive) -> Board:
    return raspberry_pi_board(rpi_archive(archive.source, None))


@pytest.fixture(scope="module")
def tree(board: Board, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the board's own packages and what they depend on, unpacked; with an initramfs as it would be made."""
    folder = tmp_path_factory.mktemp("trees")
    options = ("--variant=extract", f"--architectures={board.architecture}", f"--include={','.join(board.packages)}")
    fetch(board, folder / "tree", folder, [*options, '--aptopt=APT::Install-Recommends "false"'])
    for release in (V8, PI_5):
        (folder / "tree/boot" / f"initrd.img-{release}").write_text(f"initramfs of {release}")
    return folder / "tree"


@pytest.fixture(scope="module")
def partitions(board: Board, tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the FAT file systems, `1.fat` and `2.fat`."""
    folder = tmp_path_factory.mktemp("partitions")
    for name in ("config", "boot"):
        (folder / name).mkdir()
    take_boot_files(tree, folder / "boot", board.kernels)
    board.fill_boot_partition(tree, folder / "boot", "root=PARTUUID=00000001-05 ro")
    board.fill_config_partition(tree, folder / "config")
    make_fat(folder / "1.fat", CONFIG_MIB, "CONFIG", folder / "config", b"1234", 1_700_000_000)
    make_fat(folder / "2.fat", BOOT_MIB, "BOOT-A", folder / "boot", b"5678", 1_700_000_000)
    return folder


def read(partition: Path, name: str) -> str:
    return run("mtype", "-i", str(partition), f"::{name}")


@pytest.mark.parametrize("package", [one for one in PACKAGES if one.name != NOT_TAKEN], ids=lambda one: one.name)
def test_a_named_package_comes_from_the_archive_also_where_debians_is_newer(tree, partitions, package):
    there = [file for file in package.files if not file.startswith("boot/")]  # those were taken for the partitions
    assert [stood_for(tree / file) for file in there] == [package.name] * len(there)


def test_every_other_package_stays_debians_also_where_the_archives_is_newer(tree):
    assert stood_for(tree / "usr/lib/firmware/regulatory.db-debian") is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("kernel8.img", f"stand-in for linux-image-{V8} "),
        ("initramfs8", f"initramfs of {V8}"),
        ("kernel_2712.img", f"stand-in for linux-image-{PI_5} "),
        ("initramfs_2712", f"initramfs of {PI_5}"),
        ("start.elf", "stand-in for raspi-firmware "),
        ("fixup4.dat", "stand-in for raspi-firmware "),
        ("bcm2710-rpi-zero-2-w.dtb", f"stand-in for linux-image-{V8} "),
        ("bcm2712-rpi-5-b.dtb", f"stand-in for linux-image-{PI_5} "),
        ("bcm2712-rpi-cm5-cm5io.dtb", f"stand-in for linux-image-{PI_5} "),
        ("overlays/imx708.dtbo", f"stand-in for linux-image-{V8} "),
        ("overlays/README", f"stand-in for linux-image-{V8} "),
        ("cmdline.txt", "root=PARTUUID=00000001-05 ro\n"),
    ],
)
def test_a_boot_partition_has_the_file_of_the_right_package(partitions, name, expected):
    assert read(partitions / "2.fat", name).startswith(expected)


def test_a_boot_partition_has_the_configuration_for_cameras(partitions):
    lines = read(partitions / "2.fat", "config.txt").splitlines()
    assert "camera_auto_detect=1" in lines
    assert "auto_initramfs=1" in lines


def test_the_first_partition_names_the_slots_and_has_the_bootloader(partitions):
    assert read(partitions / "1.fat", "autoboot.txt").startswith("[all]\ntryboot_a_b=1\nboot_partition=2\n")
    assert read(partitions / "1.fat", "bootcode.bin").startswith("stand-in for raspi-firmware ")
