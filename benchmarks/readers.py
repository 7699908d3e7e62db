"""The load client: many RTSP readers in one process on one epoll, lean enough to leave the server as the bottleneck.

Called by `benchmarks.fanout` as a process of its own (`python -m benchmarks.readers URL --count 50`), so that the
server's CPU stays separate. It prints one JSON object a line: `steady` when everybody has its media and the burst of
joining is over, `finished` with the report `--seconds` later. With `--raw` it drains `benchmarks.floor` instead. No
keep-alive is sent, so a run must end before the server's session time-out.
"""

import argparse
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from benchmarks.sockets import Drain, RawTcpReader, RawUdpReader, Reader, RtspTcpReader, RtspUdpReader
from benchmarks.tally import lateness_s
from tests.support.rtsp.wire import Transport

MAX_READERS: Final = 1000
TIMED_READERS: Final = 20
"""Of these the arrival of each frame is noted; they are spread evenly over the order in which all joined."""
MAX_SECONDS: Final = 45.0
"""Joining, settling and this stay under the 60 s after which a server may drop a silent session (RFC 2326 12.37)."""
JOIN_INTERVAL_S: Final = 0.005
"""Between two readers' connects: an NVR's cameras do not all come in one millisecond."""
JOIN_DEADLINE_S: Final = 8.0
SETTLE_S: Final = 1.0
"""After the last join: the cached frames with which a reader may start are not part of the steady phase."""
LINGER_S: Final = 0.3
"""After the report: CPU and memory of the server are read before its readers' leaving costs anything."""


@dataclass(frozen=True, slots=True)
class ReadersReport:
    """One run. Gaps and failures are those of the whole run, all else but the first packets of the steady phase."""

    transport: Transport
    count: int
    connected: int
    steady_s: float
    bytes: int
    packets: int
    gaps: int
    lost_packets: int
    first_packet_p50_s: float | None
    first_packet_max_s: float | None
    lateness_p50_s: float | None
    lateness_p99_s: float | None
    client_cpu_s: float
    failures: Mapping[str, int]


def run_readers(
    url: str,
    transport: Transport,
    count: int,
    seconds: float,
    *,
    is_raw: bool = False,
    udp_gro: bool = False,
    on_steady: Callable[[], None] = lambda: None,
    on_finished: Callable[[ReadersReport], None] = lambda _report: None,
) -> ReadersReport:
    """Run `count` readers of `url` for `seconds` after all have joined, and return what they got.

    `udp_gro` has UDP readers ask the kernel for whole runs of datagrams, which players do not do: on loopback such a
    run is then never cut into datagrams at all. Over TCP it means nothing.
    The callbacks mark the steady phase for whoever measures the server; the readers stay for `LINGER_S` after it.
    """
    if not 0 < count <= MAX_READERS or not 0 < seconds <= MAX_SECONDS:
        raise ValueError(f"{count} readers for {seconds} s: allowed are {MAX_READERS} and {MAX_SECONDS} s")
    with Drain() as drain:
        readers = _join_all(drain, url, count, _reader_kind(transport, is_raw=is_raw, udp_gro=udp_gro))
        drain.run_for(SETTLE_S)
        on_steady()
        before = _mark(readers)
        drain.run_for(seconds)
        report = _report(transport, readers, before, _mark(readers))
        on_finished(report)
        drain.run_for(LINGER_S)
        return report


@dataclass(frozen=True, slots=True)
class _Mark:
    now: float
    cpu_s: float
    bytes: int
    packets: int


def _mark(readers: list[Reader]) -> _Mark:
    return _Mark(
        now=time.monotonic(),
        cpu_s=time.process_time(),
        bytes=sum(reader.tally.bytes for reader in readers),
        packets=sum(reader.tally.packets for reader in readers),
    )


def _report(transport: Transport, readers: list[Reader], before: _Mark, after: _Mark) -> ReadersReport:
    waits_s = [reader.first_packet_s for reader in readers if reader.first_packet_s is not None]
    arrivals = [(timestamp, now) for reader in readers for timestamp, now in reader.arrivals if now >= before.now]
    lateness = sorted(lateness_s(arrivals))
    return ReadersReport(
        transport=transport,
        count=len(readers),
        connected=sum(reader.is_receiving for reader in readers),
        steady_s=after.now - before.now,
        bytes=after.bytes - before.bytes,
        packets=after.packets - before.packets,
        gaps=sum(reader.tally.gaps for reader in readers),
        lost_packets=sum(reader.tally.lost_packets for reader in readers),
        first_packet_p50_s=statistics.median(waits_s) if waits_s else None,
        first_packet_max_s=max(waits_s, default=None),
        lateness_p50_s=_percentile(lateness, 0.50),
        lateness_p99_s=_percentile(lateness, 0.99),
        client_cpu_s=after.cpu_s - before.cpu_s,
        failures=_failures(readers),
    )


def _percentile(ordered: list[float], share: float) -> float | None:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


def _join_all(drain: Drain, url: str, count: int, start: Callable[..., Reader]) -> list[Reader]:
    """Start the readers one after the other; return when each receives or has failed, or at the deadline."""
    readers = []
    timed = {round(index * (count - 1) / max(1, TIMED_READERS - 1)) for index in range(TIMED_READERS)}
    for index in range(count):
        readers.append(start(drain, url, is_timed=index in timed))
        drain.run_for(JOIN_INTERVAL_S)
    deadline = time.monotonic() + JOIN_DEADLINE_S
    while time.monotonic() < deadline and not all(reader.is_receiving or reader.failure for reader in readers):
        drain.run_for(JOIN_INTERVAL_S)
    return readers


def _reader_kind(transport: Transport, *, is_raw: bool, udp_gro: bool) -> Callable[..., Reader]:
    if transport == "tcp":
        return RawTcpReader if is_raw else RtspTcpReader
    return partial(RawUdpReader if is_raw else RtspUdpReader, udp_gro=udp_gro)


def _failures(readers: list[Reader]) -> dict[str, int]:
    """Return reason -> readers; a reader to which nothing came has failed without saying so."""
    reasons = (reader.failure or (None if reader.is_receiving else "no media") for reader in readers)
    return dict(Counter(reason for reason in reasons if reason is not None))


def _print_event(event: str, **values: object) -> None:
    print(json.dumps({"event": event} | values), flush=True)


def main() -> int:
    """Run the readers that the command line asks for; exit 1 if one of them did not receive to the end."""
    parser = argparse.ArgumentParser(description="Many RTSP readers in one process.")
    parser.add_argument("url", help="rtsp://HOST:PORT/STREAM, or tcp://HOST:PORT and udp://HOST:PORT with --raw")
    parser.add_argument("--transport", choices=("tcp", "udp"), default="tcp")
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--raw", action="store_true", help="drain the floor's sender: no RTSP, no framing")
    parser.add_argument("--udp-gro", action="store_true", help="over UDP, receive whole runs of datagrams (UDP_GRO)")
    arguments = parser.parse_args()
    if urlsplit(arguments.url).port is None:
        parser.error("the URL needs a port")
    report = run_readers(
        arguments.url,
        arguments.transport,
        arguments.count,
        arguments.seconds,
        is_raw=arguments.raw,
        udp_gro=arguments.udp_gro,
        on_steady=lambda: _print_event("steady"),
        on_finished=lambda finished: _print_event("finished", **asdict(finished)),
    )
    return 0 if report.connected == report.count else 1


if __name__ == "__main__":
    sys.exit(main())
