"""Runs targets of the Makefile one after the other, and says at the end how long each took.

    python -m tests.tools.parts lint types quick

Ends with the first part that fails and with its exit code. Called by `make check`, `make test` and `make labs`.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterable
from typing import Final

MAKE: Final = (os.environ.get("MAKE", "make"), "--no-print-directory")


def run(parts: Iterable[str]) -> int:
    """Make each part until one fails, print the seconds that each took, and return the last one's exit code."""
    began, code, lines = time.monotonic(), 0, []
    for part in parts:
        print(f"-- {part}", flush=True)
        part_began = time.monotonic()
        code = subprocess.run([*MAKE, part], check=False).returncode
        lines.append(f"{time.monotonic() - part_began:7.1f} s  {part}{' FAILED' if code else ''}")
        if code:
            break
    print(*lines, f"{time.monotonic() - began:7.1f} s  together", sep="\n", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
