"""What one frame to many readers costs: `python -m benchmarks.fanout [--seconds 10] [--rounds 3] [--save]`.

Starts the service with a looped 4 Mbit/s clip on free loopback ports, lets 1, 50 and 200 TCP and 50 UDP readers play
it from another process, and reads from the kernel what the server and its source spent while all were playing. Each
measurement is followed by the floor's with the same readers, so that the ratio holds on a busy or throttled machine
too. Prints a Markdown table; progress goes to stderr. Ends only the processes it started.
"""

import argparse
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.clip import FPS, Clip, ensure_clip
from benchmarks.readers import JOIN_DEADLINE_S, MAX_SECONDS, ReadersReport
from benchmarks.report import Round, Scenario, Spent, machine, markdown_table, save
from tests.support.processes import child_pids, cpu_s, proportional_bytes, resident_bytes
from tests.support.service import RunningService, running_service

SCENARIOS: Final = (Scenario("tcp", 1), Scenario("tcp", 50), Scenario("tcp", 200), Scenario("udp", 50))
MAX_ROUNDS: Final = 20
STREAM: Final = "clip"
FLOOR_MARGIN_S: Final = 2 * JOIN_DEADLINE_S
"""A floor sender outlives its readers by this at most, whatever becomes of us."""


@dataclass(frozen=True, slots=True)
class _Cpu:
    process_s: float
    children_s: float


def measure(service: RunningService, clip: Clip, seconds: float, rounds: int) -> list[Round]:
    """Return every scenario's rounds; scenarios take turns, so that a slow minute does not hit one alone."""
    return [
        _measure_round(service, clip, scenario, seconds, f"round {index + 1} of {rounds}")
        for index in range(rounds)
        for scenario in SCENARIOS
    ]


def service_config(clip: Clip) -> str:
    """Return the configuration of the service under test: the clip, and room for every reader from one address."""
    most = max(scenario.readers for scenario in SCENARIOS) + 8
    return (
        f"[rtsp]\nmax_sessions = {most}\nmax_sessions_per_address = {most}\nmax_connections_per_address = {most}\n"
        f"[streams.{STREAM}]\nsource = 'file'\npath = {json.dumps(str(clip.path.resolve()))}\n"
    )


def _measure_round(service: RunningService, clip: Clip, scenario: Scenario, seconds: float, which: str) -> Round:
    _show_progress(f"{which}: {scenario.name}")
    with _readers(service.rtsp_url(STREAM), scenario, seconds) as readers:
        served = _spent(service.pid, readers)
        resident, proportional = resident_bytes(service.pid), proportional_bytes(service.pid)
    _show_progress(f"{which}: {scenario.name}: {served.cpu_s_per_gigabit:.3f} CPU-s/Gbit, now the floor")
    floor = _measure_floor(clip, scenario, seconds)
    _show_progress(f"{which}: {scenario.name}: floor {floor.cpu_s_per_gigabit:.3f} CPU-s/Gbit")
    return Round(scenario, served, floor, resident, proportional)


def _measure_floor(clip: Clip, scenario: Scenario, seconds: float) -> Spent:
    lifetime_s = seconds + FLOOR_MARGIN_S
    arguments = ("--transport", scenario.transport, "--count", scenario.readers, "--frame-bytes", clip.mean_frame_bytes)
    with _started("benchmarks.floor", *arguments, "--fps", FPS, "--lifetime-s", lifetime_s) as floor:
        port = _next_event(floor, "listening")["port"]
        with _readers(f"{scenario.transport}://127.0.0.1:{port}", scenario, seconds, "--raw") as readers:
            return _spent(floor.pid, readers)


def _spent(pid: int, readers: subprocess.Popen[str]) -> Spent:
    """Read the CPU where the readers say that the steady phase begins and where it ends."""
    _next_event(readers, "steady")
    before = _cpu(pid)
    report = ReadersReport(**_next_event(readers, "finished"))
    after = _cpu(pid)
    return Spent(after.process_s - before.process_s, after.children_s - before.children_s, report)


def _cpu(pid: int) -> _Cpu:
    return _Cpu(cpu_s(pid), sum(cpu_s(child) for child in child_pids(pid)))


@contextmanager
def _readers(url: str, scenario: Scenario, seconds: float, *more: str) -> Iterator[subprocess.Popen[str]]:
    arguments = (url, "--transport", scenario.transport, "--count", scenario.readers, "--seconds", seconds, *more)
    with _started("benchmarks.readers", *arguments) as process:
        yield process


@contextmanager
def _started(module: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Run a part of the benchmark as a process until the block ends; each part is bounded in time by itself."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()


def _next_event(process: subprocess.Popen[str], event: str) -> dict[str, Any]:
    """Return the values of the line that announces `event`; RuntimeError if the process ended or said otherwise."""
    assert process.stdout is not None
    line = process.stdout.readline()
    values: dict[str, Any] = json.loads(line) if line else {}
    if values.pop("event", None) != event:
        raise RuntimeError(f"{process.args!r} said {line!r} and not {event}")
    return values


def _show_progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _losses(rounds: list[Round]) -> list[str]:
    """Return what readers of the service missed; a figure of a run with losses is no figure."""
    reports = [(a_round.scenario.name, a_round.service.readers) for a_round in rounds]
    return [f"{name}: {r.gaps} gaps, failures {r.failures}" for name, r in reports if r.gaps or r.failures]


def main() -> int:
    """Run the benchmark; exit 1 if a reader lost something, for then the figures mean nothing."""
    parser = argparse.ArgumentParser(description="CPU a gigabit, memory and time to first packet of the fan-out.")
    parser.add_argument("--seconds", type=float, default=10.0, help="the steady phase of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--save", action="store_true", help="also write benchmarks/results/<date>.json")
    arguments = parser.parse_args()
    if not 0 < arguments.seconds <= MAX_SECONDS or not 0 < arguments.rounds <= MAX_ROUNDS:
        parser.error(f"at most {MAX_SECONDS} seconds and {MAX_ROUNDS} rounds")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    clip = ensure_clip()
    with running_service(service_config(clip)) as service:
        rounds = measure(service, clip, arguments.seconds, arguments.rounds)
    print(", ".join(f"{name} {value}" for name, value in machine().items()), end="\n\n")
    print(markdown_table(rounds))
    if arguments.save:
        _show_progress(f"written: {save(rounds, clip.bitrate_bps)}")
    losses = _losses(rounds)
    for loss in losses:
        _show_progress(loss)
    return 1 if losses else 0


if __name__ == "__main__":
    sys.exit(main())
