"""The boards that an image is made for: what differs between them, and nothing that all of them share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.image import efi, raspberry_pi
from deploy.image.kernels import Kernel
from deploy.image.raspberry_pi import DEBIAN, VENDOR, Recipe
from deploy.image.rpi_archive import RpiArchive

FAT: Final = "c"
"""MBR type of a FAT32 partition with LBA addresses."""
EFI_SYSTEM: Final = "ef"
"""MBR type of an EFI system partition, which operating systems do not show to people."""
ONLY_AT_BOOT: Final = ("usr/lib/linux-image-*", "usr/lib/raspi-firmware", "usr/lib/systemd/boot", "boot/firmware")
"""What of a tree only the firmware reads, from a boot partition."""
NUMPY: Final = ("usr/lib/python3/dist-packages/numpy", "usr/lib/python3/dist-packages/numpy-*")
"""What python3-av depends on for arrays of pixels, of which we make none: 23 MB. picamera2 does."""


@dataclass(frozen=True, slots=True)
class Board:
    """One kind of machine, and how it starts."""

    name: str
    architecture: str
    """Debian's name of it."""
    packages: tuple[str, ...]
    """The kernel's, and what only this board needs."""
    initramfs_modules: tuple[str, ...]
    """The drivers of the disks that it starts from; those of the file systems belong to every board."""
    consoles: tuple[str, ...]
    """Values of `console=`; the last is /dev/console."""
    boot_partition_type: str
    fill_boot_partition: Callable[[Path, Path, str], None]
    """Given tree, folder and command line, puts into the folder what the board's firmware looks for."""
    kernels: tuple[Kernel, ...] = (Kernel(),)
    fill_config_partition: Callable[[Path, Path], None] = lambda tree, folder: None  # noqa: ARG005 - UEFI needs nothing
    """Given tree and folder, puts into the folder what the firmware looks for on the first partition."""
    archive: RpiArchive | None = None
    """A second source of packages."""
    left_out: tuple[str, ...] = (*ONLY_AT_BOOT, *NUMPY)
    """What is removed from the tree once the boot partitions have what they need of it."""


def raspberry_pi_board(archive: RpiArchive | None) -> Board:
    """Return BOARD=rpi: from Debian's packages alone, or with the vendor's kernels and camera packages."""
    recipe: Recipe = DEBIAN if archive is None else VENDOR
    return Board(
        name="rpi",
        architecture="arm64",
        packages=recipe.packages,
        initramfs_modules=raspberry_pi.BOOT_MODULES,
        consoles=recipe.consoles,
        boot_partition_type=FAT,
        fill_boot_partition=lambda tree, folder, command_line: raspberry_pi.put(
            raspberry_pi.boot_files(tree, recipe, command_line), folder
        ),
        kernels=tuple(recipe.kernels),
        fill_config_partition=lambda tree, folder: raspberry_pi.put(raspberry_pi.config_files(tree), folder),
        archive=archive,
        left_out=ONLY_AT_BOOT if recipe is VENDOR else (*ONLY_AT_BOOT, *NUMPY),
    )


_VIRTIO: Final = ("virtio_pci", "virtio_mmio", "virtio_blk", "virtio_scsi", "sd_mod")

BOARDS: Final[Mapping[str, Board]] = {
    board.name: board
    for board in (
        Board(
            name="qemu",
            architecture="arm64",
            packages=("linux-image-arm64", "systemd-boot-efi"),
            initramfs_modules=_VIRTIO,
            consoles=("ttyAMA0",),
            boot_partition_type=EFI_SYSTEM,
            fill_boot_partition=efi.fill_arm64,
        ),
        Board(
            name="pc",
            architecture="amd64",
            packages=("linux-image-amd64", "systemd-boot-efi"),
            initramfs_modules=(
                *_VIRTIO,
                "nvme",
                "ahci",
                "ata_piix",
                "sdhci_pci",
                "sdhci_acpi",
                "mmc_block",
                "xhci_pci",
                "ehci_pci",
                "uas",
                "usb_storage",
            ),
            consoles=("tty0", "ttyS0,115200"),
            boot_partition_type=EFI_SYSTEM,
            fill_boot_partition=efi.fill_amd64,
        ),
        raspberry_pi_board(None),
    )
}
