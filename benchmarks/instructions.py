"""How many instructions a frame costs the server: `python -m benchmarks.instructions [--save NAME]`, by valgrind.

A count does not depend on a machine's speed, load or caches, so it can be compared between two versions and carries
over to a board with the same kind of processor. `benchmarks.counted` runs once for each scenario; what it executes
between its two marks, less what the pace of the measurement costs, is divided by the frames between them. Only
instructions in user space are counted: Python, its modules and the C library. The kernel's work is in the system calls,
which are counted too. Two runs differ by two in a thousand.
"""

import argparse
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.counted import COUNTED_FRAMES, HANDSHAKE, MARK_FUNCTION
from benchmarks.counts import SCENARIOS, Counts, Result, Scenario, markdown_table, save
from benchmarks.pages import write_pages
from benchmarks.report import machine

RUN_TIMEOUT_S: Final = 300.0
_BETWEEN_MARKS: Final = ".2"
"""What callgrind appends to a file's name: `.1` is up to the first mark, this from there to the second."""


def count_all(folder: Path) -> dict[Scenario, Counts]:
    """Return what a frame costs in each scenario; valgrind's files go to `folder`."""
    pace = _count(Scenario(HANDSHAKE, 1), folder)
    return {scenario: _count(scenario, folder) - pace for scenario in SCENARIOS}


def _count(scenario: Scenario, folder: Path) -> Counts:
    """Run `benchmarks.counted` under valgrind and return what it counted a frame; the other processes' counts are left
    aside."""
    valgrind = ("valgrind", "-q", "--tool=callgrind", "--collect-systime=yes", f"--dump-before={MARK_FUNCTION}")
    program = (sys.executable, "-m", "benchmarks.counted", scenario.transport, str(scenario.readers))
    command = (*valgrind, f"--callgrind-out-file={folder}/%p", *program)
    environment = os.environ | {"PYTHONHASHSEED": "0"}  # the order in sets of strings is part of the work
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            exit_code = process.wait(RUN_TIMEOUT_S)
        finally:
            process.kill()
    if exit_code:
        raise RuntimeError(f"{command} ended with {exit_code}")
    a_frame = read_counts((folder / f"{process.pid}{_BETWEEN_MARKS}").read_text()) / COUNTED_FRAMES
    _say(f"{scenario.readers} {scenario.transport}: {a_frame.instructions:,.0f} instructions a frame")
    return a_frame


def read_counts(text: str) -> Counts:
    """Return the totals of callgrind's output; ValueError when they are not in it."""
    lines = dict(line.split(":", 1) for line in text.splitlines() if line.startswith(("events:", "totals:")))
    if lines.keys() != {"events", "totals"}:
        raise ValueError("this is no complete output of callgrind")
    totals = dict(zip(lines["events"].split(), map(int, lines["totals"].split()), strict=False))
    return Counts(totals["Ir"], totals["sysCount"])


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    """Count, print the table, and save the result if a name for it is given."""
    parser = argparse.ArgumentParser(description="Instructions and system calls a frame, by valgrind.")
    parser.add_argument(
        "--save", metavar="NAME", help="also write benchmarks/results/instructions-NAME.json and the pages"
    )
    arguments = parser.parse_args()
    if shutil.which("valgrind") is None:
        parser.error("apt install valgrind")
    with TemporaryDirectory(prefix="edge-streamer-callgrind-") as folder:
        a_frame = count_all(Path(folder))
    version = subprocess.run(("valgrind", "--version"), capture_output=True, text=True, check=True).stdout.strip()
    taken = datetime.now(UTC).isoformat(timespec="seconds")
    result = Result(arguments.save or "now", taken, machine(), version, a_frame)
    print(markdown_table([result]))
    if arguments.save:
        _say(f"written: {save(result)}, {', '.join(write_pages())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
