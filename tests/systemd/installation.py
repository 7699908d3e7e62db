"""This checkout installed into a tree, file by file as a Debian package would: what the machine boots is what it has.

    install(tree, configuration)

Nothing is enabled here: that is `systemctl enable`, inside the machine, as an administrator does it.
"""

import shutil
from pathlib import Path
from typing import Final

CHECKOUT: Final = Path(__file__).parents[2]
UNITS: Final = CHECKOUT / "systemd"
_PROGRAM: Final = """\
#!/usr/bin/python3
import sys

from edge_streamer.cli.main import main

sys.exit(main())
"""


def install(tree: Path, configuration: str) -> None:
    """Write the program, its profiles, its units, its catalog and that configuration below `tree`."""
    no_caches = shutil.ignore_patterns("__pycache__")
    shutil.copytree(CHECKOUT / "edge_streamer", tree / "usr/lib/python3/dist-packages/edge_streamer", ignore=no_caches)
    shutil.copytree(CHECKOUT / "hw_profiles", tree / "usr/share/edge_streamer/hw_profiles")
    program = _made(tree / "usr/bin") / "edge-streamer"
    program.write_text(_PROGRAM)
    program.chmod(0o755)
    for pattern, folder in (("*.service", "system"), ("*.socket", "system"), ("*.catalog", "catalog")):
        for file in UNITS.glob(pattern):
            shutil.copy(file, _made(tree / "usr/lib/systemd" / folder))
    (_made(tree / "etc/edge_streamer") / "edge_streamer.config.toml").write_text(configuration)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
