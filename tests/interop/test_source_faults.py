"""The source dies or hangs while people watch: they stay, the picture comes back, and the trouble is counted.

One service, its viewers and both faults one after the other; the tests look at what was recorded. No slate is shown:
each frame that comes back is the new process's (`test_slate` has the other case).
"""

import os
import signal
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

import pytest

from tests.support.hiccups import until_calm
from tests.support.players import FFMPEG, Playing, Shown
from tests.support.service import RunningService, running_service
from tests.support.witness import Seen, Witness

FAULTS: Final = {"killed": signal.SIGKILL, "silent": signal.SIGSTOP}
QUIET_S: Final = 1.5
BACK_WITHIN_S: Final = {"killed": 2.5, "silent": 5.0}
"""A killed source is started again after 0.5 s. One that hangs is first waited for (1.1 s at 30 fps), then asked to end
(0.5 s), and as its second failure in a row it waits 1 s. A start takes about half a second."""
FFMPEG_PICTURES: Final = 240
ONE_STREAM: Final = '[streams.main]\nsource = "testpattern"\noutage = "silent"\n'
PIPELINE_S: Final = 0.1
"""What a source had sent before it broke has arrived by then."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What was seen: by the readers, by ffmpeg, by whoever looks after /healthz and the metrics."""

    readers: dict[str, Seen]
    shown: Shown
    back_after_s: dict[str, float]
    health: dict[str, list[tuple[int, bytes]]]
    restarts: dict[str, float]


@pytest.fixture(scope="module")
def recording() -> Recording:
    return until_calm(record, limit_s=0.1)


def record() -> Recording:
    with running_service(ONE_STREAM) as service, ExitStack() as stack:
        url = service.rtsp_url("main")
        witnesses = {transport: stack.enter_context(Witness(url, transport)) for transport in ("tcp", "udp")}
        playing = stack.enter_context(Playing(FFMPEG, url, "tcp", FFMPEG_PICTURES))
        back_after_s, health = {}, {}
        for reason, signal_number in FAULTS.items():
            time.sleep(QUIET_S)
            back_after_s[reason], health[reason] = break_source(service, signal_number, witnesses["tcp"])
        shown = playing.finish()
        restarts = {
            reason: service.metrics()[f'edge_streamer_source_restarts_total{{reason="{reason}",stream="main"}}']
            for reason in FAULTS
        }
        readers = {transport: witness.stop() for transport, witness in witnesses.items()}
        return Recording(readers, shown, back_after_s, health, restarts)


def break_source(
    service: RunningService, signal_number: int, witness: Witness
) -> tuple[float, list[tuple[int, bytes]]]:
    """Signal the source; return after how many seconds the new one's first frame came, and what /healthz said."""
    (source,) = service.child_pids
    broken = time.monotonic()
    os.kill(source, signal_number)
    health = []
    while not (
        back := [packet.arrived for packet in witness.packets_since(broken + PIPELINE_S) if packet.kind == "rtp"]
    ):
        health.append(service.http("/healthz"))
        assert time.monotonic() < broken + 15, service.output
        time.sleep(0.02)
    time.sleep(QUIET_S)
    health.append(service.http("/healthz"))
    return back[0] - broken, health


@pytest.mark.parametrize("reason", FAULTS)
def test_the_picture_returns(recording, reason):
    assert recording.back_after_s[reason] < BACK_WITHIN_S[reason]


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_reader_stays_and_sees_one_unbroken_stream(recording, transport):
    seen = recording.readers[transport]
    assert seen.gaps == ()
    assert len({packet.ssrc for packet in seen.packets if packet.kind == "rtp"}) == 1
    assert min(seen.media_steps_s) > 0


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_media_time_stands_for_the_time_that_passed(recording, transport):
    """A recorder that trusts the time stamps must not lose a second at each restart."""
    seen = recording.readers[transport]
    frames = seen.frames
    assert seen.media_times_s[-1] == pytest.approx(frames[-1].arrived - frames[0].arrived, abs=0.25)


def test_ffmpeg_plays_on(recording):
    assert recording.shown.faults == ()
    assert len(recording.shown.times_s) == FFMPEG_PICTURES
    assert recording.shown.shortest_step_s > 0


@pytest.mark.parametrize("reason", FAULTS)
def test_health_says_so_and_recovers(recording, reason):
    *meanwhile, last = recording.health[reason]
    unhealthy = [body.decode() for status, body in meanwhile if status == 503]
    assert unhealthy
    assert all(line.startswith("main: ") for text in unhealthy for line in text.splitlines())
    assert last == (200, b"ok\n")


def test_each_restart_is_counted_with_its_reason(recording):
    assert recording.restarts == {"killed": 1, "silent": 1}
