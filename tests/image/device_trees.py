"""Device trees of QEMU's arm64 machine with the names of another board, by which the software knows a board."""

import subprocess
from pathlib import Path
from typing import Final

from tests.image.machine import ARM64

TOOL_DEADLINE_S: Final = 30.0


def run(*command: str) -> str:
    """Return what one of the device tree compiler's programs prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=TOOL_DEADLINE_S).stdout


def device_tree(folder: Path, model: str, compatible: str, *, memory_mib: int) -> Path:
    """Return the tree of the machine with that memory, with the names of a board."""
    tree = folder / "board.dtb"
    machine = f"virt,dumpdtb={tree}"
    run(ARM64.program, "-M", machine, *ARM64.options[2:], "-smp", str(ARM64.processors), "-m", str(memory_mib))
    run("fdtput", "-t", "s", str(tree), "/", "model", model)
    # The last is what the kernel has its own code for.
    run("fdtput", "-t", "s", str(tree), "/", "compatible", compatible, "linux,dummy-virt")
    return tree
