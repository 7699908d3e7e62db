"""From counted instructions to a table: one version of the server is a result, saved under its name.

Called by `benchmarks.instructions`, which counts, and by `benchmarks.pages`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from benchmarks.report import RESULTS

READERS: Final = (1, 4, 50)
TRANSPORTS: Final = ("tcp", "udp")
_PREFIX: Final = "instructions-"


@dataclass(frozen=True, slots=True)
class Counts:
    """Of one run, or of one frame: instructions in user space and system calls."""

    instructions: float
    system_calls: float

    def __sub__(self, other: "Counts") -> "Counts":
        return Counts(self.instructions - other.instructions, self.system_calls - other.system_calls)

    def __truediv__(self, parts: float) -> "Counts":
        return Counts(self.instructions / parts, self.system_calls / parts)


@dataclass(frozen=True, slots=True)
class Scenario:
    """So many readers over that transport."""

    transport: str
    readers: int


@dataclass(frozen=True, slots=True)
class Result:
    """What one version of the server was counted to take a frame; `name` says which version."""

    name: str
    taken: str
    machine: Mapping[str, object]
    valgrind: str
    a_frame: Mapping[Scenario, Counts]


SCENARIOS: Final = tuple(Scenario(transport, readers) for transport in TRANSPORTS for readers in READERS)


def save(result: Result) -> Path:
    """Write `results/instructions-NAME.json` and return its path; a result of that name is replaced."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{_PREFIX}{result.name}.json"
    counts = [asdict(scenario) | asdict(a_frame) for scenario, a_frame in result.a_frame.items()]
    document = asdict(replace(result, a_frame={})) | {"a_frame": counts}
    path.write_text(json.dumps(document, indent=1) + "\n")
    return path


def saved_results() -> list[Result]:
    """Return all that was saved, the oldest first."""
    documents = [json.loads(path.read_text()) for path in RESULTS.glob(f"{_PREFIX}*.json")]
    return sorted(map(_result, documents), key=lambda result: result.taken)


def _result(document: dict[str, Any]) -> Result:
    a_frame = {
        Scenario(row["transport"], row["readers"]): Counts(row["instructions"], row["system_calls"])
        for row in document["a_frame"]
    }
    return Result(**document | {"a_frame": a_frame})


def markdown_table(results: Sequence[Result]) -> str:
    """Return instructions and system calls a frame, one row a scenario, two columns a result."""
    names = [f"{result.name}: {what}" for result in results for what in ("instructions", "system calls")]
    rows = [["a frame to", *names], ["---", *["---:"] * len(names)]]
    for transport in TRANSPORTS:
        for readers in READERS:
            counts = [result.a_frame[Scenario(transport, readers)] for result in results]
            rows.append([f"{readers} {transport.upper()}", *_cells(counts)])
        rows.append(
            [f"one {transport.upper()} reader more", *_cells([_one_more(result, transport) for result in results])]
        )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _one_more(result: Result, transport: str) -> Counts:
    fewest, most = READERS[0], READERS[-1]
    more = result.a_frame[Scenario(transport, most)] - result.a_frame[Scenario(transport, fewest)]
    return more / (most - fewest)


def _cells(counts: Sequence[Counts]) -> list[str]:
    return [
        text
        for a_frame in counts
        for text in (f"{round(a_frame.instructions, -2):,.0f}", f"{a_frame.system_calls:.1f}")
    ]
