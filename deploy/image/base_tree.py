"""Debian without our own files, as mmdebstrap makes it: the slow part, kept under a name made from its recipe.

A tree of another architecture is configured by emulated programs, ten times slower than this machine's own. What takes
long there and is the same on any machine is put off until the end, done once, or done by this machine: byte-compiling
Python (once), the index of kernel modules (this machine's depmod), the initramfs (`root_tree`).
"""

import fcntl
import hashlib
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from deploy.image.boards import Board
from deploy.image.contents import COMPONENTS, PACKAGES, SUITE, path_rules
from deploy.image.rpi_archive import mmdebstrap_options, preferences
from deploy.image.tools import PATH, BuildError, run

_PUT_OFF: Final = ("update-initramfs", "depmod", "py3compile", "py3clean")
"""Programs that the packages' scripts call by name; the same names in /usr/local/sbin are found before them."""
_PUT_OFF_HOOK: Final = (
    'mkdir -p "$1/usr/local/sbin"; for name in ' + " ".join(_PUT_OFF) + '; do printf "#!/bin/sh\\n" '
    '> "$1/usr/local/sbin/$name"; chmod 755 "$1/usr/local/sbin/$name"; done'
)
_TAKE_BACK_HOOK: Final = "for name in " + " ".join(_PUT_OFF) + '; do rm "$1/usr/local/sbin/$name"; done'
# Python's own modules are compiled by its packages. A read-only root's sources never change: `unchecked-hash` spares a
# look at each of them at every import, and the bytes do not depend on the time of the build.
_COMPILE_HOOK: Final = (
    'chroot "$1" python3 -m compileall -q -f -j 2 --invalidation-mode unchecked-hash /usr/lib/python3'
)
_MODULES_HOOK: Final = 'for folder in "$1"/lib/modules/*; do depmod -b "$1" "${folder##*/}"; done'
# mmdebstrap empties apt's folders itself, with its settings in the tree's /tmp: without these, its apt would empty the
# lists of packages of this machine.
_CLEAN_HOOK: Final = (
    'find "$1/tmp" -mindepth 1 -maxdepth 1 ! -name "mmdebstrap.apt.conf.*" -exec rm -rf {} +; '
    'rm -rf "$1"/var/cache/* "$1"/var/log/* "$1"/run/* "$1"/boot/initrd* "$1/var/lib/apt/extended_states" '
    '"$1"/usr/share/mime "$1"/usr/lib/python3.*/pydoc_data "$1"/usr/lib/python3.*/ensurepip "$1/etc/hostname" '
    '"$1/etc/.pwd.lock" "$1"/etc/*- "$1"/var/lib/dpkg/*-old'
)
_HOOKS: Final = (
    f"--essential-hook={_PUT_OFF_HOOK}",
    f"--customize-hook={_TAKE_BACK_HOOK}",
    f"--customize-hook={_COMPILE_HOOK}",
    f"--customize-hook={_MODULES_HOOK}",
    f"--customize-hook={_CLEAN_HOOK}",
)
_TMPDIR: Final = "/var/tmp"  # noqa: S108 - mmdebstrap makes a folder of its own
"""Where the tree grows to a gigabyte, with the packages beside it: Debian 13's /tmp is half of the memory."""
_CODE_NAMES: Final = ("bookworm", "trixie", "forky", "sid", "stable", "testing", "unstable")
_INDEX_FIELDS: Final = "$(ORIGIN)|$(LABEL)|$(REPO_URI)"


def base_tree(board: Board, cache: Path, *, refresh: bool) -> Path:
    """Return the archive (tar, zstd) of the board's Debian, made anew when there is none or `refresh` is set."""
    options, extra = _options(board), _extra_sources(board)
    digest = hashlib.sha256("\0".join([*options, *extra, preferences() if extra else ""]).encode()).hexdigest()[:12]
    archive = cache / f"{board.name}-{digest}.tar.zst"
    with locked(archive.with_suffix(".lock")):
        if refresh or not archive.exists():
            partial = cache / f"partial-{archive.name}"
            fetch(board, partial, cache, options)
            partial.rename(archive)  # a file of the right name is complete
    return archive


def fetch(board: Board, target: Path, cache: Path, options: Sequence[str]) -> None:
    """Have mmdebstrap make `target` from Debian and, for the packages that the pins name, the board's archive."""
    extra = _extra_sources(board)
    pins = cache / f"{board.name}.pref"  # apt passes over files with another ending
    pins.write_text(preferences() if extra else "")
    pinned = mmdebstrap_options(pins) if extra else []
    sources = [*_sources(), *extra]
    environment = {"SOURCE_DATE_EPOCH": "0", "TMPDIR": os.environ.get("TMPDIR", _TMPDIR)}
    run("mmdebstrap", *options, *pinned, SUITE, target, *sources, environment=environment)


def age_days(archive: Path) -> float:
    """Return how long ago the packages were fetched."""
    return (time.time() - archive.stat().st_mtime) / 86400


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let one build at a time; the file stays, because removing it would let two in."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"-- waiting for another build, which has {path}", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _options(board: Board) -> list[str]:
    """Return everything that decides what the tree holds, except the state of Debian's archive."""
    return [
        "--variant=essential",  # without apt: the device's packages are changed by a new image only
        f"--architectures={board.architecture}",
        '--aptopt=APT::Install-Recommends "false"',
        f'--aptopt=DPkg::Path "{PATH}"',
        "--dpkgopt=force-unsafe-io",
        *(f"--dpkgopt={rule}" for rule in path_rules()),
        f"--include={','.join((*PACKAGES, *board.packages))}",
        *_HOOKS,
    ]


def _extra_sources(board: Board) -> list[str]:
    """Return apt's lines for what is not Debian's, from which only pinned packages come."""
    return [] if board.archive is None else [board.archive.source]


def _sources() -> list[str]:
    """Return apt's lines for Debian and its security updates, at the addresses that this machine's apt has for them."""
    mirrors = mirrors_in(run("apt-get", "indextargets", "--format", _INDEX_FIELDS, "Created-By: Packages"))
    if "Debian" not in mirrors:  # apt does not know who signed what it has not fetched yet
        mirrors = mirrors_in_uris(run("apt-get", "update", "--print-uris"))
    if "Debian" not in mirrors:
        raise BuildError("apt knows no Debian mirror: the build needs a Debian machine, or its lines in /etc/apt")
    lines = [f"deb {mirrors['Debian']} {suite} {COMPONENTS}" for suite in (SUITE, f"{SUITE}-updates")]
    if "Debian-Security" in mirrors:
        lines.append(f"deb {mirrors['Debian-Security']} {SUITE}-security {COMPONENTS}")
    return lines


def mirrors_in(index_targets: str) -> dict[str, str]:
    """Return label -> address of the archives of Debian that apt lists, the first of each label."""
    found: dict[str, str] = {}
    for line in index_targets.splitlines():
        origin, label, address = line.split("|", 2)
        if origin == "Debian":
            found.setdefault(label, address)
    return found


def mirrors_in_uris(printed: str) -> dict[str, str]:
    """Return the same from `apt-get update --print-uris`, by the names of the folders: they are all that it prints."""
    found: dict[str, str] = {}
    for address, suite in re.findall(r"^'(\S+?/)dists/([a-z]+(?:-security)?)/InRelease'", printed, re.MULTILINE):
        if suite.removesuffix("-security") in _CODE_NAMES:
            found.setdefault("Debian-Security" if suite.endswith("-security") else "Debian", address)
    return found
