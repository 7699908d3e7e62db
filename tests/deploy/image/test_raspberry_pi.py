"""What lies where on a Raspberry Pi's FAT partitions, on trees with the files that the packages have."""

from pathlib import Path

import pytest

from deploy.image.raspberry_pi import (
    AUTOBOOT_MAX_BYTES,
    DEBIAN,
    VENDOR,
    Recipe,
    autoboot_txt,
    boot_files,
    config_files,
    put,
)
from deploy.image.tools import BuildError

FIRMWARE = ("bootcode.bin", "start.elf", "fixup.dat", "start4.elf", "fixup4.dat", "start_x.elf", "start4db.elf")
DEBIAN_RELEASE = "6.12.117+deb13-arm64"
# Files of linux-image-6.12.117+deb13-arm64 6.12.117-1, and of the vendor's kernel packages.
DEVICE_TREES = {
    DEBIAN_RELEASE: (
        "bcm2711-rpi-4-b", "bcm2711-rpi-cm4-io", "bcm2712-rpi-5-b", "bcm2837-rpi-3-b", "bcm2837-rpi-zero-2-w",
    ),
    "6.12.62+rpt-rpi-v8": (
        "bcm2710-rpi-3-b", "bcm2710-rpi-zero-2-w", "bcm2711-rpi-4-b", "bcm2711-rpi-cm4", "bcm2712-rpi-5-b",
    ),
    "6.12.62+rpt-rpi-2712": ("bcm2712-rpi-5-b", "bcm2712d0-rpi-5-b", "bcm2712-rpi-cm5-cm5io"),
}  # fmt: skip
BOARDS = {
    "Zero 2 W": ("bcm2837-rpi-zero-2-w.dtb", "bcm2710-rpi-zero-2-w.dtb"),
    "3 B": ("bcm2837-rpi-3-b.dtb", "bcm2710-rpi-3-b.dtb"),
    "4 B": ("bcm2711-rpi-4-b.dtb", "bcm2711-rpi-4-b.dtb"),
    "5": ("bcm2712-rpi-5-b.dtb", "bcm2712-rpi-5-b.dtb"),
}
"""Board -> the device tree that its firmware looks for with `upstream_kernel=1`, and without."""


def place(path: Path, content: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content or path.name)


def put_kernel(tree: Path, release: str) -> None:
    (tree / "usr/lib/modules" / release).mkdir(parents=True)
    package = tree / "usr/lib" / f"linux-image-{release}"
    for name in DEVICE_TREES.get(release, ("bcm2712-rpi-5-b",)):
        place(package / "broadcom" / f"{name}.dtb", f"{release} {name}")
    if "rpt" in release:
        for name in ("README", "overlay_map.dtb", "cma.dtbo", "disable-bt.dtbo", "imx219.dtbo"):
            place(package / "overlays" / name)


@pytest.fixture
def debian(tmp_path: Path) -> Path:
    for name in FIRMWARE:
        place(tmp_path / "usr/lib/raspi-firmware" / name)
    put_kernel(tmp_path, DEBIAN_RELEASE)
    return tmp_path


@pytest.fixture
def vendor(tmp_path: Path) -> Path:
    for name in FIRMWARE:
        place(tmp_path / "usr/lib/raspi-firmware" / name)
    for release in ("6.12.62+rpt-rpi-v8", "6.12.62+rpt-rpi-2712"):
        put_kernel(tmp_path, release)
    return tmp_path


def settings(recipe: Recipe) -> dict[str, list[str]]:
    """Return the lines of config.txt by filter."""
    lines: dict[str, list[str]] = {}
    section = "[all]"
    for line in recipe.config.splitlines():
        if line.startswith("["):
            section = line
        elif line and not line.startswith("#"):
            lines.setdefault(section, []).append(line)
    return lines


@pytest.mark.parametrize("slot", ["a", "b"])
def test_autoboot_fits_in_a_sector_and_tries_the_other_slot(slot):
    text = autoboot_txt(slot).decode()
    first, second = ("2", "3") if slot == "a" else ("3", "2")
    assert text.splitlines() == [
        "[all]", "tryboot_a_b=1", f"boot_partition={first}", "[tryboot]", f"boot_partition={second}",
    ]  # fmt: skip
    assert len(text) <= AUTOBOOT_MAX_BYTES


def test_a_change_of_the_slot_keeps_the_length_of_autoboot():
    assert len(autoboot_txt("a")) == len(autoboot_txt("b"))


def test_the_first_partition_has_the_bootloader_of_boards_without_an_eeprom_and_nothing_that_starts(debian):
    found = config_files(debian)
    assert sorted(found) == ["autoboot.txt", "bootcode.bin"]
    assert found["bootcode.bin"] == debian / "usr/lib/raspi-firmware/bootcode.bin"


@pytest.mark.parametrize("board", BOARDS)
def test_debians_kernel_has_a_device_tree_by_linux_own_name(debian, board):
    assert "upstream_kernel=1" in settings(DEBIAN)["[all]"]
    assert BOARDS[board][0] in boot_files(debian, DEBIAN, "root=x")


@pytest.mark.parametrize("board", BOARDS)
def test_the_vendors_kernel_has_a_device_tree_by_the_firmwares_name(vendor, board):
    assert "upstream_kernel=1" not in VENDOR.config
    assert BOARDS[board][1] in boot_files(vendor, VENDOR, "root=x")


def test_debians_boot_partition(debian):
    found = boot_files(debian, DEBIAN, "root=PARTUUID=00000001-05 ro")
    assert found["cmdline.txt"] == b"root=PARTUUID=00000001-05 ro\n"
    assert {"start.elf", "fixup.dat", "start4.elf", "fixup4.dat"} <= found.keys()
    assert not {"start_x.elf", "start4db.elf", "bootcode.bin"} & found.keys()
    (kernel,) = DEBIAN.kernels
    expected = {f"kernel={kernel.file}", f"initramfs {kernel.initramfs} followkernel", "arm_64bit=1"}
    assert expected <= set(settings(DEBIAN)["[all]"])


def test_the_vendors_kernels_have_the_names_that_the_firmware_chooses(vendor):
    assert [(kernel.file, kernel.initramfs) for kernel in VENDOR.kernels] == [
        ("kernel8.img", "initramfs8"),
        ("kernel_2712.img", "initramfs_2712"),
    ]
    everywhere = settings(VENDOR)["[all]"]
    assert {"auto_initramfs=1", "camera_auto_detect=1", "arm_64bit=1"} <= set(everywhere)
    assert not [line for line in everywhere if line.startswith(("kernel=", "initramfs "))]


def test_the_vendors_boot_partition_has_every_overlay_and_their_map(vendor):
    found = boot_files(vendor, VENDOR, "root=x")
    assert {"overlays/README", "overlays/overlay_map.dtb", "overlays/imx219.dtbo"} <= found.keys()
    named = {line.partition("=")[2].partition(",")[0] for line in VENDOR.config.splitlines() if "dtoverlay=" in line}
    assert named == {"disable-bt", "cma", "dwc2"}


def test_files_are_written_where_they_belong(vendor, tmp_path):
    put(boot_files(vendor, VENDOR, "root=x"), tmp_path / "boot")
    assert (tmp_path / "boot/overlays/imx219.dtbo").read_text() == "imx219.dtbo"
    assert (tmp_path / "boot/cmdline.txt").read_text() == "root=x\n"


def test_a_pi_5_takes_the_device_tree_of_its_own_kernel(vendor):
    found = boot_files(vendor, VENDOR, "root=x")
    assert Path(str(found["bcm2712-rpi-5-b.dtb"])).read_text() == "6.12.62+rpt-rpi-2712 bcm2712-rpi-5-b"


@pytest.mark.parametrize("recipe", [DEBIAN, VENDOR], ids=["debian", "vendor"])
def test_config_txt_ends_without_a_filter_and_names_no_overlay_that_is_not_there(recipe):
    sections = [line for line in recipe.config.splitlines() if line.startswith("[")]
    assert sections[0] == sections[-1] == "[all]"
    assert recipe.has_overlays or "dtoverlay" not in recipe.config
    assert all(
        len(line) <= 98 for line in recipe.config.splitlines() if not line.startswith("#")
    )  # the firmware's limit


def test_kernels_of_different_versions_are_refused(vendor):
    (vendor / "usr/lib/modules/6.12.62+rpt-rpi-2712").rmdir()
    put_kernel(vendor, "6.12.75+rpt-rpi-2712")
    with pytest.raises(BuildError, match=r"6\.12\.62\+rpt-rpi-v8, 6\.12\.75\+rpt-rpi-2712"):
        boot_files(vendor, VENDOR, "root=x")


@pytest.mark.parametrize("name", ["README", "overlay_map.dtb"])
def test_overlays_without_their_map_are_refused(vendor, name):
    (vendor / "usr/lib/linux-image-6.12.62+rpt-rpi-v8/overlays" / name).unlink()
    with pytest.raises(BuildError, match=name):
        boot_files(vendor, VENDOR, "root=x")


def test_a_kernel_without_device_trees_of_a_board_is_refused(vendor):
    for path in (vendor / "usr/lib/linux-image-6.12.62+rpt-rpi-v8/broadcom").glob("bcm2710*"):
        path.unlink()
    with pytest.raises(BuildError, match=r"bcm2710-rpi-\*\.dtb"):
        boot_files(vendor, VENDOR, "root=x")


def test_a_tree_without_firmware_says_which_package_has_it(debian):
    (debian / "usr/lib/raspi-firmware/bootcode.bin").unlink()
    with pytest.raises(BuildError, match=r"bootcode\.bin is not in the tree; it comes from raspi-firmware"):
        config_files(debian)
