"""BOARD=rpi from Debian alone: kernel, firmware and device trees of the real packages, at the places that boards read.

The packages are unpacked and not configured, so nothing of another architecture runs, and the initramfs is a stand-in.
"""

from pathlib import Path

import pytest

from deploy.image.base_tree import fetch
from deploy.image.boards import ONLY_AT_BOOT, raspberry_pi_board
from deploy.image.file_systems import make_fat
from deploy.image.kernels import take_boot_files
from deploy.image.layout import BOOT_MIB, CONFIG_MIB
from deploy.image.root_tree import leave_out
from tests.support.debian_root import run

pytestmark = pytest.mark.slow  # it unpacks a kernel of 100 MB
INITRAMFS_BYTES = 30 << 20
"""More than one with the drivers of every board has."""
BOARD = raspberry_pi_board(None)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trees")
    options = ("--variant=extract", f"--architectures={BOARD.architecture}", f"--include={','.join(BOARD.packages)}")
    fetch(BOARD, folder / "tree", folder, [*options, '--aptopt=APT::Install-Recommends "false"'])
    (kernel,) = (folder / "tree/boot").glob("vmlinuz-*")
    with kernel.with_name(kernel.name.replace("vmlinuz", "initrd.img")).open("wb") as file:
        file.truncate(INITRAMFS_BYTES)
    return folder / "tree"


@pytest.fixture(scope="module")
def partitions(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("partitions")
    for name in ("config", "boot"):
        (folder / name).mkdir()
    take_boot_files(tree, folder / "boot", BOARD.kernels)
    BOARD.fill_boot_partition(tree, folder / "boot", "root=PARTUUID=00000001-05 ro")
    BOARD.fill_config_partition(tree, folder / "config")
    leave_out(tree, ONLY_AT_BOOT)
    make_fat(folder / "1.fat", CONFIG_MIB, "CONFIG", folder / "config", b"1234", 1_700_000_000)
    make_fat(folder / "2.fat", BOOT_MIB, "BOOT-A", folder / "boot", b"5678", 1_700_000_000)
    return folder


def names(partition: Path) -> set[str]:
    return {line.removeprefix("::/") for line in run("mdir", "-b", "-i", str(partition), "::").splitlines()}


@pytest.mark.parametrize(
    "device_tree",
    ["bcm2837-rpi-zero-2-w", "bcm2837-rpi-3-b", "bcm2837-rpi-3-b-plus", "bcm2711-rpi-4-b", "bcm2711-rpi-cm4-io"],
)
def test_the_boot_partition_has_the_device_tree_of_each_board(partitions, device_tree):
    assert f"{device_tree}.dtb" in names(partitions / "2.fat")


def test_the_boot_partition_has_firmware_kernel_and_texts(partitions):
    expected = {
        "start.elf",
        "fixup.dat",
        "start4.elf",
        "fixup4.dat",
        "vmlinuz",
        "initrd.img",
        "config.txt",
        "cmdline.txt",
    }
    assert expected <= names(partitions / "2.fat")
    kernel = (partitions / "boot/vmlinuz").read_bytes()[:64]
    assert kernel[0x38:0x3C] == b"ARM\x64"


def test_the_first_partition_has_no_more_than_a_bootloader_needs(partitions):
    assert names(partitions / "1.fat") == {"autoboot.txt", "bootcode.bin"}


def test_the_root_holds_nothing_that_only_firmware_reads(tree, partitions):
    assert not (tree / "usr/lib/raspi-firmware").exists()
    assert not list((tree / "usr/lib").glob("linux-image-*"))


def test_wifi_has_its_firmware(tree):
    for chip in ("brcmfmac43430-sdio", "brcmfmac43455-sdio"):
        assert (tree / f"usr/lib/firmware/brcm/{chip}.bin").exists()
    for board in ("43430-sdio.raspberrypi,model-zero-2-w", "43455-sdio.raspberrypi,4-model-b"):
        assert (tree / f"usr/lib/firmware/brcm/brcmfmac{board}.txt").exists()


def test_debians_kernel_still_has_no_driver_for_the_card_of_a_pi_5(tree):
    """Should this fail, a Pi 5 starts from Debian's kernel; docs/install.md and `imager_manifest` say it does not."""
    modules = next((tree / "usr/lib/modules").iterdir())
    there = {path.name.partition(".")[0] for path in modules.rglob("*.ko*")}
    there |= {Path(line).stem for line in (modules / "modules.builtin").read_text().splitlines()}
    assert "sdhci-iproc" in there  # a Pi 4's, and so the names are as they are thought to be
    assert "sdhci-brcmstb" not in there
