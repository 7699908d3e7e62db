"""The boards that an image is made for: what differs between them, and nothing that all of them share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.image import efi

FAT: Final = "c"
"""MBR type of a FAT32 partition with LBA addresses."""
EFI_SYSTEM: Final = "ef"
"""MBR type of an EFI system partition, which operating systems do not show to people."""


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
            initramfs_modules=(*_VIRTIO, "nvme", "ahci", "ata_piix", "sdhci_pci", "sdhci_acpi", "mmc_block", "xhci_pci", "ehci_pci", "uas", "usb_storage"),
            consoles=("tty0", "ttyS0,115200"),
            boot_partition_type=EFI_SYSTEM,
            fill_boot_partition=efi.fill_amd64,
        ),
    )
}
