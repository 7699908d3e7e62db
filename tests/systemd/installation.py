"""This checkout's Debian package in a tree: what the machine boots is what it has.

    install(tree, configuration)

The files are unpacked only: enabling the units is `systemctl enable`, inside the machine, as an administrator does it.
`test_package` has dpkg itself install the package.
"""

from pathlib import Path
from typing import Final

from deploy.debian.build import build
from tests.support.debian_root import run

CHECKOUT: Final = Path(__file__).parents[2]
UNITS: Final = CHECKOUT / "systemd"


def install(tree: Path, configuration: str) -> None:
    """Unpack the package below `tree`, and write that configuration in place of its own."""
    package = build(tree.parent)
    run("dpkg-deb", "--extract", str(package), str(tree))
    (tree / "etc/edge_streamer/edge_streamer.toml").write_text(configuration)
