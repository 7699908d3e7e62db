"""The command line of the two programs: what runs at each boot, and `announce`.

A board with one slow processor starts the camera service after the first of them, so each imports only what it uses.
"""

import sys
import time
from collections.abc import Sequence
from typing import Final

from edge_streamer.appliance.commands import run_command
from edge_streamer.appliance.paths import Paths

EXIT_USAGE: Final = 2


def main(arguments: Sequence[str]) -> int:
    """Run the program; return its exit code: 1 when a step failed, so that systemd shows a failed unit."""
    match list(arguments):
        case []:
            from edge_streamer.appliance.boot import new_boot
            from edge_streamer.appliance.steps import take_steps

            return 1 if take_steps(new_boot(Paths(), run_command, time.sleep)) else 0
        case ["announce"]:
            from edge_streamer.appliance.announcing import Announcer

            return Announcer(Paths(), run_command, time.sleep).announce()
        case _:
            print("usage: python3 -m edge_streamer.appliance [announce]", file=sys.stderr)
            return EXIT_USAGE
