"""BOARD=rpi: which packages a Raspberry Pi's image has, and which file lies where on its FAT partitions.

There are two recipes, told apart by where the kernel comes from:

- `DEBIAN`: Debian's kernel and `raspi-firmware`. It has no driver of a CSI camera and of the H.264 encoder, so its
  pictures come from USB cameras or the test pattern. It has no driver of the SD controller of a Raspberry Pi 5 and of a
  Compute Module 5 (`CONFIG_MMC_SDHCI_BRCMSTB` is not set in 6.12), so these do not start from it.
- `VENDOR`: Raspberry Pi's kernels, firmware, libcamera and picamera2, from their archive (`rpi_archive`): for all
  boards and cameras.

How a board starts decides where the files lie:

- The ROM of a Zero 2 W or a Pi 3 reads `bootcode.bin` from the first FAT partition. `bootcode.bin` reads `autoboot.txt`
  there, and loads `start.elf` from the partition that this names. So `bootcode.bin` exists once and belongs to no slot;
  `start.elf` belongs to a slot.
- A Pi 4 or a Compute Module 4 has its bootloader in an EEPROM: it reads `autoboot.txt` of the first partition and loads
  `start4.elf` of the slot. A Pi 5's or a Compute Module 5's is firmware as well: it needs no `start.elf`.

The partition table is an MBR: with a GPT, boards were seen that do not start or that restart for ever when
`autoboot.txt` is there (rpi-eeprom issues 654, 818 and 854, firmware issue 1733).

The builder installs the packages; `config_files` and `boot_files` say which of their files go where.
Sources: Raspberry Pi's documentation, `autoboot.adoc`, `boot.adoc` and `conditional.adoc` of `config_txt`,
`bootflow-legacy.adoc` and `bootflow-eeprom.adoc` of `raspberry-pi`; noobs issue 390 for what `bootcode.bin` does;
Debian's hook `z50-raspi-firmware`.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.image.kernels import Kernel, releases
from deploy.image.tools import BuildError

AUTOBOOT_MAX_BYTES: Final = 512
"""What the bootloaders read of `autoboot.txt`: one sector, so that one write of a sector changes the slot."""
BOOT_PARTITIONS: Final[Mapping[str, int]] = {"a": 2, "b": 3}
"""Slot -> number of the partition whose `config.txt` is read."""
BOOT_MODULES: Final = (
    # A Pi 4's card needs its supply's regulators before its controller; a Zero 2 W's and a Pi 3's need none.
    "fixed",
    "gpio-regulator",
    "sdhci-iproc",
    "bcm2835",
    "sdhci-brcmstb",  # Pi 5, in the vendor's kernels, where it is built in: initramfs-tools passes over it
    # Disks at USB, and on PCIe.
    "reset-raspberrypi",
    "xhci-pci",
    "dwc2",
    "usb-storage",
    "uas",
    "nvme",
)
"""Modules that the initramfs needs on these boards beside those of the file systems."""
_OF_EVERY_SLOT: Final = ("start.elf", "fixup.dat", "start4.elf", "fixup4.dat")
"""For a Zero 2 W or Pi 3, and a Pi 4. Others are for the old camera stack (_x), debugging (_db), no video (_cd)."""

Contents = Mapping[str, Path | bytes]
"""Path on a FAT partition -> the file to copy, or its bytes."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is installed beside the packages of every board, and how it is started."""

    packages: tuple[str, ...]
    kernels: Mapping[Kernel, tuple[str, ...]]
    """Each with the patterns of its device trees."""
    consoles: tuple[str, ...]
    """`console=` parameters; `/dev/console` is the last one."""
    config: str
    """The text of `config.txt`."""
    has_overlays: bool


_HEAD: Final = """\
# Raspberry Pi's bootloader reads this file of the running slot. It belongs to the image and is replaced with the slot:
# your settings are in edge-streamer.toml on the partition CONFIG.
[all]
arm_64bit=1
enable_uart=1
disable_splash=1
"""

DEBIAN: Final = Recipe(
    packages=("linux-image-arm64", "raspi-firmware", "firmware-brcm80211", "wireless-regdb"),
    kernels={Kernel("-arm64"): ("bcm2711-rpi-*.dtb", "bcm2712-rpi-*.dtb", "bcm2837-rpi-*.dtb")},
    # Linux names the mini UART of its own device trees ttyS1, and the firmware's word serial0 does not reach it.
    consoles=("tty0", "ttyS1,115200"),
    config=_HEAD
    + """\
# Device trees with Linux's own names, bcm2837-rpi-3-b.dtb rather than bcm2710-rpi-3-b.dtb.
upstream_kernel=1
kernel=vmlinuz
initramfs initrd.img followkernel
""",
    has_overlays=False,
)

VENDOR: Final = Recipe(
    packages=(
        "linux-image-rpi-v8",
        "linux-image-rpi-2712",
        "raspi-firmware",
        "firmware-brcm80211",
        "wireless-regdb",
        "libcamera-ipa",
        "python3-libcamera",
        "python3-picamera2",
    ),
    kernels={
        Kernel("+rpt-rpi-v8", "kernel8.img", "initramfs8"): ("bcm2710-rpi-*.dtb", "bcm2711-rpi-*.dtb"),
        Kernel("+rpt-rpi-2712", "kernel_2712.img", "initramfs_2712"): ("bcm2712*-rpi-*.dtb",),
    },
    consoles=("tty1", "serial0,115200"),  # the firmware writes the UART's real name for serial0
    config=_HEAD
    + """\
# A Pi 5 takes kernel_2712.img, the others kernel8.img, each with its own initramfs (initramfs_2712, initramfs8).
auto_initramfs=1
# The overlay of the camera that is plugged in, for each connector.
camera_auto_detect=1
dtparam=watchdog=on
# Bluetooth would take the good UART; nothing here uses it.
dtoverlay=disable-bt

# Memory for pictures: a camera's, and what goes to the encoder.
[pi0]
dtoverlay=cma,cma-128
[pi3]
dtoverlay=cma,cma-128
[pi4]
dtoverlay=cma,cma-256
[pi5]
dtoverlay=cma,cma-256

# The USB sockets of a carrier board are a host's.
[cm4]
otg_mode=1
[cm5]
dtoverlay=dwc2,dr_mode=host

[all]
""",
    has_overlays=True,
)


def autoboot_txt(slot: str) -> bytes:
    """Return `autoboot.txt` with `slot` as the one that starts, and the other as the one that `tryboot` tries once.

    Both texts have the same length, so that a change of the slot is the write of one sector and of nothing else.
    """
    other = "b" if slot == "a" else "a"
    text = (
        f"[all]\ntryboot_a_b=1\nboot_partition={BOOT_PARTITIONS[slot]}\n"
        f"[tryboot]\nboot_partition={BOOT_PARTITIONS[other]}\n"
    ).encode()
    assert len(text) <= AUTOBOOT_MAX_BYTES
    return text


def config_files(tree: Path) -> Contents:
    """Return what the first FAT partition holds for the bootloaders; BuildError when the tree lacks a file."""
    return {"autoboot.txt": autoboot_txt("a"), "bootcode.bin": _firmware_file(tree, "bootcode.bin")}


def boot_files(tree: Path, recipe: Recipe, command_line: str) -> Contents:
    """Return what a slot's boot partition holds beside kernels and initramfs; BuildError when the tree lacks a file.

    `command_line` is the kernel's, one line.
    """
    contents: dict[str, Path | bytes] = {
        "config.txt": recipe.config.encode(),
        "cmdline.txt": f"{command_line}\n".encode(),
    }
    contents |= {name: _firmware_file(tree, name) for name in _OF_EVERY_SLOT}
    found = releases(tree, tuple(recipe.kernels))
    if len({release.removesuffix(kernel.release_ends) for kernel, release in found.items()}) > 1:
        raise BuildError(f"{', '.join(found.values())}: kernels of one version are expected, as overlays fit only one")
    for kernel, release in found.items():
        contents |= _device_trees(tree, release, recipe.kernels[kernel])
    if recipe.has_overlays:
        contents |= _overlays(tree, next(iter(found.values())))
    return dict(sorted(contents.items()))


def put(contents: Contents, folder: Path) -> None:
    """Write the files below a folder."""
    for name, content in contents.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            target.write_bytes(content)
        else:
            shutil.copyfile(content, target)


def _device_trees(tree: Path, release: str, patterns: tuple[str, ...]) -> Contents:
    folder = tree / "usr/lib" / f"linux-image-{release}" / "broadcom"
    contents: dict[str, Path | bytes] = {}
    for pattern in patterns:
        found = sorted(folder.glob(pattern))
        if not found:
            raise BuildError(f"{folder.relative_to(tree)}/{pattern}: the kernel's package has no such device tree")
        contents |= {path.name: path for path in found}
    return contents


def _overlays(tree: Path, release: str) -> Contents:
    """Return the overlays; without `README` the firmware would not take them for the slot's own."""
    folder = tree / "usr/lib" / f"linux-image-{release}" / "overlays"
    files = [*folder.glob("*.dtbo"), folder / "README", folder / "overlay_map.dtb"]
    return {f"overlays/{path.name}": _file(tree, str(path.relative_to(tree)), "the kernel's package") for path in files}


def _firmware_file(tree: Path, name: str) -> Path:
    return _file(tree, f"usr/lib/raspi-firmware/{name}", "raspi-firmware")


def _file(tree: Path, path: str, comes_from: str) -> Path:
    found = tree / path
    if not found.is_file():
        raise BuildError(f"{path} is not in the tree; it comes from {comes_from}")
    return found
