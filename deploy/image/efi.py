"""The boot partition of machines with UEFI: the boot loader under the name that every firmware looks for.

The partition is complete in itself: systemd-boot reads its entries from the partition that it was loaded from, so an
update writes one partition, and UEFI's BootNext tries it once. Source: UEFI specification 2.10, section 3.5.1.1
(removable media boot behaviour); systemd-boot(7).
"""

import shutil
from pathlib import Path
from typing import Final

_LOADER: Final = "timeout 0\neditor no\nauto-entries no\nauto-firmware no\n"


def fill_amd64(tree: Path, folder: Path, command_line: str) -> None:
    """Put in what a 64-bit PC's firmware looks for."""
    _fill(tree, folder, command_line, "x64")


def fill_arm64(tree: Path, folder: Path, command_line: str) -> None:
    """Put in what the firmware of a 64-bit Arm machine looks for."""
    _fill(tree, folder, command_line, "aa64")


def _fill(tree: Path, folder: Path, command_line: str, machine: str) -> None:
    (folder / "EFI/BOOT").mkdir(parents=True)
    loader = tree / f"usr/lib/systemd/boot/efi/systemd-boot{machine}.efi"
    shutil.copyfile(loader, folder / f"EFI/BOOT/BOOT{machine.upper()}.EFI")
    (folder / "loader/entries").mkdir(parents=True)
    (folder / "loader/loader.conf").write_text(_LOADER)
    entry = f"title edge_streamer\nlinux /vmlinuz\ninitrd /initrd.img\noptions {command_line}\n"
    (folder / "loader/entries/edge.conf").write_text(entry)
