"""What a scrape of `/metrics` costs while 64 viewers watch: `python -m benchmarks.scrape [--sessions 64]`.

A real service, real TCP viewers in a process of their own, and a scraper that asks as Prometheus does. Phases with and
without scrapes take turns: the difference of the server's CPU is what scrapes cost, whatever else the machine does. How
long an answer took has the machine's other work in it; `collector_seconds` is the server's own clock.
"""

import argparse
import http.client
import re
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final

from benchmarks.servers import next_event, started
from tests.support.processes import cpu_s
from tests.support.service import RunningService, running_service

CONFIG: Final = """
[rtsp]
max_sessions = {sessions}
max_sessions_per_address = {sessions}
[streams.main]
source = "testpattern"
width = 640
height = 360
bitrate_bps = 500_000
"""
HEADERS: Final = {
    "accept": "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
}
PHASES: Final = 4
PHASE_S: Final = 4.0
SCRAPE_INTERVAL_S: Final = 0.05
"""Far more often than Prometheus asks, for a figure that stands out from what the viewers cost."""
MAX_SESSIONS: Final = 1000
_COLLECTOR_SECONDS: Final = re.compile(rb"^edge_streamer_collector_seconds\{[^}]*\} (\S+)", re.MULTILINE)


@dataclass(slots=True)
class Scrapes:
    """What was measured of each scrape, and the server's CPU while it scraped and while it did not."""

    answered_s: list[float] = field(default_factory=list)
    collected_s: list[float] = field(default_factory=list)
    cpu_with_s: float = 0.0
    cpu_without_s: float = 0.0

    @property
    def cpu_each_s(self) -> float:
        """The server's CPU for one scrape."""
        return (self.cpu_with_s - self.cpu_without_s) / len(self.answered_s)


def measure(sessions: int) -> Scrapes:
    """Return what scrapes cost while `sessions` viewers watch."""
    scrapes = Scrapes()
    viewing_s = 2 * PHASES * PHASE_S + 5
    with (
        running_service(CONFIG.format(sessions=sessions)) as service,
        started("benchmarks.readers", service.rtsp_url("main"), "--count", sessions, "--seconds", viewing_s) as viewers,
        closing(http.client.HTTPConnection(*service.http_address)) as connection,
    ):
        next_event(viewers, "steady")
        for _ in range(PHASES):
            scrapes.cpu_without_s += _cpu_of(service, lambda: time.sleep(PHASE_S))
            scrapes.cpu_with_s += _cpu_of(service, lambda: _scrape(connection, scrapes))
    return scrapes


def _cpu_of(service: RunningService, act: Callable[[], None]) -> float:
    before_s = cpu_s(service.pid)
    act()
    return cpu_s(service.pid) - before_s


def _scrape(connection: http.client.HTTPConnection, scrapes: Scrapes) -> None:
    deadline = time.perf_counter() + PHASE_S
    while (began := time.perf_counter()) < deadline:
        connection.request("GET", "/metrics", headers=HEADERS)
        body = connection.getresponse().read()
        scrapes.answered_s.append(time.perf_counter() - began)
        found = _COLLECTOR_SECONDS.search(body)
        assert found is not None, body[-200:]
        scrapes.collected_s.append(float(found[1]))
        time.sleep(SCRAPE_INTERVAL_S)


def _milliseconds(times_s: Sequence[float]) -> str:
    ordered = [f"{each_s * 1e3:.2f} ms" for each_s in sorted(times_s)]
    median, p99 = ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
    return f"at best {ordered[0]}, {median} in the middle, p99 {p99}, at most {ordered[-1]}"


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=64)
    sessions = parser.parse_args().sessions
    if not 0 < sessions <= MAX_SESSIONS:
        parser.error(f"--sessions is from 1 to {MAX_SESSIONS}")
    scrapes = measure(sessions)
    print(f"{len(scrapes.answered_s)} scrapes beside {sessions} viewers")
    print(f"- CPU of the server: {scrapes.cpu_each_s * 1e3:.2f} ms each")
    print(f"- status and text (collector_seconds): {_milliseconds(scrapes.collected_s)}")
    print(f"- until the scraper had it: {_milliseconds(scrapes.answered_s)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
