"""The tests without outside programs on Debian 13, whose Python, PyAV, systemd and libraries an appliance has.

    python -m tests.tools.trixie [arguments of pytest]      # root; builds a tree of Debian packages once

The tree is built as `tests.support.debian_root` says and holds this checkout at the place where it is, bound for this
one run and read-only, so that nothing that Python compiles or pytest remembers is shared with this machine's.
"""

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.folders import QUICK, folders_of
from tests.support.debian_root import Progress, built_once, unpack_debian

SUITE: Final = "trixie"
DEBIAN_PACKAGES: Final = (
    "python3-av",
    "python3-execnet",
    "python3-h11",
    "python3-hypothesis",
    "python3-msgspec",
    "python3-prometheus-client",
    "python3-pytest",
    "python3-pytest-timeout",
    "python3-pytest-xdist",
    "python3-serial",
    "python3-systemd",
    "python3-wsproto",
    "python3-yaml",
    "iproute2",
    "make",
    "procps",
    "systemd",  # journalctl reads the catalog
)
PYTEST: Final = ("python3", "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--dist", "loadfile", "-n")
_REPOSITORY: Final = Path(__file__).parents[2]
_VARIABLES: Final = "CI=true HYPOTHESIS_STORAGE_DIRECTORY=/tmp/hypothesis"
_NOT_INSTALLED: Final = tuple(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale"))
_ENTER: Final = """\
mount --rbind /dev {root}/dev
mount -t proc proc {root}/proc
mount -t sysfs -o ro sysfs {root}/sys
mount -t tmpfs tmpfs {root}/tmp
mkdir -p {root}/opt/edge_streamer
mount --bind -o ro {repository} {root}/opt/edge_streamer
exec chroot {root} env -i PATH=/usr/sbin:/usr/bin LC_ALL=C.UTF-8 HOME=/root {variables} sh -c {command}
"""


def built_root(tell: Progress) -> Path:
    """Return the root's folder, building it if this recipe's is not there; AssertionError with what was said."""
    return built_once("trixie-root", [Path(__file__)], lambda folder: _build(folder, tell))


def _build(root: Path, tell: Progress) -> None:
    tell(f"building a Debian {SUITE} root with Python and what the tests need (once, about a minute)")
    unpack_debian(root, SUITE, DEBIAN_PACKAGES, "--variant=minbase", *_NOT_INSTALLED)


def main(arguments: list[str]) -> int:
    """Run pytest in the root and return its exit code."""
    root = built_root(lambda text: print(text, file=sys.stderr))
    tests = arguments or ["2", *folders_of(QUICK)]
    command = f"cd /opt/edge_streamer && exec {shlex.join([*PYTEST, *tests])}"
    script = _ENTER.format(
        root=root,
        repository=_REPOSITORY,
        variables=_VARIABLES,
        command=shlex.quote(command),
    )
    unshare = ("unshare", "--mount", "--propagation", "private", "sh", "-euc", script)
    return subprocess.run(unshare, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
