"""A small Debian with systemd and what the service needs, for machines in containers.

    folder = built_root(print)  # 40 s the first time, then nothing

Trixie, because that is what devices have: systemd 257, Python 3.13 and python3-systemd. Built as `debian_root` says;
the service itself is not in it (`installation`). Called by `conftest`; by hand: `python -m tests.systemd.root`.
"""

import sys
from pathlib import Path
from typing import Final

from tests.support.debian_root import Progress, built_once, install_wheels, unpack_debian

SUITE: Final = "trixie"
DEBIAN_PACKAGES: Final = (
    "systemd-sysv",
    "procps",  # `kill`, for ExecReload=
    "nftables",  # with the next two, what reads the files that a device image renders
    "openssh-client",
    "wpasupplicant",
    "python3",
    "python3-h11",
    "python3-msgspec",
    "python3-prometheus-client",
    "python3-serial",
    "python3-systemd",
    "python3-wsproto",
)
WHEELS: Final = ("av==14.2.0",)
"""Trixie's version, with 50 libraries of its own in place of Debian's 260."""
_NOT_INSTALLED: Final = tuple(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale"))


def built_root(tell: Progress) -> Path:
    """Return the root's folder, building it if this recipe's is not there; AssertionError with what was said."""
    return built_once("systemd-root", [Path(__file__)], lambda folder: _build(folder, tell))


def _build(root: Path, tell: Progress) -> None:
    tell(f"building a Debian {SUITE} root with systemd (once, about 40 s)")
    unpack_debian(root, SUITE, DEBIAN_PACKAGES, "--variant=minbase", *_NOT_INSTALLED)
    install_wheels(root, root / "usr/lib/python3/dist-packages", WHEELS)


if __name__ == "__main__":
    print(built_root(lambda text: print(text, file=sys.stderr)))
