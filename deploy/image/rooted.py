"""Run programs as root of a tree, whoever builds: root itself, or a user in a user namespace of his own.

A user's namespace makes him root and gives him his subordinate user numbers (`/etc/subuid`) for all other owners. So a
tree's files have their owners on the disk, each moved by the same map, and what is read through the map, by mksquashfs
or tar, has them as they are. A file that the user writes from outside belongs to the tree's root.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from deploy.image.tools import PATH, run

_ENTER: Final = """
tree=$1; shift
mount -t proc proc "$tree/proc" || mount --rbind /proc "$tree/proc"
mount -t tmpfs -o mode=755 dev "$tree/dev"
for name in null zero full random urandom; do
  : > "$tree/dev/$name"; mount --bind "/dev/$name" "$tree/dev/$name"
done
ln -s /proc/self/fd "$tree/dev/fd"
exec chroot "$tree" "$@"
"""
"""A chroot with what the scripts of packages expect. The mounts end with the mount namespace."""


def run_as_root(*command: str | Path, environment: Mapping[str, str] | None = None) -> str:
    """Return what a program prints that sees and sets a tree's owners as root does."""
    return run(*_namespace(), *command, environment=environment)


def run_inside(tree: Path, *command: str, environment: Mapping[str, str] | None = None) -> str:
    """Return what a program of the tree prints, which runs with the tree as its file system."""
    clean = ["env", "-i", f"PATH={PATH}", "LC_ALL=C.UTF-8", "TZ=UTC", "DEBIAN_FRONTEND=noninteractive"]
    clean += [f"{name}={value}" for name, value in (environment or {}).items()]
    return run(
        *_namespace("--mount", "--pid", "--fork", "--kill-child"), "sh", "-euc", _ENTER, "sh", tree, *clean, *command
    )


def _namespace(*options: str) -> list[str]:
    if os.geteuid() == 0:
        return ["unshare", *options] if options else []
    return ["unshare", "--map-root-user", "--map-auto", *options]
