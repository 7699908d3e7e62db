"""Where V4L2 nodes are in the file system, and by which path a camera is the same after a restart.

Reads folders and links of `dev` only; nothing is opened. Used by `list` and `m2m`.
"""

from pathlib import Path
from typing import Final

_STABLE_FOLDERS: Final = ("by-id", "by-path")  # udev: a camera with a serial number, else the port it hangs on


def video_nodes(root: Path) -> list[str]:
    """Return the paths of all video nodes, in the order of their numbers; `root` is the folder that `dev` is in."""
    names = [node.name for node in (root / "dev").glob("video*")]
    numbers = sorted(int(name[5:]) for name in names if name[5:].isdecimal())
    return [str(root / "dev" / f"video{number}") for number in numbers]


def stable_path(root: Path, node: str) -> str:
    """Return udev's link to a node, the best there is; the node itself when it has none."""
    for folder in _STABLE_FOLDERS:
        for link in sorted((root / "dev" / "v4l" / folder).glob("*")):
            if link.resolve() == Path(node).resolve():
                return str(link)
    return node


def node_name(device: str) -> str:
    """Return the kernel's name of a device given by any path: `video0`."""
    return Path(device).resolve().name
