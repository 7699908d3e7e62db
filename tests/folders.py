"""Which folder of tests needs what, and so how it is run: the Makefile, the markers and `test_folders` read it here.

    python -m tests.folders quick programs      # prints the folders of these groups, for a command line

A group is chosen by what a test needs of the machine, never by how long it takes. The files beside this one are quick.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).parent
FOLDERS: Final[Mapping[str, tuple[str, ...]]] = {
    # Pure tests whose branch coverage of edge_streamer/protocol and edge_streamer/codec is a gate.
    "covered": ("codec", "ladders", "protocol"),
    # Python, PyAV and loopback sockets: no outside program, no root, any number at once.
    "quick": (
        "accounts",
        "app",
        "appliance",
        "benchmarks",
        "cli",
        "config",
        "device",
        "docs",
        "logs",
        "media",
        "runtime",
        "services",
        "sources",
        "support",
    ),
    # The whole service beside promtool, Prometheus or schemathesis. Several at once.
    "programs": ("contract", "deploy"),
    # The whole service beside players and browsers, where times are judged: one test after another.
    "alone": ("interop", "page"),
    # The same in network namespaces, which need root.
    "namespaces": ("netns",),
    # Other machines: Debian roots with cameras and with recorders, an emulated computer, a container with systemd.
    # Root, and `make labs`.
    "labs": ("camera", "guest", "recorders", "systemd"),
    # Device images in emulated computers: root, and `make test-image`.
    "images": ("image",),
    # No tests of their own.
    "none": ("fixtures", "fuzz", "tools"),
}
QUICK: Final = ("covered", "quick")
"""The groups of `make check`."""


def group_of(path: Path) -> str:
    """Return the group of a test file; KeyError for a folder that is in none."""
    folder, *inside = path.relative_to(TESTS).parts
    if not inside:
        return "quick"
    return {name: group for group, names in FOLDERS.items() for name in names}[folder]


def folders_of(groups: Sequence[str]) -> list[str]:
    """Return what pytest is given for these groups."""
    found = [f"tests/{name}" for group in groups for name in FOLDERS[group]]
    if "quick" in groups:
        found += [f"tests/{path.name}" for path in sorted(TESTS.glob("test_*.py"))]
    return found


if __name__ == "__main__":
    print(*folders_of(sys.argv[1:]))
