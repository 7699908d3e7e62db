"""docs/reliability.md, written from what the laboratory's tests have measured.

    python -m tests.tools.reliability_report        # runs tests/netns and writes the page

A test hands in its figures with `record`; without the variable that names a file, as in every normal run, they go
nowhere and nothing in the tree changes. The page says on which machine it was measured.
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
        "Resident memory of the server process; the peak is just before the readers are given up.",
        ("dead_after_s", "before the loss", "at the peak", "after the end"),
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


def render(results: Iterable[tuple[str, list[str]]]) -> str:
    """Return the page for rows as `record` wrote them. A table without rows is not shown."""
    rows: dict[str, list[list[str]]] = {}
    for table, row in results:
        rows.setdefault(table, []).append(row)
    return "\n".join([_head(), *(_section(TABLES[name], rows[name]) for name in TABLES if name in rows)])


def _head() -> str:
    machine = (
        f"Linux {platform.release()}, {os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}"
    )
    return (
        "# Reliability, as measured\n\n"
        "A reader that is alive loses nothing across a stall shorter than the write budget; one that is dead is gone, "
        "with its reason counted; nobody else notices. `tests/netns` asserts that in network namespaces on every run "
        "of `make test`; `make reliability` measures it anew and writes this page. Do not edit it.\n\n"
        f"Measured {datetime.now(UTC):%Y-%m-%d} on {machine}; congestion control is cubic.\n"
    )


def _section(table: Table, rows: list[list[str]]) -> str:
    lines = [table.columns, ["---"] * len(table.columns), *rows]
    shown = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"## {table.title}\n\n{table.text}\n\n{shown}\n"


def main() -> int:
    """Run the laboratory's tests and write the page; return pytest's exit code (the page is written in any case)."""
    with tempfile.TemporaryDirectory(prefix="edge-streamer-reliability-") as folder:
        path = Path(folder) / "results"
        path.touch()
        command = [sys.executable, "-m", "pytest", "tests/netns", *sys.argv[1:]]
        done = subprocess.run(
            command, cwd=_REPOSITORY, env={"SOAK_S": SOAK_S} | os.environ | {VARIABLE: str(path)}, check=False
        )
        PAGE.write_text(render(json.loads(line) for line in path.read_text().splitlines()))
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
