"""A reader loses power: it is gone after `dead_after_s`, at any bit rate, on any transport, playing or paused.

One run a configuration: seven readers, each in a namespace of its own, lose power at the same instant. What the tests
then judge was seen from outside the server: its TCP table, its log, its memory.
"""

import math
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.hiccups import until_calm
from tests.support.netns.clips import CLIPS
from tests.support.netns.namespaces import Laboratory, laboratory
from tests.support.netns.readers import ReaderProcess, reader_process
from tests.support.netns.service import NamespacedService, config_of, service_in
from tests.tools.reliability_report import record

SETTLE_S = 3.0
POLL_S = 0.02
PATIENCE_S = 6.0
"""How much longer than `dead_after_s` the run waits, so that a late end is measured and not just missed."""
KEPT_MB = 8
"""What may stay in memory of a backlog of 40 MB: the allocator's granularity, no frame of anybody's."""
AFTERMATH_S = 1.0
HELD_UP_S = 0.25
"""A run in which the machine itself held a process up for so long is made again."""
TOLERANCE_S = {8.0: 0.8, 3.0: 0.5}
IDLE_TOLERANCE_S = {8.0: 0.8, 3.0: 0.75}
"""Who gets no media is asked once a second: at the loss, its last sign of life is up to a second old."""
PLAYING = tuple(spec.name for spec in CLIPS)
IDLE = ("paused", "udp")  # nothing flows in their TCP connection
READERS = (*PLAYING, *IDLE)
REASONS = {
    **{name: {"stalled", "backlog"} for name in PLAYING},  # whichever limit is met first: time or bytes
    "paused": {"stalled"},
    "udp": {"stalled", "unreachable"},  # unreachable: the server's ARP entry was about to expire, too
}


@dataclass(slots=True)
class PowerLoss:
    """What became of the readers, by name: seconds after the loss, and reasons."""

    dead_after_s: float
    before_bytes: int
    peak_bytes: int = 0
    after_bytes: int = 0
    hung_up_s: dict[str, float] = field(default_factory=dict)  # the kernel's TCP table
    session_ended_s: dict[str, float] = field(default_factory=dict)  # the log
    reasons: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in READERS})
    counted: dict[str, int] = field(default_factory=dict)
    sessions_active: float = 0
    sockets_left: dict[str, str] = field(default_factory=dict)  # reader's address -> TCP state

    def is_over(self, after_s: float) -> bool:
        """Whether everybody is gone, or late beyond all patience."""
        gone = self.hung_up_s.keys() & self.session_ended_s.keys()
        return gone == set(READERS) or after_s > self.dead_after_s + PATIENCE_S

    def gone_after_s(self, reader: str) -> float:
        """Return when its connection was closed and its session over; infinity when one of them never was."""
        return max(ended.get(reader, math.inf) for ended in (self.hung_up_s, self.session_ended_s))


@pytest.fixture(scope="module", params=sorted(TOLERANCE_S, reverse=True), ids="dead_after_{:g}s".format)
def loss(request: pytest.FixtureRequest, clips: Mapping[str, Path]) -> PowerLoss:
    return until_calm(lambda: measure(request.param, clips), limit_s=HELD_UP_S)


def measure(dead_after_s: float, clips: Mapping[str, Path]) -> PowerLoss:
    config = config_of(clips, dead_after_s=dead_after_s)
    with laboratory() as lab, service_in(lab, config) as service, ExitStack() as stack:
        return lose_power(lab, service, open_readers(lab, service, stack), dead_after_s)


def open_readers(lab: Laboratory, service: NamespacedService, stack: ExitStack) -> dict[str, ReaderProcess]:
    readers = {name: stack.enter_context(reader_process(lab.add_reader())) for name in READERS}
    for name, reader in readers.items():
        stream = name if name in PLAYING else "mbit2"
        reader.open(name, url=service.rtsp_url(stream), transport="udp" if name == "udp" else "tcp")
    for name, reader in readers.items():
        reader.wait_playing(name)
    readers["paused"].tell("paused", "pause")
    readers["paused"].wait_until("paused", "paused")
    time.sleep(SETTLE_S)
    return readers


def lose_power(
    lab: Laboratory, service: NamespacedService, readers: Mapping[str, ReaderProcess], dead_after_s: float
) -> PowerLoss:
    names = {reader.port.address: name for name, reader in readers.items()}
    loss = PowerLoss(dead_after_s, before_bytes=service.resident_bytes())
    lost_at = lab.cut(reader.port for reader in readers.values())
    while not loss.is_over(after_s := time.monotonic() - lost_at):
        look(service, loss, names, after_s)
        time.sleep(POLL_S)
    time.sleep(AFTERMATH_S)
    for ending in service.endings():
        loss.reasons[names[ending.address]].append(ending.reason)
    loss.counted = service.ended_by_reason()
    loss.sessions_active = service.metrics()["edge_streamer_sessions_active"]
    loss.sockets_left = service.connections()
    loss.after_bytes = service.resident_bytes()
    return loss


def look(service: NamespacedService, loss: PowerLoss, names: Mapping[str, str], after_s: float) -> None:
    loss.peak_bytes = max(loss.peak_bytes, service.resident_bytes())
    for address in names.keys() - service.established():
        loss.hung_up_s.setdefault(names[address], after_s)
    for ending in service.endings():
        loss.session_ended_s.setdefault(names[ending.address], after_s)


@pytest.mark.parametrize("reader", READERS)
def test_a_dead_reader_is_gone_in_time(loss: PowerLoss, reader: str):
    ended_s = loss.gone_after_s(reader)
    record("power_loss", f"{loss.dead_after_s:g}", reader, f"{ended_s:.2f} s", " ".join(loss.reasons[reader]))
    tolerance_s = (IDLE_TOLERANCE_S if reader in IDLE else TOLERANCE_S)[loss.dead_after_s]
    assert ended_s == pytest.approx(loss.dead_after_s, abs=tolerance_s)


@pytest.mark.parametrize("reader", READERS)
def test_its_end_has_one_reason(loss: PowerLoss, reader: str):
    assert len(loss.reasons[reader]) == 1
    assert set(loss.reasons[reader]) <= REASONS[reader]


def test_every_end_is_counted_and_every_slot_is_free(loss: PowerLoss):
    assert sum(loss.counted.values()) == len(READERS)
    assert loss.counted == {
        reason: sum(reason in reasons for reasons in loss.reasons.values()) for reason in loss.counted
    }
    assert loss.sessions_active == 0


def test_no_socket_is_left_behind(loss: PowerLoss):
    """A socket that was closed and not reset keeps its unsent bytes in the kernel until that gives up, too."""
    assert not loss.sockets_left


def test_their_memory_comes_back(loss: PowerLoss):
    before, peak, after = (amount / 1e6 for amount in (loss.before_bytes, loss.peak_bytes, loss.after_bytes))
    record("power_loss_memory", f"{loss.dead_after_s:g}", f"{before:.1f} MB", f"{peak:.1f} MB", f"{after:.1f} MB")
    assert after - before < KEPT_MB
