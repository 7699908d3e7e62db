"""What one frame to many readers costs, beside other servers: `python -m benchmarks.fanout [--rounds 5] [--save]`.

For each scenario the service, the floor and the peers that this machine has run one after the other with the same clip,
each in a process of its own, and are played from another process. What they spent while all readers were playing is
read from the kernel. Ratios are taken within such a round, so that a busy or throttled machine does not bend them.
Prints Markdown; progress goes to stderr. `--save` also writes results/<date>.json and, from it, the tables of
docs/performance.md and README.md (`benchmarks.pages`). Ends only the processes it started.
"""

import argparse
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from benchmarks.clip import Clip, ensure_clip
from benchmarks.pages import MEMORY_OF_ONE_MORE, write_pages
from benchmarks.readers import MAX_SECONDS, ReadersReport
from benchmarks.report import SCENARIOS, Measurement, Round, Run, Scenario, markdown, save
from benchmarks.servers import FLOOR, OURS, Load, Server, Target, next_event, our_servers, peers, started
from edge_streamer import __version__
from tests.support.processes import child_pids, cpu_s, proportional_bytes, resident_bytes
from tests.support.service import running_service

MAX_ROUNDS: Final = 20
IDLE_S: Final = 10.0
ATTEMPTS: Final = 3
"""How often a server may be started until its readers end in order; a whole run takes long."""


def measure(servers: Sequence[Server], scenarios: Sequence[Scenario], seconds: float, rounds: int) -> list[Round]:
    """Return every scenario's rounds; scenarios take turns, so that a slow minute does not hit one alone."""
    return [
        _measure_round(servers, scenario, seconds, f"round {index + 1} of {rounds}")
        for index in range(rounds)
        for scenario in scenarios
    ]


def _measure_round(servers: Sequence[Server], scenario: Scenario, seconds: float, which: str) -> Round:
    clip = ensure_clip(scenario.bitrate_bps)
    measurements = {}
    for server in servers:
        measurement = _measure_server(server, clip, scenario, seconds)
        measurements[server.name] = measurement
        joined = f"{measurement.readers.connected} joined, {measurement.readers.gaps} gaps"
        _say(f"{which}: {scenario.name}: {server.name} {measurement.cpu_s_per_gigabit:.3f} CPU-s/Gbit, {joined}")
    return Round(scenario, measurements)


def _measure_server(server: Server, clip: Clip, scenario: Scenario, seconds: float) -> Measurement:
    """Measure a server; one that dies under its readers, as gst-rtsp-server does now and then, is started again."""
    for _ in range(ATTEMPTS - 1):
        try:
            return _attempt(server, clip, scenario, seconds)
        except RuntimeError as error:
            _say(f"{scenario.name}: {server.name} could not be measured, and is tried again: {error}")
    return _attempt(server, clip, scenario, seconds)


def _attempt(server: Server, clip: Clip, scenario: Scenario, seconds: float) -> Measurement:
    with (
        server.start(clip, Load(scenario.transport, scenario.readers, seconds)) as target,
        _readers(target, scenario, seconds) as readers,
    ):
        return _measurement(target, readers)


def _measurement(target: Target, readers: subprocess.Popen[str]) -> Measurement:
    """Read the CPU where the readers say that the steady phase begins and where it ends."""
    next_event(readers, "steady")
    process_s, children_s = _cpu_s(target.pid)
    report = ReadersReport(**next_event(readers, "finished"))
    process_end_s, children_end_s = _cpu_s(target.pid)
    return Measurement(
        process_end_s - process_s,
        children_end_s - children_s,
        report,
        resident_bytes(target.pid),
        proportional_bytes(target.pid),
    )


def _cpu_s(pid: int) -> tuple[float, float]:
    return cpu_s(pid), sum(cpu_s(child) for child in child_pids(pid))


@contextmanager
def _readers(target: Target, scenario: Scenario, seconds: float) -> Iterator[subprocess.Popen[str]]:
    arguments = (target.url, "--transport", scenario.transport, "--count", scenario.readers, "--seconds", seconds)
    flags = [flag for flag, is_set in (("--raw", target.is_raw), ("--udp-gro", scenario.udp_gro)) if is_set]
    with started("benchmarks.readers", *arguments, *flags) as process:
        yield process


def measure_idle_share() -> float:
    """Return the share of a core that the server takes while its sources run and nobody watches."""
    with running_service() as service:
        time.sleep(2)
        before_s = cpu_s(service.pid)
        time.sleep(IDLE_S)
        return (cpu_s(service.pid) - before_s) / IDLE_S


def _bytes_per_reader(rounds: Sequence[Round]) -> float:
    """Return what one more TCP reader adds to the server's resident memory, from the rounds with 1 and with 200."""

    def smallest(readers: int) -> int:
        scenario = Scenario("tcp", readers)
        return min(r.measurements[OURS].resident_bytes for r in rounds if r.scenario == scenario)

    return (smallest(200) - smallest(1)) / 199


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _losses(rounds: Sequence[Round]) -> list[str]:
    """Return what readers of the service missed; a figure of a run with losses is no figure."""
    reports = [(a_round.scenario.name, a_round.measurements[OURS].readers) for a_round in rounds]
    return [f"{name}: {r.gaps} gaps, failures {r.failures}" for name, r in reports if r.gaps or r.failures]


def main() -> int:
    """Run the benchmark; exit 1 if a reader of the service lost something, for then the figures mean nothing."""
    parser = argparse.ArgumentParser(description="CPU a gigabit, memory and lateness, beside other servers.")
    parser.add_argument("--seconds", type=float, default=5.0, help="the steady phase of each measurement")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="+", help="only scenarios whose name contains one of these, e.g. '200 TCP'")
    parser.add_argument("--no-peers", action="store_true", help="the service and the floor alone")
    parser.add_argument("--save", action="store_true", help="also write benchmarks/results/<date>.json and the pages")
    arguments = parser.parse_args()
    if not 0 < arguments.seconds <= MAX_SECONDS or not 0 < arguments.rounds <= MAX_ROUNDS:
        parser.error(f"at most {MAX_SECONDS} seconds and {MAX_ROUNDS} rounds")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    scenarios = [scenario for scenario in SCENARIOS if any(part in scenario.name for part in arguments.only or [""])]
    servers = our_servers(__version__) + ([] if arguments.no_peers else peers(_say))
    rounds = measure(servers, scenarios, arguments.seconds, arguments.rounds)
    versions = {server.name: server.version for server in servers if server.name != FLOOR}
    run = Run.now(rounds, versions, {} if arguments.only else _figures(rounds))
    print(markdown(run))
    if arguments.save:
        _say(f"written: {save(run)}, {', '.join(write_pages())}")
    losses = _losses(rounds)
    for loss in losses:
        _say(loss)
    return 1 if losses else 0


def _figures(rounds: Sequence[Round]) -> dict[str, str]:
    _say("idle")
    return {
        "server without a reader, share of a core": f"{measure_idle_share():.2%}",
        MEMORY_OF_ONE_MORE: f"{_bytes_per_reader(rounds) / 1000:.1f} kB",
    }


if __name__ == "__main__":
    sys.exit(main())
