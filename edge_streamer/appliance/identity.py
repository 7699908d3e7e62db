"""Which device this is: its serial number, the host name that it has without a name of its own, its machine id.

None of these changes when the card is written anew, except the machine id.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from edge_streamer.appliance.durable import replace_file
from edge_streamer.appliance.paths import Paths
from edge_streamer.device.small_files import read_text

SUFFIX_CHARACTERS: Final = 6
INTERFACE_TRIES: Final = 50
INTERFACE_PAUSE_S: Final = 0.2
_NO_SERIAL: Final = frozenset(
    {"", "0", "none", "notspecified", "notapplicable", "tobefilledbyoem", "systemserialnumber", "defaultstring"}
)
"""What makers of PCs leave in DMI, without spaces, dots and case."""
_MACHINE_ID: Final = re.compile(r"[0-9a-f]{32}\n?")
_VIRTUAL: Final = "virtual"
"""Interfaces without hardware (lo, bridges, tunnels) are links below /sys/devices/virtual."""


def read_serial(paths: Paths) -> str:
    """Return the serial number of the board, empty where it has none."""
    return _serial_in(paths.device_tree_serial) or _serial_in(paths.dmi_serial)


def find_mac(paths: Paths, kept: str, sleep: Callable[[float], None]) -> str:
    """Return the MAC address, as twelve digits, that stands for the serial number of a board that has none.

    It is `kept`, the one of the boots before, as long as an interface has it or there is no interface; else the first
    one's. The drivers of interfaces start at the same time as this program, so it waits for one; empty when none comes.
    """
    for _ in range(INTERFACE_TRIES):
        found = list(_macs(paths.interfaces))
        if found:
            return kept if kept in found else found[0]
        sleep(INTERFACE_PAUSE_S)
    return kept


def default_host_name(serial: str) -> str:
    """Return `edge-` and the last six letters and digits of the serial number; `edge-camera` without one."""
    known = re.sub(r"[^a-z0-9]", "", serial.lower())[-SUFFIX_CHARACTERS:]
    return f"edge-{known or 'camera'}"


def keep_machine_id(paths: Paths) -> None:
    """Keep the machine id of the first boot for every later one; OSError when it cannot be written.

    The root is read-only, so systemd makes an id for the boot when the initramfs has no kept one to bind over the
    file. An id is kept whole or not at all, and never replaced.
    """
    if _is_machine_id(paths.kept_machine_id) or not _is_machine_id(paths.machine_id):
        return
    replace_file(paths.kept_machine_id, paths.machine_id.read_bytes(), mode=0o444)


def _is_machine_id(file: Path) -> bool:
    try:
        return _MACHINE_ID.fullmatch(file.read_text()) is not None
    except (OSError, UnicodeDecodeError):
        return False


def _serial_in(file: Path) -> str:
    """The device tree's string ends with a zero byte; a file that only root may read, or that is not there, is none."""
    try:
        text = file.read_bytes().decode("ascii", errors="replace")
    except OSError:
        return ""
    serial = text.strip("\0 \n")
    plain = re.sub(r"[\s.]", "", serial.lower())
    is_usable = serial.isascii() and serial.isprintable() and plain not in _NO_SERIAL and set(plain) != {"0"}
    return serial[:64] if is_usable else ""


def _macs(interfaces: Path) -> Iterator[str]:
    """Sorted by name: `eth0` and `en...` come before `wlan0`, so a Wi-Fi stick changes nothing."""
    for interface in sorted(interfaces.glob("*")) if interfaces.is_dir() else ():
        if _VIRTUAL in interface.resolve().parts:
            continue
        address = read_text(interface / "address").replace(":", "")  # bonding_masters beside them is a file
        if re.fullmatch(r"[0-9a-f]{12}", address) and address != "0" * 12:
            yield address
