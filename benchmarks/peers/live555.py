"""live555 beside us: a Debian sid root with its library, and our small server compiled in it. Needs root.

Called by `benchmarks.servers`. The root is built once, where the tests keep theirs (`tests.support.debian_root`).
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.support.debian_root import built_once, run, unpack_debian

SOURCE: Final = Path(__file__).with_name("live555_shared.cpp")
PACKAGES: Final = ("liblivemedia-dev", "libssl-dev", "g++", "pkgconf")
PROGRAM: Final = "/usr/local/bin/live555_shared"


def missing() -> str:
    """Return why this machine cannot run live555, and what to do; empty when it can."""
    if os.geteuid() != 0:
        return "live555 needs root for its Debian sid root: sudo make bench"
    if shutil.which("mmdebstrap") is None:
        return "live555 needs mmdebstrap: apt install mmdebstrap"
    return ""


def prepare() -> Path:
    """Return the root, building it if it is not there (about a minute)."""
    return built_once("live555-root", [Path(__file__), SOURCE], _build)


def version(root: Path) -> str:
    """Return the library's version."""
    return run("chroot", str(root), "dpkg-query", "-W", "-f", "${Version}", "liblivemedia-dev")


def command(root: Path, clip_264: Path, port: int) -> Sequence[str]:
    """Return what serves `clip_264`, an H.264 byte stream, on `port`."""
    inside = root / "var/tmp" / clip_264.name
    if not inside.exists() or inside.stat().st_mtime < clip_264.stat().st_mtime:
        shutil.copy2(clip_264, inside)
    return ("chroot", str(root), PROGRAM, f"/var/tmp/{clip_264.name}", str(port))


def _build(root: Path) -> None:
    print("building live555 in a Debian sid root (once, about a minute)", flush=True)
    unpack_debian(root, "sid", PACKAGES, "--variant=minbase")
    shutil.copy(SOURCE, root / "root")
    flags = run("chroot", str(root), "pkgconf", "--cflags", "--libs", "live555").split()
    source = f"/root/{SOURCE.name}"
    run("chroot", str(root), "g++", "-O2", "-std=c++20", source, "-o", PROGRAM, *flags, "-lssl", "-lcrypto")
