"""A link stalls for less than the write budget: nothing is lost, nothing reconnects, and the picture is live again.

Twenty TCP readers (five bit rates, four stalls) and one over UDP are cut at the same instant and mended each at its
time; once on this kernel, once on one that refuses TCP_RTO_MAX_MS, where the sliding user time-out must do it.
"""

import math
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.hiccups import until_calm
from tests.support.netns.client import Measured
from tests.support.netns.clips import CLIPS
from tests.support.netns.namespaces import Laboratory, laboratory
from tests.support.netns.readers import ReaderProcess, live_again_at, reader_process
from tests.support.netns.service import NamespacedService, config_of, service_in
from tests.tools.reliability_report import record

STALLS_S = (1, 3, 5, 7)
UDP_STALL_S = 7
LIVE_WITHIN_S = 3.0
UDP_AGAIN_WITHIN_S = 0.5
SETTLE_S = 3.0
HELD_UP_S = 0.25
"""A run in which the machine itself held a process up for so long is made again."""
WATCH_S = 5.0
"""How long the readers play on after the last link has come back: more than `LIVE_WITHIN_S`, to see the late ones."""

Who = tuple[str, int]
"""A reader: its stream (or "udp") and its stall in seconds."""


@dataclass(slots=True)
class Stalls:
    """What the readers measured, and when their links failed and came back."""

    kernel: str
    cut_at: float
    mended_at: dict[int, float]
    measured: dict[Who, Measured]
    ended_by_reason: dict[str, int]


@pytest.fixture(scope="module", params=["this", "old"], ids="kernel_{}".format)
def stalls(request: pytest.FixtureRequest, clips: Mapping[str, Path]) -> Stalls:
    return until_calm(lambda: measure(request.param, clips), limit_s=HELD_UP_S)


def measure(kernel: str, clips: Mapping[str, Path]) -> Stalls:
    config = config_of(clips)
    with laboratory() as lab, service_in(lab, config, kernel=kernel) as service, ExitStack() as stack:
        return stall(lab, service, open_readers(lab, service, stack), kernel)


def open_readers(lab: Laboratory, service: NamespacedService, stack: ExitStack) -> dict[Who, ReaderProcess]:
    everybody = [*((spec.name, stall_s) for spec in CLIPS for stall_s in STALLS_S), ("udp", UDP_STALL_S)]
    readers = {who: stack.enter_context(reader_process(lab.add_reader())) for who in everybody}
    for (stream, _stall_s), reader in readers.items():
        if stream == "udp":
            reader.open("it", url=service.rtsp_url("mbit2"), transport="udp")
        else:
            reader.open("it", url=service.rtsp_url(stream))
    for reader in readers.values():
        reader.wait_playing("it")
    time.sleep(SETTLE_S)
    return readers


def stall(lab: Laboratory, service: NamespacedService, readers: Mapping[Who, ReaderProcess], kernel: str) -> Stalls:
    cut_at = lab.cut(reader.port for reader in readers.values())
    mended_at = {}
    for stall_s in STALLS_S:
        time.sleep(cut_at + stall_s - time.monotonic())
        mended_at[stall_s] = lab.mend(reader.port for (_stream, its), reader in readers.items() if its == stall_s)
    time.sleep(WATCH_S)
    measured = {who: reader.report("it") for who, reader in readers.items()}
    return Stalls(kernel, cut_at, mended_at, measured, service.ended_by_reason())


@pytest.mark.parametrize("stall_s", STALLS_S)
@pytest.mark.parametrize("stream", [spec.name for spec in CLIPS])
def test_a_stall_costs_nothing(stalls: Stalls, stream: str, stall_s: int):
    measured, mended_at = stalls.measured[stream, stall_s], stalls.mended_at[stall_s]
    live_at = live_again_at(measured.frames, stalls.cut_at)
    live = "never" if live_at is None else f"{live_at - mended_at:.2f} s"
    record("stalls", stalls.kernel, stream, f"{stall_s} s", len(measured.gaps), live)
    assert not measured.ending, f"ended {measured.ended_at - stalls.cut_at:.2f} s after the cut"
    assert not measured.gaps
    assert live_at is not None
    assert live_at - mended_at < LIVE_WITHIN_S


def test_a_udp_reader_keeps_its_session(stalls: Stalls):
    measured = stalls.measured["udp", UDP_STALL_S]
    mended_at = stalls.mended_at[UDP_STALL_S]
    again_s = next((arrived - mended_at for arrived, _rtp_time in measured.frames if arrived > mended_at), math.inf)
    record(
        "stalls", stalls.kernel, "mbit2, UDP", f"{UDP_STALL_S} s", f"{len(measured.gaps)}, as meant", f"{again_s:.2f} s"
    )
    assert not measured.ending
    assert again_s < UDP_AGAIN_WITHIN_S
    assert len(measured.gaps) == 1, "nothing is lost but what was sent into the dead link"


def test_no_session_has_ended(stalls: Stalls):
    assert not stalls.ended_by_reason
