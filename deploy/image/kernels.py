"""The kernels of a tree: which there are, and the names that their files have on a boot partition."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.image.tools import BuildError


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel that a board's firmware starts."""

    release_ends: str = ""
    """How its `uname -r` ends, which tells it from the other kernels of the board."""
    file: str = "vmlinuz"
    initramfs: str = "initrd.img"


def releases(tree: Path, kernels: Sequence[Kernel]) -> Mapping[Kernel, str]:
    """Return what `uname -r` will say of each; BuildError when one is missing or is there twice."""
    return {kernel: _release(tree, kernel.release_ends) for kernel in kernels}


def _release(tree: Path, ends: str) -> str:
    found = sorted(path.name for path in (tree / "usr/lib/modules").glob(f"*{ends}"))
    if len(found) != 1:
        raise BuildError(f"the tree needs one kernel *{ends}, and has {', '.join(found) or 'none'}")
    return found[0]


def take_boot_files(tree: Path, folder: Path, kernels: Sequence[Kernel]) -> None:
    """Move each kernel and its initramfs out of the tree into a folder, under their names on the boot partition."""
    folder.mkdir(parents=True, exist_ok=True)
    for kernel, release in releases(tree, kernels).items():
        for name, target in ((f"vmlinuz-{release}", kernel.file), (f"initrd.img-{release}", kernel.initramfs)):
            if not (tree / "boot" / name).is_file():
                raise BuildError(f"the tree has no /boot/{name}")
            shutil.move(tree / "boot" / name, folder / target)
    for left in (*(tree / "boot").iterdir(), *tree.glob("vmlinuz*"), *tree.glob("initrd.img*")):
        if left.is_symlink() or not left.is_dir():
            left.unlink()  # the kernels' configuration, and links to what was moved
