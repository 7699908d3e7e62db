"""Our own files onto a board's Debian: the package, the overlay, the initramfs, the facts of the image."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from deploy.image.boards import Board
from deploy.image.rooted import run_as_root, run_inside

HERE: Final = Path(__file__).parent
OVERLAY: Final = HERE / "root"
INITRAMFS: Final = HERE / "initramfs"
FACTS: Final = Path("usr/lib/edge_streamer/image.json")


def unpack(archive: Path, tree: Path) -> None:
    """Make the tree from a base tree's archive."""
    remove(tree)
    tree.mkdir(parents=True)
    options = ("--zstd", "--numeric-owner", "--same-owner", "--same-permissions", "--exclude=./dev/*")
    run_as_root("tar", "--extract", "--file", archive, "--directory", tree, *options)


def remove(tree: Path) -> None:
    """Remove a tree, whoever owns its files."""
    if tree.exists():
        run_as_root("rm", "-rf", tree)


def install_package(tree: Path, package: Path, epoch_s: int) -> None:
    """Install a .deb whose dependencies are there; BuildError names those that are not."""
    shutil.copyfile(package, tree / package.name)
    run_inside(tree, "dpkg", "--install", f"/{package.name}", environment={"SOURCE_DATE_EPOCH": str(epoch_s)})
    (tree / package.name).unlink()
    run_as_root("rm", "-f", tree / "var/log/dpkg.log")  # it has the time of the build, and no reader on a device


def lay_over(tree: Path, overlay: Path) -> None:
    """Copy every file and link of the overlay to the same place in the tree; the owner of all is root."""
    for path in sorted(overlay.rglob("*")):
        target = tree / path.relative_to(overlay)
        if path.is_dir() and not path.is_symlink():
            target.mkdir(mode=0o755, exist_ok=True)
            continue
        target.unlink(missing_ok=True)
        shutil.copy2(path, target, follow_symlinks=False)
        if not path.is_symlink():
            target.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)


def settle(tree: Path) -> None:
    """Enable what the overlay's preset lists and disable all else; take out what belongs to one device only."""
    run_inside(tree, "systemctl", "preset-all")
    for key in (tree / "etc/ssh").glob("ssh_host_*"):  # a package's script has made them; each device makes its own
        key.unlink()
    # Empty, and not missing: systemd then takes an id for this boot, and does not think that it is the first of all.
    (tree / "etc/machine-id").write_text("")


def leave_out(tree: Path, paths: Sequence[str]) -> None:
    """Remove what the patterns match: the boot partitions have it, and nothing of the running system reads it."""
    found = [path for pattern in paths for path in sorted(tree.glob(pattern))]
    if found:
        run_as_root("rm", "-rf", *found)


def write_facts(tree: Path, facts: Mapping[str, object]) -> None:
    """Write what the device says of its image."""
    file = tree / FACTS
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(facts, indent=1) + "\n")


def make_initramfs(tree: Path, board: Board, epoch_s: int) -> None:
    """Have the tree make its initramfs, with our step in it and the drivers of the board's disks."""
    configuration = tree / "etc/initramfs-tools"
    lay_over(configuration, INITRAMFS)
    (configuration / "conf.d").mkdir(exist_ok=True)
    (configuration / "conf.d/edge_streamer").write_text("MODULES=list\nCOMPRESS=zstd\n")
    (configuration / "modules").write_text("".join(f"{module}\n" for module in board.initramfs_modules))
    run_inside(tree, "update-initramfs", "-c", "-k", "all", environment={"SOURCE_DATE_EPOCH": str(epoch_s)})
