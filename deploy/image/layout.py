"""Where everything lies on the disk: one layout for all boards.

The table is an MBR: the boot loaders of Raspberry Pis fail with a GPT beside `autoboot.txt` (rpi-eeprom issues 654,
818, 854; firmware issue 1733). Four primary partitions are too few, so the fourth is an extended one.

    p1 CONFIG  FAT   what people write, and what the device tells them
    p2 boot A  FAT   kernel, initramfs, firmware, command line of slot A
    p3 boot B  FAT   the same of slot B; empty until the first update
    p4         extended, to the end of the disk
    p5 root A        read-only file system of slot A
    p6 root B        the same of slot B; empty until the first update
    p7 data    ext4  grows to the end of the disk at the first boot

Every partition starts at a multiple of 4 MiB, the erase block of common cards.
"""

from dataclasses import dataclass
from typing import Final

MIB: Final = 1 << 20
SECTOR_BYTES: Final = 512
ALIGNMENT_MIB: Final = 4
DISK_ID: Final = 0xED6E57A1
"""The same in every image: an update brings boot partitions whose command lines name the root by it. It is the
signature of an MBR, and with a number the PARTUUID of a partition."""
EXTENDED: Final = 4
_LINUX: Final = "83"
_EXTENDED_TYPE: Final = "f"
_FAT_TYPE: Final = "c"


@dataclass(frozen=True, slots=True)
class Partition:
    """One entry of the table."""

    number: int
    start_mib: int
    size_mib: int
    type_code: str

    @property
    def end_mib(self) -> int:
        """The first mebibyte behind it."""
        return self.start_mib + self.size_mib


CONFIG_MIB: Final = 64
BOOT_MIB: Final = 96
ROOT_MIB: Final = 512
DATA_MIB: Final = 64


def partitions(boot_type: str) -> tuple[Partition, ...]:
    """Return the table in order of the numbers; `boot_type` is what the board's firmware wants of p2 and p3."""
    config = Partition(1, ALIGNMENT_MIB, CONFIG_MIB, _FAT_TYPE)
    boot_a = Partition(2, config.end_mib, BOOT_MIB, boot_type)
    boot_b = Partition(3, boot_a.end_mib, BOOT_MIB, boot_type)
    # In front of each logical partition lies the sector that describes it, and with it the alignment's distance.
    root_a = Partition(5, boot_b.end_mib + ALIGNMENT_MIB, ROOT_MIB, _LINUX)
    root_b = Partition(6, root_a.end_mib + ALIGNMENT_MIB, ROOT_MIB, _LINUX)
    data = Partition(7, root_b.end_mib + ALIGNMENT_MIB, DATA_MIB, _LINUX)
    extended = Partition(EXTENDED, boot_b.end_mib, data.end_mib - boot_b.end_mib, _EXTENDED_TYPE)
    return (config, boot_a, boot_b, extended, root_a, root_b, data)


def disk_mib(table: tuple[Partition, ...]) -> int:
    """Return the size of the image's file."""
    return max(partition.end_mib for partition in table)


def sfdisk_script(table: tuple[Partition, ...]) -> str:
    """Return the table as `sfdisk` reads it."""
    lines = ["label: dos", f"label-id: 0x{DISK_ID:08x}", "unit: sectors", ""]
    sectors = MIB // SECTOR_BYTES
    lines += [
        f"{p.number} : start={p.start_mib * sectors}, size={p.size_mib * sectors}, type={p.type_code}" for p in table
    ]
    return "\n".join(lines) + "\n"


def part_uuid(number: int) -> str:
    """Return what the kernel and udev call a partition of this disk."""
    return f"{DISK_ID:08x}-{number:02x}"


def root_command_line(consoles: tuple[str, ...], slot: str) -> str:
    """Return the kernel's command line for `slot`, "a" or "b"."""
    number = {"a": 5, "b": 6}[slot]
    root = f"root=PARTUUID={part_uuid(number)} rootfstype=squashfs ro rootwait"
    return " ".join([root, *(f"console={console}" for console in consoles), "panic=10 net.ifnames=0 quiet"])
