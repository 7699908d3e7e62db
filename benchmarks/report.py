"""From rounds to a table: medians over rounds, each ratio taken within one round, as Markdown and as JSON.

Called by `benchmarks.fanout`; it measures nothing.
"""

import json
import os
import platform
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from benchmarks.readers import ReadersReport
from tests.support.rtsp_wire import Transport

RESULTS: Final = Path(__file__).parent / "results"
BUSY_CLIENT_RATIO: Final = 0.8
"""A load client that takes more of its core may be the bottleneck: the table says so."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """So many readers over that transport."""

    transport: Transport
    readers: int

    @property
    def name(self) -> str:
        """The row's title."""
        return f"{self.readers} {self.transport.upper()}"


@dataclass(frozen=True, slots=True)
class Spent:
    """What one process tree spent in a steady phase, and what its readers got for it."""

    process_cpu_s: float
    children_cpu_s: float
    readers: ReadersReport

    @property
    def gigabits(self) -> float:
        """What the readers received."""
        return self.readers.bytes * 8 / 1e9

    @property
    def cpu_s_per_gigabit(self) -> float:
        """Of the process alone; NaN if nothing was received."""
        return self.process_cpu_s / self.gigabits if self.gigabits else float("nan")

    @property
    def cpu_s_per_gigabit_with_children(self) -> float:
        """Of the process and its source; NaN if nothing was received."""
        return (self.process_cpu_s + self.children_cpu_s) / self.gigabits if self.gigabits else float("nan")


@dataclass(frozen=True, slots=True)
class Round:
    """One scenario once: the service, then the floor, in turn; memory is the server's without its source."""

    scenario: Scenario
    service: Spent
    floor: Spent
    resident_bytes: int
    proportional_bytes: int

    @property
    def ratio_to_floor(self) -> float:
        """How many times the least a Python process can spend."""
        return self.service.cpu_s_per_gigabit / self.floor.cpu_s_per_gigabit


HEADER: Final = (
    "| scenario | server CPU-s/Gbit | with source | floor | ratio to floor | Mbit/s a reader | gaps | joined "
    "| first packet p50 ms | RSS MiB | PSS MiB | client CPU |"
)


def markdown_table(rounds: Sequence[Round]) -> str:
    """Return one row a scenario, in the order of their first round."""
    scenarios = dict.fromkeys(a_round.scenario for a_round in rounds)
    rows = [_row(scenario, [r for r in rounds if r.scenario == scenario]) for scenario in scenarios]
    return "\n".join([HEADER, "|---" * HEADER.count(" | ") + "|---|", *rows])


def _row(scenario: Scenario, rounds: list[Round]) -> str:
    reports = [r.service.readers for r in rounds]
    joined = min(report.connected for report in reports)
    waits_ms = [report.first_packet_p50_s * 1e3 for report in reports if report.first_packet_p50_s is not None]
    cells = (
        scenario.name,
        f"{_median(r.service.cpu_s_per_gigabit for r in rounds):.3f}",
        f"{_median(r.service.cpu_s_per_gigabit_with_children for r in rounds):.3f}",
        f"{_median(r.floor.cpu_s_per_gigabit for r in rounds):.3f}",
        f"{_median(r.ratio_to_floor for r in rounds):.2f}",
        f"{_median(report.bytes * 8e-6 / report.steady_s / report.count for report in reports):.2f}",
        str(sum(report.gaps for report in reports)),
        f"{joined} of {scenario.readers}",
        f"{_median(waits_ms):.1f}" if waits_ms else "none",
        f"{_median(r.resident_bytes for r in rounds) / 2**20:.1f}",
        f"{_median(r.proportional_bytes for r in rounds) / 2**20:.1f}",
        _client_cell(max(report.client_cpu_s / report.steady_s for report in reports)),
    )
    return "| " + " | ".join(cells) + " |"


def _client_cell(busy_ratio: float) -> str:
    return f"{busy_ratio:.0%}" + (" (the bottleneck?)" if busy_ratio > BUSY_CLIENT_RATIO else "")


def _median(values: Iterable[float]) -> float:
    return statistics.median(values)


def machine() -> dict[str, object]:
    """Return what the figures depend on: processor, kernel, Python."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_average_1_min": os.getloadavg()[0],
    }


def save(rounds: Sequence[Round], clip_bitrate_bps: int) -> Path:
    """Write every round and the machine to `results/<UTC date>.json` (a later run of that day replaces it)."""
    RESULTS.mkdir(exist_ok=True)
    now = datetime.now(UTC)
    path = RESULTS / f"{now:%Y-%m-%d}.json"
    document = {
        "taken": now.isoformat(timespec="seconds"),
        "machine": machine(),
        "clip_bitrate_bps": clip_bitrate_bps,
        "table": markdown_table(rounds).splitlines(),
        "rounds": [asdict(a_round) for a_round in rounds],
    }
    path.write_text(json.dumps(document, indent=1) + "\n")
    return path


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _colon, value = line.partition(":")
        if name.strip() in ("model name", "Model"):
            return value.strip()
    return "unknown"
