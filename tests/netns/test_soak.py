"""A random zoo next to healthy readers: nothing lost for them, nothing leaked by the service.

A minute of it in `make test`; `make reliability` has five (`SOAK_S` in the environment).
"""

import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import pytest

from tests.support.netns.client import Measured
from tests.support.netns.namespaces import laboratory
from tests.support.netns.readers import ReaderProcess, reader_process
from tests.support.netns.service import NamespacedService, config_of, service_in
from tests.support.netns.zoo import Zoo
from tests.tools.reliability_report import record

SOAK_S = float(os.environ.get("SOAK_S", "60"))
EVENTS_PER_S = 20
SEED = 2326
CAGES = 10
HEALTHY = {"mbit2, TCP": ("mbit2", "tcp"), "mbit8, TCP": ("mbit8", "tcp"), "mbit2, UDP": ("mbit2", "udp")}
WARM_UP_S = max(20.0, SOAK_S / 5)
"""Until then the zoo grows: the first readers that were cut are given up after some nine seconds."""
SAMPLE_EVERY = 20
"""Events between two looks at memory and descriptors: a second."""
GROWTH_BYTES = 2_000_000
GONE_WITHIN_S = 15.0
"""What the zoo leaves behind: a link that was cut at the very end, its reader dead, and the requests' own time-outs."""


@dataclass(slots=True)
class Soak:
    """What was seen of the service, second by second, and of the healthy readers."""

    events: Counter[str] = field(default_factory=Counter)
    resident_bytes: list[tuple[float, int]] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    descriptors_before: int = 0
    descriptors_after: int = 0
    sessions_after: int = 0
    healthy: dict[str, Measured] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    ended_by_reason: dict[str, int] = field(default_factory=dict)

    def growth_bytes(self) -> float:
        """Return how much the median memory of the last `WARM_UP_S` is above that of those after the warm-up."""
        resident = [(at_s, amount) for at_s, amount in self.resident_bytes if at_s > WARM_UP_S]
        last = resident[-1][0] - WARM_UP_S
        early = median(amount for at_s, amount in resident if at_s < 2 * WARM_UP_S)
        return median(amount for at_s, amount in resident if at_s > last) - early


@pytest.fixture(scope="module")
def soak(clips: Mapping[str, Path]) -> Iterator[Soak]:
    config = config_of({name: clips[name] for name in ("kbit300", "mbit2", "mbit8")})
    with laboratory() as lab, service_in(lab, config) as service, ExitStack() as stack:
        healthy = {name: stack.enter_context(reader_process(lab.add_reader())) for name in HEALTHY}
        cages = [stack.enter_context(reader_process(lab.add_reader())) for _ in range(CAGES)]
        for name, reader in healthy.items():
            stream, transport = HEALTHY[name]
            reader.open("it", url=service.rtsp_url(stream), transport=transport)
            reader.wait_playing("it")
        zoo = Zoo(lab, cages, [service.rtsp_url("kbit300"), service.rtsp_url("mbit2")], SEED)
        yield soak_through(service, zoo, healthy)


def soak_through(service: NamespacedService, zoo: Zoo, healthy: Mapping[str, ReaderProcess]) -> Soak:
    soak = Soak(events=zoo.events, descriptors_before=service.descriptors())
    began = time.monotonic()
    for number in range(int(SOAK_S * EVENTS_PER_S)):
        time.sleep(max(0.0, began + number / EVENTS_PER_S - time.monotonic()))
        zoo.step(time.monotonic())
        if number % SAMPLE_EVERY == 0:
            soak.resident_bytes.append((time.monotonic() - began, service.resident_bytes()))
            soak.descriptors.append(service.descriptors())
    zoo.close()
    wait_until_only(service, len(HEALTHY))
    soak.metrics = service.metrics()
    soak.sessions_after = int(soak.metrics["edge_streamer_sessions_active"])
    soak.descriptors_after = service.descriptors()
    soak.ended_by_reason = service.ended_by_reason()
    soak.healthy = {name: reader.report("it") for name, reader in healthy.items()}
    return soak


def wait_until_only(service: NamespacedService, connections: int) -> None:
    deadline = time.monotonic() + GONE_WITHIN_S
    while service.connections_count() > connections and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1.0)


pytestmark = [pytest.mark.slow, pytest.mark.timeout(SOAK_S + 120)]


@pytest.mark.parametrize("reader", HEALTHY)
def test_a_healthy_reader_loses_nothing(soak: Soak, reader: str):
    measured = soak.healthy[reader]
    record("soak", f"healthy reader, {reader}", f"{measured.packets} packets, {len(measured.gaps)} gaps")
    assert not measured.ending
    assert not measured.gaps


def test_the_zoo_was_lively(soak: Soak):
    record("soak", "events", f"{soak.events.total()} in {SOAK_S:.0f} s (seed {SEED})")
    record("soak", "sessions ended", ", ".join(f"{count} {reason}" for reason, count in soak.ended_by_reason.items()))
    assert soak.events.total() == SOAK_S * EVENTS_PER_S
    assert {"teardown", "peer_closed", "stalled"} <= soak.ended_by_reason.keys()


def test_memory_stays_flat(soak: Soak):
    amounts = [amount / 1e6 for _at_s, amount in soak.resident_bytes]
    growth_mb = soak.growth_bytes() / 1e6
    figure = f"memory, {WARM_UP_S:.0f} s after the warm-up to the last"
    record("soak", figure, f"{growth_mb:+.1f} MB (highest {max(amounts):.1f} MB)")
    assert soak.growth_bytes() < GROWTH_BYTES


def test_no_descriptor_is_left_open(soak: Soak):
    record(
        "soak",
        "descriptors before, highest, after",
        f"{soak.descriptors_before}, {max(soak.descriptors)}, {soak.descriptors_after}",
    )
    assert soak.descriptors_after == soak.descriptors_before


def test_no_session_is_left(soak: Soak):
    assert soak.sessions_after == len(HEALTHY)


def test_no_handler_failed(soak: Soak):
    assert soak.metrics["edge_streamer_handler_faults_total"] == 0
    assert "internal_error" not in soak.ended_by_reason
