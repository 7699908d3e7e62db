"""The numbers while people watch: who is there, how much they get, why they left, and what the SDP promises."""

import re
import subprocess
import time
from collections import deque
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Final

import pytest

from tests.support.hiccups import repeated_when_noisy
from tests.support.rtsp.reader import MediaPacket, RtspReader
from tests.support.service import RunningService
from tests.support.witness import Witness

PREFIX: Final = "edge_streamer_"
MEASURED_S: Final = 4.0
GONE_WITHIN_S: Final = 2.0
IP_UDP_HEADER_BYTES: Final = 28


def slot_series(metrics: dict[str, float]) -> set[str]:
    """The series of single sessions."""
    return {series for series in metrics if re.search(r'\bslot="', series)}


def slot_of(metrics: dict[str, float], session_id: str) -> str:
    """The slot in which `session_info` says that the session sits."""
    (info,) = (series for series in metrics if series.startswith(f"{PREFIX}session_info") and session_id in series)
    found = re.search(r'slot="(\d+)"', info)
    assert found is not None
    return found[1]


def ended(metrics: dict[str, float], reason: str) -> float:
    return metrics[f'{PREFIX}sessions_ended_total{{reason="{reason}"}}']


def metrics_when_empty(service: RunningService) -> dict[str, float]:
    deadline = time.monotonic() + GONE_WITHIN_S
    while (metrics := service.metrics())[f"{PREFIX}sessions_active"]:
        assert time.monotonic() < deadline, service.output
        time.sleep(0.02)
    return metrics


@repeated_when_noisy(0.05)
def test_sent_bytes_are_what_readers_received(service):
    with Witness(service.rtsp_url("main"), "tcp") as tcp, Witness(service.rtsp_url("main"), "udp") as udp:
        readers = {"tcp": tcp.reader, "udp": udp.reader}
        before = service.metrics()
        received_before = {transport: reader.received_bytes for transport, reader in readers.items()}
        time.sleep(MEASURED_S)
        after = service.metrics()
        received = {
            transport: reader.received_bytes - received_before[transport] for transport, reader in readers.items()
        }
        for transport, reader in readers.items():
            slot = slot_of(after, reader.session_id)
            for series in (
                f'{PREFIX}session_sent_bytes_total{{slot="{slot}"}}',
                f'{PREFIX}sent_bytes_total{{transport="{transport}"}}',
            ):
                assert after[series] - before[series] == pytest.approx(received[transport], rel=0.05)


def test_sessions_come_and_go_with_their_series_and_their_reason(service):
    before = metrics_when_empty(service)
    with ExitStack() as stack:
        polite, rude, mute = (
            stack.enter_context(Witness(service.rtsp_url("main"), transport)) for transport in ("tcp", "tcp", "udp")
        )
        during = service.metrics()
        slots = {slot_of(during, witness.reader.session_id) for witness in (polite, rude, mute)}
        for witness in (polite, rude, mute):
            witness.stop()
        polite.reader.teardown()
    after = metrics_when_empty(service)

    assert slot_series(before) == slot_series(after) == set()
    assert during[f"{PREFIX}sessions_active"] == 3
    assert slots == {"0", "1", "2"}
    for name in ("session_backlog_bytes", "session_sent_bytes_total", "session_start_timestamp_seconds"):
        assert {f'{PREFIX}{name}{{slot="{slot}"}}' for slot in range(3)} <= slot_series(during)
    reasons = ("teardown", "peer_closed", "unreachable")
    assert {reason: ended(after, reason) - ended(before, reason) for reason in reasons} == dict.fromkeys(reasons, 1)


def test_the_live_scrape_passes_the_linter(service):
    with Witness(service.rtsp_url("main"), "tcp"), Witness(service.rtsp_url("sub"), "udp"):
        _status, scrape = service.http("/metrics")
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=scrape, capture_output=True, timeout=30, check=False
    )
    assert checked.returncode == 0, checked
    assert b"edge_streamer_session_info{" in scrape


def test_health_is_well(service):
    assert service.http("/healthz") == (200, b"ok\n")


def busiest_second_bytes(packets: Iterable[MediaPacket], since: float) -> int:
    """The most that came within any one second from then on: RTP and RTCP with their headers below."""
    busiest = total = 0
    second: deque[MediaPacket] = deque()
    for packet in packets:
        if packet.arrived >= since:
            second.append(packet)
            total += len(packet.data) + IP_UDP_HEADER_BYTES
            while second[0].arrived <= packet.arrived - 1:
                total -= len(second.popleft().data) + IP_UDP_HEADER_BYTES
            busiest = max(busiest, total)
    return busiest


@pytest.mark.parametrize("name", ["main", "sub"])
def test_the_announced_bandwidth_covers_the_busiest_second(service, name):
    """RFC 4566 section 5.8 and RFC 3550 section 6.2: the maximum, with UDP and IP headers.

    The first second does not count: a viewer may begin with a burst of what was made before it came.
    """
    with Witness(service.rtsp_url(name), "udp") as witness:
        counts_from = time.monotonic() + 1
        time.sleep(1 + MEASURED_S)
        with RtspReader(service.rtsp_url(name)) as late:
            described = late.describe().body.decode()
        seen = witness.stop()
    announced = re.search(r"^b=AS:(\d+)\r$", described, re.MULTILINE)
    assert announced is not None
    assert int(announced[1]) * 1000 >= 8 * busiest_second_bytes(seen.packets, counts_from)
