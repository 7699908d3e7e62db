"""The measured parts of docs/performance.md and README.md, from what was saved: `python -m benchmarks.pages`.

Each part stands between two marker comments. It is made from the newest run in results/ and from all counts of
instructions there, so that no figure of a page is older than its table or was typed by hand; a test compares them.
"""

import math
import statistics
from collections.abc import Callable, Sequence
from typing import Final

from benchmarks.counts import markdown_table, saved_results
from benchmarks.report import Run, Scenario, markdown, newest_run, thoroughness
from benchmarks.servers import FLOOR, OURS
from tests.tools.generated_docs import ROOT, split

MEMORY_OF_ONE_MORE: Final = "memory of one more TCP reader"
README_SERVERS: Final = {
    OURS: "this",
    "live555": "live555 (C++)",
    "gst-rtsp-server": "gst-rtsp-server (C)",
    FLOOR: "bare `send()`",
}
README_SCENARIOS: Final = {
    Scenario("tcp", 50): "50 readers over TCP, 4 Mbit/s",
    Scenario("tcp", 200): "200 over TCP",
    Scenario("udp", 200): "200 over UDP",
    Scenario("tcp", 1000, 2_000_000): "1,000 over TCP, 2 Mbit/s",
    Scenario("tcp", 1): "1 over TCP, 4 Mbit/s",
}
_CROWD: Final = Scenario("tcp", 1000, 2_000_000)


def performance() -> str:
    """Return the newest run's tables."""
    run = newest_run()
    return f"{markdown(run)}\n\nRaw figures: `benchmarks/results/{run.day}.json`."


def instructions() -> str:
    """Return the table of instructions, and what they were counted with."""
    results = saved_results()
    last = results[-1]
    tools = f"{last.valgrind}, Python {last.machine['python']} ({last.machine['architecture']})"
    return f"{markdown_table(results)}\n\nCounted {last.taken[:10]} with {tools}."


def readme() -> str:
    """Return the run's costs in few rows, and what else it says of the service."""
    run = newest_run()
    rows = [["", *README_SERVERS.values()], ["---"] * (1 + len(README_SERVERS))]
    for scenario, title in README_SCENARIOS.items():
        if run.of(scenario):
            rows.append([title, *(_readme_cell(run, scenario, server) for server in README_SERVERS)])
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"{table}\n\nMeasured {run.day}, {thoroughness(run)}. {_losses(run)}{_crowd(run)}{_memory(run)}"


def _readme_cell(run: Run, scenario: Scenario, server: str) -> str:
    measurements = [a_round.measurements[server] for a_round in run.of(scenario) if server in a_round.measurements]
    costs = [m.cpu_s_per_gigabit for m in measurements if not math.isnan(m.cpu_s_per_gigabit)]
    if measurements and min(m.readers.connected for m in measurements) < scenario.readers / 2:
        return "lost most readers"
    if not costs:
        return "-"
    cost = statistics.median(costs)
    text = f"{cost:.1f}" if cost >= 1 else f"{cost:.2f}"
    return f"**{text}**" if server == OURS else text


def _losses(run: Run) -> str:
    lost = sum(a_round.measurements[OURS].readers.lost_packets for a_round in run.rounds)
    return f"Readers of this service missed {lost or 'no'} packet{'s' if lost > 1 else ''}"


def _crowd(run: Run) -> str:
    lateness = [a_round.measurements[OURS].readers.lateness_p99_s for a_round in run.of(_CROWD)]
    measured = [late_s for late_s in lateness if late_s is not None]
    return f"; 1,000 of them had 99 of 100 frames within {statistics.median(measured) * 1e3:.0f} ms" if measured else ""


def _memory(run: Run) -> str:
    more = run.figures.get(MEMORY_OF_ONE_MORE)
    return f", and one more took {more}." if more else "."


BLOCKS: Final[Sequence[tuple[str, str, Callable[[], str]]]] = (
    ("docs/performance.md", "fanout", performance),
    ("docs/performance.md", "instructions", instructions),
    ("README.md", "cost", readme),
)
"""Page (from the repository's root), the marker of a block in it, and what renders the block."""


def write_pages() -> list[str]:
    """Write every block anew; return the pages."""
    for page, marker, render in BLOCKS:
        before, _block, after = split(page, marker)
        (ROOT / page).write_text(f"{before}{render()}\n{after}")
    return list(dict.fromkeys(page for page, _marker, _render in BLOCKS))


def main() -> None:
    """Write every block anew."""
    write_pages()


if __name__ == "__main__":
    main()
