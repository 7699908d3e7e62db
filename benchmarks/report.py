"""From rounds to tables: medians over rounds, each ratio taken within one round, as Markdown and as JSON.

Called by `benchmarks.fanout`, and by `benchmarks.pages` for what was saved; it measures nothing.
"""

import json
import math
import os
import platform
import statistics
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.clip import FPS
from benchmarks.readers import ReadersReport
from benchmarks.servers import FLOOR, OURS
from tests.support.rtsp.wire import Transport

RESULTS: Final = Path(__file__).parent / "results"
BUSY_CLIENT_RATIO: Final = 0.8
"""A load client that takes more of its core may be the bottleneck: the table says so."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """So many readers over that transport, of the clip with that bit rate; with `udp_gro`, UDP readers take runs of
    datagrams whole."""

    transport: Transport
    readers: int
    bitrate_bps: int = 4_000_000
    udp_gro: bool = False

    @property
    def name(self) -> str:
        """The row's title."""
        gro = " with UDP_GRO" if self.udp_gro else ""
        return f"{self.readers} {self.transport.upper()}{gro}, {self.bitrate_bps / 1e6:g} Mbit/s"


SCENARIOS: Final = (
    *(Scenario("tcp", readers) for readers in (1, 10, 50, 200)),
    *(Scenario("udp", readers) for readers in (1, 10, 50, 200)),
    Scenario("udp", 200, udp_gro=True),
    *(Scenario("tcp", readers, 8_000_000) for readers in (50, 200)),
    *(Scenario("tcp", readers, 2_000_000) for readers in (200, 1000)),
)
"""Those of a whole run."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one server's process tree spent in a steady phase, and what its readers got for it; memory is that of the
    server's process without its source."""

    process_cpu_s: float
    children_cpu_s: float
    readers: ReadersReport
    resident_bytes: int
    proportional_bytes: int

    @property
    def cpu_s_per_gigabit(self) -> float:
        """Of the process alone; NaN if nothing was received."""
        return _per_gigabit(self.process_cpu_s, self.readers)

    @property
    def cpu_s_per_gigabit_with_children(self) -> float:
        """Of the process and its source; NaN if nothing was received."""
        return _per_gigabit(self.process_cpu_s + self.children_cpu_s, self.readers)


def _per_gigabit(cpu_s: float, readers: ReadersReport) -> float:
    return cpu_s / (readers.bytes * 8 / 1e9) if readers.bytes else float("nan")


@dataclass(frozen=True, slots=True)
class Round:
    """One scenario once: every server in turn, by name."""

    scenario: Scenario
    measurements: Mapping[str, Measurement]

    def ratio_to(self, other: str) -> float:
        """How much CPU a gigabit costs us of what it costs `other`."""
        return self.measurements[OURS].cpu_s_per_gigabit / self.measurements[other].cpu_s_per_gigabit


Rounds = Sequence[Round]
Column = tuple[str, Callable[[Rounds], str]]


@dataclass(frozen=True, slots=True)
class Run:
    """All that one run of the benchmark found, as it is saved; `figures` belong to no scenario."""

    taken: str
    machine: Mapping[str, object]
    versions: Mapping[str, str]
    figures: Mapping[str, str]
    rounds: Rounds

    @classmethod
    def now(cls, rounds: Rounds, versions: Mapping[str, str], figures: Mapping[str, str]) -> "Run":
        """Return a run that ends now, on this machine."""
        return cls(datetime.now(UTC).isoformat(timespec="seconds"), machine(), versions, figures, rounds)

    @property
    def day(self) -> str:
        """The UTC date on which it ended."""
        return self.taken[:10]

    def of(self, scenario: Scenario) -> Rounds:
        """Return the rounds of that scenario."""
        return [a_round for a_round in self.rounds if a_round.scenario == scenario]


def markdown_tables(rounds: Rounds) -> str:
    """Return what it costs, and what readers get, one row a scenario, in the order of their first round."""
    servers = list(dict.fromkeys(name for a_round in rounds for name in a_round.measurements))
    peers = [name for name in servers if name not in (OURS, FLOOR)]
    return f"{_table(rounds, _cost_columns(peers))}\n\n{_table(rounds, _reader_columns([OURS, *peers]))}"


def _cost_columns(peers: Sequence[str]) -> list[Column]:
    columns: list[Column] = [
        ("CPU-s/Gbit", lambda rounds: _cost(rounds, OURS)),
        ("with source", lambda rounds: _median(_of(rounds, OURS, lambda m: m.cpu_s_per_gigabit_with_children), 3)),
        ("µs a frame and reader", _frame_cost),
        ("share of a core", _core_share),
        ("floor", lambda rounds: _cost(rounds, FLOOR)),
        ("ratio to floor", lambda rounds: _ratio(rounds, FLOOR)),
    ]
    for peer in peers:
        columns.append((peer, lambda rounds, peer=peer: _cost(rounds, peer)))  # type: ignore[misc]
        columns.append((f"ratio to {peer}", lambda rounds, peer=peer: _ratio(rounds, peer)))  # type: ignore[misc]
    return [*columns, ("client CPU", _client_cell)]


def _reader_columns(servers: Sequence[str]) -> list[Column]:
    columns: list[Column] = [
        ("joined", lambda rounds: _each(rounds, servers, _joined)),
        ("gaps", lambda rounds: _each(rounds, servers, _gaps)),
        ("first packet ms", lambda rounds: _each(rounds, servers, _ms(lambda r: r.first_packet_p50_s))),
        ("late p50 ms", lambda rounds: _each(rounds, servers, _ms(lambda r: r.lateness_p50_s))),
        ("late p99 ms", lambda rounds: _each(rounds, servers, _ms(lambda r: r.lateness_p99_s))),
        ("RSS MiB", lambda rounds: _each(rounds, servers, _resident)),
    ]
    return [(f"{name}: {' / '.join(servers)}" if name == "joined" else name, cell) for name, cell in columns]


def _table(rounds: Rounds, columns: Sequence[Column]) -> str:
    scenarios = dict.fromkeys(a_round.scenario for a_round in rounds)
    lines = [["scenario", *(name for name, _cell in columns)], ["---"] * (len(columns) + 1)]
    for scenario in scenarios:
        its = [a_round for a_round in rounds if a_round.scenario == scenario]
        lines.append([scenario.name, *(cell(its) for _name, cell in columns)])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


# --- cells


def _of(rounds: Rounds, server: str, value: Callable[[Measurement], float]) -> list[float]:
    return [value(a_round.measurements[server]) for a_round in rounds if server in a_round.measurements]


def _cost(rounds: Rounds, server: str) -> str:
    return _median(_of(rounds, server, lambda m: m.cpu_s_per_gigabit), 3)


def _frame_cost(rounds: Rounds) -> str:
    frame_bits = rounds[0].scenario.bitrate_bps / FPS
    return _median(_of(rounds, OURS, lambda m: m.cpu_s_per_gigabit * frame_bits / 1e9 * 1e6), 0)


def _core_share(rounds: Rounds) -> str:
    return f"{statistics.median(_of(rounds, OURS, lambda m: m.process_cpu_s / m.readers.steady_s)):.1%}"


def _ratio(rounds: Rounds, server: str) -> str:
    return _median((a_round.ratio_to(server) for a_round in rounds if server in a_round.measurements), 2)


def _each(rounds: Rounds, servers: Sequence[str], cell: Callable[[Sequence[Measurement]], str]) -> str:
    cells = []
    for server in servers:
        measurements = [a_round.measurements[server] for a_round in rounds if server in a_round.measurements]
        cells.append(cell(measurements) if measurements else "-")
    return " / ".join(cells)


def _joined(measurements: Sequence[Measurement]) -> str:
    return str(min(m.readers.connected for m in measurements))


def _gaps(measurements: Sequence[Measurement]) -> str:
    return str(sum(m.readers.gaps for m in measurements))


def _resident(measurements: Sequence[Measurement]) -> str:
    return _median((m.resident_bytes / 2**20 for m in measurements), 1)


def _ms(value: Callable[[ReadersReport], float | None]) -> Callable[[Sequence[Measurement]], str]:
    def cell(measurements: Sequence[Measurement]) -> str:
        return _median((s * 1e3 for m in measurements if (s := value(m.readers)) is not None), 1)

    return cell


def _client_cell(rounds: Rounds) -> str:
    busy_ratio = max(_of(rounds, OURS, lambda m: m.readers.client_cpu_s / m.readers.steady_s))
    return f"{busy_ratio:.0%}" + (" (the bottleneck?)" if busy_ratio > BUSY_CLIENT_RATIO else "")


def _median(values: Iterable[float], digits: int) -> str:
    """Leave out rounds in which nothing came."""
    found = [value for value in values if not math.isnan(value)]
    return f"{statistics.median(found):.{digits}f}" if found else "-"


# --- the file


def machine() -> dict[str, object]:
    """Return what the figures depend on: processor, kernel, Python."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "kernel": platform.release(),
        "python": f"{platform.python_version()} {'of' if sys.base_prefix == '/usr' else 'not of'} the distribution",
        "load_average_1_min": round(os.getloadavg()[0], 2),
    }


def save(run: Run) -> Path:
    """Write `results/<UTC date>.json` and return its path; a later run of that day replaces it."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{run.day}.json"
    path.write_text(json.dumps(asdict(run), indent=1) + "\n")
    return path


def newest_run() -> Run:
    """Return the last run that was saved; IndexError when none was."""
    return read_run(sorted(RESULTS.glob("[0-9]*.json"))[-1])


def read_run(path: Path) -> Run:
    """Return the run that `save` wrote to `path`."""
    document = json.loads(path.read_text())
    return Run(**document | {"rounds": [_round(values) for values in document["rounds"]]})


def _round(values: dict[str, Any]) -> Round:
    measurements = {
        name: Measurement(**measured | {"readers": ReadersReport(**measured["readers"])})
        for name, measured in values["measurements"].items()
    }
    return Round(Scenario(**values["scenario"]), measurements)


def markdown(run: Run) -> str:
    """Return the whole run: when and where it was made, the tables, and the figures of no scenario."""
    figures = "\n".join(f"- {name}: {value}" for name, value in run.figures.items())
    return "\n\n".join(part for part in (caption(run), markdown_tables(run.rounds), figures) if part)


def caption(run: Run) -> str:
    """Return when, where and how thoroughly it was measured, in sentences."""
    its_machine = run.machine
    place = (
        f"{its_machine['cores']} cores of {its_machine['processor']} ({its_machine['architecture']}), "
        f"Linux {its_machine['kernel']}, Python {its_machine['python']}, "
        f"load average {its_machine['load_average_1_min']} at the end"
    )
    versions = ", ".join(f"{name} {version}" for name, version in run.versions.items())
    return f"Measured {run.day} on {place}: {thoroughness(run)}. {versions}."


def thoroughness(run: Run) -> str:
    """Return how many rounds there were, how long, and, where some were left out, of how many scenarios."""
    seconds = statistics.median(m.readers.steady_s for a_round in run.rounds for m in a_round.measurements.values())
    counts = sorted({len(run.of(a_round.scenario)) for a_round in run.rounds})
    rounds = f"medians of {counts[0]} rounds" if counts[-1] > 1 else "one round"
    missing = [scenario for scenario in SCENARIOS if not run.of(scenario)]
    left_out = f"; {len(missing)} of {len(SCENARIOS)} scenarios were not run" if missing else ""
    return f"{rounds} of {seconds:.0f} s{left_out}"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _colon, value = line.partition(":")
        if name.strip() in ("model name", "Model"):
            return value.strip()
    return "unknown"
