"""The V4L2 nodes in the file system.

It reads folders and links of `dev` only; no node is opened. Used by `list`, `m2m` and `key_frames`.
"""

from pathlib import Path


def video_nodes(root: Path) -> list[str]:
    """Return the paths of all video nodes, in the order of their numbers; `root` is the folder that `dev` is in."""
    names = [node.name for node in (root / "dev").glob("video*")]
    numbers = sorted(int(name[5:]) for name in names if name[5:].isdecimal())
    return [str(root / "dev" / f"video{number}") for number in numbers]


def node_name(device: str) -> str:
    """Return the kernel's name of a device given by any path: `video0`."""
    return Path(device).resolve().name
