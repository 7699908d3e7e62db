"""Which board this is, from the device tree that the kernel shows under `/proc/device-tree`.

It reads two small files; `config.profiles` draws the conclusions. Called by `cli`.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class BoardIdentity:
    """The device tree's `model`, for people, and `compatible`, most specific name first. Empty on a PC."""

    model: str
    compatible: tuple[str, ...]


def read_board(root: Path = Path("/")) -> BoardIdentity:
    """Return the board's identity; `root` is the folder that `proc` is in."""
    tree = root / "proc" / "device-tree"
    model = _read_strings(tree / "model")
    return BoardIdentity(model[0] if model else "", _read_strings(tree / "compatible"))


def _read_strings(file: Path) -> tuple[str, ...]:
    """A device-tree string list: each string ends with a zero byte (Devicetree Specification 0.4, section 2.2.4)."""
    try:
        content = file.read_bytes()
    except OSError:
        return ()
    return tuple(each.decode(errors="replace") for each in content.split(b"\0") if each)
