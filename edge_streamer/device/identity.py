"""Who made this machine, and its serial number: from the device tree of a board, or from the DMI tables of a PC.

It reads small files of /proc and /sys, which ask no hardware. Called by `info`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge_streamer.device.board import read_board
from edge_streamer.device.small_files import read_text

_FILLERS: Final = frozenset(
    ("", "default string", "none", "not applicable", "not specified", "system product name", "system serial number",
     "to be filled by o.e.m.", "to be filled by o.e.m", "unknown")
)  # fmt: skip
"""What the makers of PC boards leave in a DMI table that they did not fill in; compared in lower case."""


@dataclass(frozen=True, slots=True)
class MachineIdentity:
    """Model and serial number; None where this machine does not tell, or not to this user."""

    model: str | None
    serial: str | None


def read_identity(root: Path = Path("/")) -> MachineIdentity:
    """Return the machine's identity; `root` is the folder that `proc` and `sys` are in.

    The serial number of a PC is for root only (`/sys/class/dmi/id/product_serial`).
    """
    dmi = root / "sys/class/dmi/id"
    model = read_board(root).model or " ".join(
        text for name in ("sys_vendor", "product_name") if (text := _filled_in(dmi / name))
    )
    serial = _filled_in(root / "proc/device-tree/serial-number") or _filled_in(dmi / "product_serial")
    return MachineIdentity(model or None, serial)


def _filled_in(file: Path) -> str | None:
    text = read_text(file)
    return None if text.lower() in _FILLERS else text
