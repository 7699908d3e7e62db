"""What the machine does to the service, beside viewers who must not notice: no descriptor left, ten thousand peers that
reset, a fault in our own code, a wall clock set back by a year, a network card whose queue is full.

Afterwards everything that can be counted is as it was. What a source does to it stands in `test_source_faults`, what
peers say in `test_adversity`.
"""

import http.client
import re
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest

from tests.support.browser.live_recorder import LiveRecorder, watch
from tests.support.hiccups import repeated_when_noisy
from tests.support.processes import open_descriptors, resident_bytes
from tests.support.rtsp.reader import MediaPacket, RtspReader
from tests.support.rtsp.wire import encode_request
from tests.support.sabotage import FATAL_RTCP, LEFT_FOR_THE_COLLECTOR, VARIABLE, YEAR_S
from tests.support.service import PROGRAM, RunningService, running_service
from tests.support.witness import Seen, Witness

PREFIX: Final = "edge_streamer_"
CONFIG: Final = """
[rtsp]
max_connections = 1000
max_connections_per_address = 1000
setup_within_s = 5
[streams.main]
width = 640
height = 360
bitrate_bps = 1000000
"""
STREAM_PATH: Final = "/api/v1/streams/main"
WITH_MULTICAST: Final = CONFIG.replace(
    "[rtsp]\n", '[multicast]\ninterface = "lo"\n[rtsp]\ntransports = ["tcp", "udp", "multicast"]\n'
)
WAIT_S: Final = 8.0
WORST_PAUSE_S: Final = 0.2
WORST_TURN_S: Final = 0.05
HELD_UP_S: Final = 0.03
"""A run that fails while the machine itself held a process up for so long is repeated."""
DESCRIPTORS: Final = 64
PEERS: Final = 100
RESETS: Final = 10_000
WARM_UP_RESETS: Final = 500
RESETS_IN_A_ROW: Final = 200
RESETS_LIMIT_S: Final = 20.0
GROWTH_LIMIT_BYTES: Final = 2 << 20
SENDER_REPORT_S: Final = 5.0
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_SENDER_REPORT: Final = 200
_NTP_UNIX_S: Final = 2_208_988_800


@dataclass(frozen=True, slots=True)
class Counts:
    """What must be as before when everybody has left."""

    descriptors: int
    sessions: float
    connections: float


def counts(service: RunningService) -> Counts:
    metrics = service.metrics()
    return Counts(
        open_descriptors(service.pid),
        metrics[f"{PREFIX}sessions_active"],
        metrics[f'{PREFIX}connections_open{{protocol="rtsp"}}'],
    )


def total(service: RunningService, name: str, **labels: str) -> float:
    """Return one sample of /metrics."""
    shown = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
    return service.metrics()[f"{PREFIX}{name}" + (f"{{{shown}}}" if shown else "")]


def ended(service: RunningService) -> dict[str, float]:
    """Return why sessions have ended, and how many."""
    series = re.compile(rf'{PREFIX}sessions_ended_total\{{reason="(.*)"\}}')
    found = {match[1]: value for name, value in service.metrics().items() if (match := series.fullmatch(name))}
    return {reason: value for reason, value in found.items() if value}


def wait_for(condition: Callable[[], object], service: RunningService) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, f"{counts(service)}\n{service.output}"
        time.sleep(0.02)


def settled_counts(service: RunningService) -> Counts:
    """Return them when they have stopped changing: a scrape's own connection may still be on its way out."""
    last = [counts(service) for _ in range(3)]
    while len(set(last)) > 1:
        last = [*last[1:], counts(service)]
    return last[0]


@contextmanager
def innocents(service: RunningService, *transports: str) -> Iterator[dict[str, Witness]]:
    """Viewers, and the check that whatever else came in the meantime is gone without a trace."""
    with ExitStack() as stack:
        url = service.rtsp_url("main")
        witnesses = {each: stack.enter_context(Witness(url, each)) for each in transports}
        before = settled_counts(service)
        yield witnesses
        wait_for(lambda: counts(service) == before, service)
        with RtspReader(url) as newcomer:
            newcomer.start()
            newcomer.next_rtp()
            newcomer.teardown()


def check_noticed_nothing(witness: Witness) -> Seen:
    seen = witness.stop()
    assert seen.gaps == ()
    assert {round(1000 * step_s) for step_s in seen.media_steps_s} == {33}
    assert seen.longest_pause_s < WORST_PAUSE_S
    return seen


@contextmanager
def sabotaged(
    sabotage: str, folder: Path, *, has_faults: bool = False, config: str = CONFIG
) -> Iterator[tuple[RunningService, Path]]:
    """Run the service with that sabotage, which is on while the file exists."""
    switch = folder / "switch"
    switch.unlink(missing_ok=True)
    program = (sys.executable, "-m", "tests.support.sabotage", sabotage, "edge_streamer")
    with running_service(
        config, program=program, environment={VARIABLE: str(switch)}, has_faults=has_faults
    ) as service:
        yield service, switch


# --- descriptors


@repeated_when_noisy(HELD_UP_S)
def test_no_descriptor_left():
    """Who is in stays in; who comes meanwhile waits or is hung up on; then all is as before."""
    limited = ("prlimit", f"--nofile={DESCRIPTORS}:{DESCRIPTORS}", *PROGRAM)
    with running_service(CONFIG, program=limited) as service:
        page = http.client.HTTPConnection(*service.http_address, timeout=WAIT_S)
        page.connect()
        with innocents(service, "tcp", "udp") as witnesses:
            url = service.rtsp_url("main")
            with ExitStack() as stack:
                inside = stack.enter_context(RtspReader(url, "udp"))
                inside.describe()
                peers = [
                    stack.enter_context(socket.create_connection(service.rtsp_address, WAIT_S)) for _ in range(PEERS)
                ]
                wait_for(lambda: is_exhausted(page), service)
                assert open_descriptors(service.pid) >= DESCRIPTORS - 1
                assert inside.setup().status == 461, "no socket for UDP; players ask for TCP next"
                peers[0].sendall(encode_request("OPTIONS", url, 1))
                assert peers[0].recv(4096).startswith(b"RTSP/1.0 200")
            wait_for(lambda: not is_full(service), service)
            assert ended(service) == {}
        page.close()  # it was there before the innocents' count, so it stays until theirs is over
        for witness in witnesses.values():
            check_noticed_nothing(witness)
        assert total(service, "limits_reached_total", limit="descriptors") > 0
        assert total(service, "handler_faults_total") == 0


def is_exhausted(page: http.client.HTTPConnection) -> bool:
    """Ask on a connection that is open already: a new one would have to wait, too."""
    page.request("GET", "/metrics")
    return f'{PREFIX}limits_reached_total{{limit="descriptors"}} 0.0'.encode() not in page.getresponse().read()


def is_full(service: RunningService) -> bool:
    return open_descriptors(service.pid) > DESCRIPTORS - 10


# --- peers that come and reset


def connect_and_reset(service: RunningService, times: int) -> None:
    for number in range(times):
        with socket.create_connection(service.rtsp_address, WAIT_S) as client:
            if number % RESETS_IN_A_ROW == 0:  # lets the server catch up: a full backlog would cost us a second
                client.sendall(encode_request("OPTIONS", "*", 1))
                assert client.recv(4096)
            elif number % 2:
                client.send(b"DESCRIBE rtsp://")
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)


@repeated_when_noisy(HELD_UP_S)
def test_ten_thousand_peers_that_connect_and_reset():
    with running_service(CONFIG) as service:
        with innocents(service, "tcp", "udp") as witnesses:
            connect_and_reset(service, WARM_UP_RESETS)
            resident = resident_bytes(service.pid)
            began = time.monotonic()
            connect_and_reset(service, RESETS)
            assert time.monotonic() - began < RESETS_LIMIT_S
        assert resident_bytes(service.pid) - resident < GROWTH_LIMIT_BYTES
        for witness in witnesses.values():
            check_noticed_nothing(witness)
        assert total(service, "rtsp_connections_total") > RESETS
        assert total(service, "handler_faults_total") == 0
        assert total(service, "loop_worst_turn_seconds") < WORST_TURN_S


# --- what comes and goes


def test_who_comes_and_goes_leaves_nothing_for_the_garbage_collector(tmp_path):
    """So it runs seldom (`app.run.GC_THRESHOLD`), and memory does not wait for it."""
    few, many = (left_for_the_collector(tmp_path, rounds) for rounds in (2, 12))
    assert many == few


def left_for_the_collector(folder: Path, rounds: int) -> int:
    with sabotaged("collector", folder, config=WITH_MULTICAST) as (service, _switch):
        before = settled_counts(service)
        for _ in range(rounds):
            connect_and_reset(service, 2)
            for transport in ("tcp", "udp"):
                visit(service, transport, has_manners=True)
                visit(service, transport, has_manners=False)
            for path, status in (
                ("/metrics", 200),
                ("/", 200),
                (f"{STREAM_PATH}/snapshot.jpg", 200),
                ("/nothing", 404),
            ):
                assert service.http(path)[0] == status
            visit_group(service)
            watch_in_browser(service)
            ask_for_garbage(service)
        wait_for(lambda: counts(service) == before, service)
        assert service.stop()[0] == 0
        return int(service.output.rpartition(f"{LEFT_FOR_THE_COLLECTOR}=")[2].split()[0])


def visit(service: RunningService, transport: str, *, has_manners: bool) -> None:
    with RtspReader(service.rtsp_url("main"), transport) as reader:
        reader.start()
        reader.next_rtp()
        if has_manners:
            reader.teardown()


def visit_group(service: RunningService) -> None:
    with RtspReader(service.rtsp_url("main")) as reader:
        assert reader.describe().status == 200
        answer = reader.request("SETUP", f"{reader.url}/trackID=0", {"Transport": "RTP/AVP;multicast"})
        reader.session_id = answer.session_id
        assert reader.play().status == 200
        reader.teardown()


def watch_in_browser(service: RunningService) -> None:
    with LiveRecorder(service, "main") as recorder:
        watch(recorder, until=lambda: recorder.browser.file)


def ask_for_garbage(service: RunningService) -> None:
    with socket.create_connection(service.rtsp_address, WAIT_S) as client:
        client.sendall(b"GARBAGE\r\n\r\n")
        assert client.recv(4096).startswith(b"RTSP/1.0 400")


# --- our own fault


@repeated_when_noisy(HELD_UP_S)
def test_a_fault_of_ours_ends_that_session_and_is_told(tmp_path):
    with sabotaged("rtcp", tmp_path, has_faults=True) as (service, _switch):
        with innocents(service, "tcp", "udp") as witnesses:
            for number, transport in enumerate(("tcp", "udp"), start=1):
                with RtspReader(service.rtsp_url("main"), transport) as victim:
                    victim.start()
                    victim.next_rtp()
                    victim.send_rtcp(FATAL_RTCP)
                    wait_for(lambda count=number: ended(service) == {"internal_error": count}, service)
        for witness in witnesses.values():
            check_noticed_nothing(witness)
        assert total(service, "handler_faults_total") == 2
        assert service.output.count("RuntimeError: sabotage") == 2
        assert len(re.findall("session ended reason=internal_error", service.output)) == 2


# --- the wall clock


@dataclass(frozen=True, slots=True)
class Report:
    """An RTCP sender report (RFC 3550 section 6.4.1), and when it came (monotonic)."""

    wall_s: float
    rtp_timestamp: int
    arrived: float

    @classmethod
    def parse(cls, packet: MediaPacket) -> "Report":
        seconds, fraction, rtp_timestamp = struct.unpack_from(">III", packet.data, 8)
        return cls(seconds - _NTP_UNIX_S + fraction / (1 << 32), rtp_timestamp, packet.arrived)


@repeated_when_noisy(HELD_UP_S)
def test_a_wall_clock_set_back_by_a_year_changes_nothing_but_the_date(tmp_path):
    with sabotaged("clock", tmp_path) as (service, switch):
        with innocents(service, "tcp", "udp") as witnesses:
            switch.touch()
            set_back = time.monotonic()
            time.sleep(SENDER_REPORT_S + 0.5)
            assert service.http("/healthz") == (200, b"ok\n")
            last_frame_s = total(service, "source_last_frame_timestamp_seconds", stream="main")
            assert last_frame_s == pytest.approx(time.time() - YEAR_S, abs=1)
            with RtspReader(service.rtsp_url("main"), "udp") as newcomer:
                newcomer.start()
                newcomer.next_rtp()
                newcomer.teardown()
            switch.unlink()
            time.sleep(0.5)
            assert ended(service) == {"teardown": 1}
        for witness in witnesses.values():
            check_reports(check_noticed_nothing(witness), set_back)
        assert not any(count for name, count in service.metrics().items() if "source_restarts_total" in name)
        assert total(service, "handler_faults_total") == 0


def check_reports(seen: Seen, set_back: float) -> None:
    """The date steps, and the line of time stamps through the reports does not."""
    packets = [packet for packet in seen.packets if packet.kind == "rtcp" and packet.data[1] == _SENDER_REPORT]
    reports = [Report.parse(packet) for packet in packets]
    for report in reports:
        ago_s = YEAR_S if report.arrived > set_back + 0.1 else 0
        assert report.wall_s == pytest.approx(time.time() - (time.monotonic() - report.arrived) - ago_s, abs=0.1)
    assert {report.arrived > set_back for report in reports} == {False, True}
    for earlier, later in pairwise(reports):
        ticks = (later.rtp_timestamp - earlier.rtp_timestamp) % (1 << 32)
        assert ticks / 90_000 == pytest.approx(later.arrived - earlier.arrived, abs=0.05)


# --- the network card


@repeated_when_noisy(HELD_UP_S)
def test_a_full_send_queue_costs_frames_and_no_session(tmp_path):
    with sabotaged("buffers", tmp_path) as (service, switch):
        with innocents(service, "tcp", "udp") as witnesses:
            switch.touch()
            time.sleep(1.0)
            switch.unlink()
            again = time.monotonic()
            wait_for(lambda: len(list(witnesses["udp"].packets_since(again + 0.1))) > 10, service)
            assert total(service, "discarded_frames_total", transport="udp") == pytest.approx(30, abs=6)
            assert total(service, "discarded_frames_total", transport="tcp") == 0
            assert ended(service) == {}
        assert len(witnesses["udp"].stop().gaps) == 1
        check_noticed_nothing(witnesses["tcp"])
        assert service.output.count("UDP send failed") <= 1
        assert total(service, "handler_faults_total") == 0
