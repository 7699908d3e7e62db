"""Runs another program of the system to its end: mount, sfdisk, resize2fs, ip."""

import subprocess
from collections.abc import Sequence
from typing import Final, Protocol

WITHIN_S: Final = 120.0
"""The longest is resize2fs, whose time grows with the card."""
MAX_SHOWN_CHARACTERS: Final = 200


class Run(Protocol):
    """Runs a command to its end; tests have others than `run_command`."""

    def __call__(self, command: Sequence[str], text: str = "") -> str:
        """Return the standard output of `command`, which got `text` on its standard input.

        OSError when it cannot be run or fails; its text says what the command said.
        """
        ...


def run_command(command: Sequence[str], text: str = "") -> str:
    """Run a program of the system; see `Run`."""
    try:
        done = subprocess.run(
            command, input=text, capture_output=True, encoding="utf-8", errors="replace", timeout=WITHIN_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise OSError(f"{command[0]}: not done after {WITHIN_S:.0f} s") from None
    if done.returncode != 0:
        said = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        raise OSError(f"{command[0]}: {said[:MAX_SHOWN_CHARACTERS]}")
    return done.stdout
