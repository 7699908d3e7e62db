"""docs/reliability.md, written from what the laboratory's tests have measured.

    python -m tests.tools.reliability_report                    # runs tests/netns and writes the page
    python -m tests.tools.reliability_report -k their_memory    # only these tests; their tables are written anew

A test hands in its figures with `record`; without the variable that names a file, as in every normal run, they go
nowhere and nothing in the tree changes. Each table says when and on which machine it was measured.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

VARIABLE: Final = "RELIABILITY_RESULTS"
SOAK_S: Final = "300"
"""How long the page's soak is; every run of the tests has one of a minute."""
_REPOSITORY: Final = Path(__file__).parents[2]
PAGE: Final = _REPOSITORY / "docs" / "reliability.md"


@dataclass(frozen=True, slots=True)
class Table:
    """One section of the page: what was done, and the columns of what came out."""

    title: str
    text: str
    columns: tuple[str, ...]


TABLES: Final[Mapping[str, Table]] = {
    "power_loss": Table(
        "A reader loses power",
        "Its switch port drops everything both ways; nobody's carrier changes. All readers of one configuration lose "
        "power at the same instant. *Ended* is when the server has closed its TCP connection and ended the session, "
        "seen from outside the server.",
        ("dead_after_s", "reader", "ended after", "reason"),
    ),
    "power_loss_memory": Table(
        "What those readers leave behind",
        "Resident memory of the server process; the peak is just before the readers are given up. The server gives "
        "freed memory back to the system a second after a large backlog was freed, so the last figure is read after "
        "that: 1.5 to 3.5 s after the last reader's end.",
        ("dead_after_s", "before the loss", "at the peak", "after the trim"),
    ),
    "stalls": Table(
        "A link stalls and comes back",
        "Twenty TCP readers at once, all cut at the same instant, each mended after its own time. *Live again* is when "
        "the last frame that was older than 250 ms (against the same reader's usual) has arrived, after the link's "
        "return. The old kernel is this one with TCP_RTO_MAX_MS refused, as everywhere before Linux 6.15.",
        ("kernel", "stream", "stall", "sequence gaps", "live again after"),
    ),
    "slow_link": Table(
        "A link that is too slow for ever",
        "The link carries 60 % of the stream's average.",
        ("slow_readers", "what happened"),
    ),
    "nobody_notices": Table(
        "Nobody else notices",
        "Twenty healthy readers; with them, or not, one whose link is dead, one that reads a byte a second, one that "
        "sends a byte of headers a second, and one that asks and never reads a reply. Lateness of a frame is against "
        "the earliest frame of the same reader, by the kernel's receive times. Windows alternate; of the seconds of "
        "each kind, the one at the lower quartile counts, since a shared machine's hiccups meet everyone alike.",
        ("figure", "without", "with", "ratio"),
    ),
    "soak": Table(
        "Soak",
        "Clients of every kind join, leave, reset, stall, lose power and talk nonsense, at random, while healthy "
        "readers watch.",
        ("figure", "value"),
    ),
}


def record(table: str, *row: Any) -> None:
    """Hand in one row of `table`; the values are shown as `str` shows them."""
    columns = TABLES[table].columns
    if len(row) != len(columns):
        raise ValueError(f"{table} has the columns {columns}, not {row}")
    path = os.environ.get(VARIABLE)
    if path:
        with Path(path).open("a") as results:
            results.write(json.dumps([table, [str(value) for value in row]]) + "\n")


def render(results: Iterable[tuple[str, list[str]]], page: str = "") -> str:
    """Return the page for rows as `record` wrote them. A table without rows stays as it is in `page`, or is not
    shown when it is not there."""
    rows: dict[str, list[list[str]]] = {}
    for table, row in results:
        rows.setdefault(table, []).append(row)
    kept = _sections(page)
    shown = {name: _section(table, rows[name]) for name, table in TABLES.items() if name in rows}
    sections = (shown.get(name) or kept.get(table.title) for name, table in TABLES.items())
    return "\n".join([_HEAD, *filter(None, sections)])


_HEAD: Final = (
    "# Reliability, as measured\n\n"
    "A reader that is alive loses nothing across a stall shorter than the write budget; one that is dead is gone, "
    "with its reason counted; nobody else notices. `tests/netns` asserts that in network namespaces on every run "
    "of `make test`; `make reliability` measures it anew and writes this page. Do not edit it.\n"
)


def _sections(page: str) -> dict[str, str]:
    """Return the sections of a page by their titles."""
    parts = page.split("\n## ")[1:]
    return {part.partition("\n")[0]: f"## {part.rstrip()}\n" for part in parts}


def _section(table: Table, rows: list[list[str]]) -> str:
    lines = [table.columns, ["---"] * len(table.columns), *rows]
    shown = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"## {table.title}\n\n{table.text}\n\n{shown}\n\n{_measured()}\n"


def _measured() -> str:
    machine = (
        f"Linux {platform.release()}, {os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}"
    )
    return f"Measured {datetime.now(UTC):%Y-%m-%d} on {machine}; congestion control is cubic."


def main() -> int:
    """Run the laboratory's tests, with the command line's arguments to pytest, and write the page; return pytest's exit
    code. The page is written in any case."""
    with tempfile.TemporaryDirectory(prefix="edge-streamer-reliability-") as folder:
        path = Path(folder) / "results"
        path.touch()
        command = [sys.executable, "-m", "pytest", "tests/netns", *sys.argv[1:]]
        done = subprocess.run(
            command, cwd=_REPOSITORY, env={"SOAK_S": SOAK_S} | os.environ | {VARIABLE: str(path)}, check=False
        )
        results = [json.loads(line) for line in path.read_text().splitlines()]
        PAGE.write_text(render(results, PAGE.read_text()))
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
