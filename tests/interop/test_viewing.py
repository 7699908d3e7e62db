"""Watching, as people and recorders do: real players, many readers at once, a new one every second.

A viewer that counts frame numbers for a minute runs beside everything else in this module, and is asked last.
"""

import random
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from itertools import cycle, pairwise, product
from statistics import median
from typing import Final

import pytest

from tests.support.hiccups import repeated_when_noisy
from tests.support.players import FFMPEG, FFPROBE, GSTREAMER, PYAV, Player, Playing, Shown
from tests.support.rtsp.joining import join
from tests.support.rtsp.reader import RtspReader
from tests.support.rtsp.wire import Transport
from tests.support.service import RunningService
from tests.support.witness import Witness

FRAME_RATE_HZ: Final = {"main": 30, "sub": 15}
PLAYER_S: Final = 10
MINUTE_S: Final = 60
JOINS: Final = 50
FIRST_FRAME_LIMIT_S: Final = 0.150
KEY_FRAME_OF_ITS_OWN_S: Final = 1.1
"""Who joins this long after everybody else is sent a new key frame and nothing older. GStreamer takes the pace of its
first packets for the sender's: after the burst of a start from older frames it stands still for a while."""
LATENESS_LIMIT_S: Final = 0.1
"""What every player's jitter buffer hides: ffmpeg's is 0.1 s, GStreamer's 0.2 s, VLC's 1 s."""
TRANSPORTS: Final[tuple[Transport, ...]] = ("tcp", "udp")


@pytest.fixture(scope="module", autouse=True)
def minute(service: RunningService) -> Iterator[Playing]:
    with Playing(PYAV, service.rtsp_url("main"), "tcp", MINUTE_S * FRAME_RATE_HZ["main"]) as playing:
        wait_for_sessions(service, 1)
        yield playing


@pytest.fixture(scope="module")
def shown(service: RunningService) -> Mapping[tuple[Player, Transport], Shown]:
    """What each player shows of ten seconds, all at once, beside the one of a minute."""
    pictures = PLAYER_S * FRAME_RATE_HZ["main"]
    playing: dict[tuple[Player, Transport], Playing] = {}
    with ExitStack() as stack:
        for player, transport in product((GSTREAMER, FFMPEG, FFPROBE, PYAV), TRANSPORTS):
            if player is GSTREAMER:
                time.sleep(KEY_FRAME_OF_ITS_OWN_S)
            one = Playing(player, service.rtsp_url("main"), transport, pictures)
            playing[player, transport] = stack.enter_context(one)
            wait_for_sessions(service, 1 + len(playing))
        return {key: one.finish() for key, one in playing.items()}


def wait_for_sessions(service: RunningService, count: int) -> None:
    deadline = time.monotonic() + 10
    while service.metrics()["edge_streamer_sessions_active"] < count:
        assert time.monotonic() < deadline, service.output
        time.sleep(0.02)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("player", [GSTREAMER, FFMPEG, FFPROBE, PYAV], ids=lambda player: player.name)
def test_a_player_shows_ten_seconds_without_a_fault(shown, player, transport):
    seen = shown[player, transport]
    assert seen.faults == ()
    assert len(seen.times_s) == PLAYER_S * FRAME_RATE_HZ["main"]
    assert seen.frame_rate_hz == pytest.approx(FRAME_RATE_HZ["main"], rel=0.01)
    assert seen.longest_step_s < 1.5 / FRAME_RATE_HZ["main"]
    assert seen.shortest_step_s > 0


@repeated_when_noisy(LATENESS_LIMIT_S / 2)
def test_nobody_notices_who_comes_and_goes(service):
    """Eight readers, mixed in client, transport and stream; a ninth joins and leaves every second."""
    with ExitStack() as stack:
        watched = [(name, transport) for name in ("main", "sub") for transport in TRANSPORTS]
        players = [(GSTREAMER, "main", "udp"), (FFMPEG, "main", "tcp"), (FFMPEG, "sub", "udp"), (PYAV, "sub", "tcp")]
        time.sleep(KEY_FRAME_OF_ITS_OWN_S)
        playing = []
        for number, (player, name, transport) in enumerate(players, start=2):
            one = Playing(player, service.rtsp_url(name), transport, PLAYER_S * FRAME_RATE_HZ[name])
            playing.append(stack.enter_context(one))
            wait_for_sessions(service, number)
        witnesses = [stack.enter_context(Witness(service.rtsp_url(name), transport)) for name, transport in watched]
        come_and_go(service, while_playing=playing)
        seen = [witness.stop() for witness in witnesses]
        faults = [player.finish().faults for player in playing]

    assert faults == [()] * len(players)
    assert [one.gaps for one in seen] == [()] * len(watched)
    for (name, _transport), one in zip(watched, seen, strict=True):
        assert len(one.frames) >= PLAYER_S * FRAME_RATE_HZ[name]
        assert set(map(milliseconds, one.media_steps_s)) == {milliseconds(1 / FRAME_RATE_HZ[name])}
        after_the_start = one.lateness_s[FRAME_RATE_HZ[name] :]  # which may be a burst of what was made before
        assert percentile(after_the_start, 99) < LATENESS_LIMIT_S


def come_and_go(service: RunningService, while_playing: list[Playing]) -> None:
    """Join and leave every second; every other leave is a crash."""
    manners = cycle([("tcp", True), ("udp", True), ("tcp", False), ("udp", False)])
    while any(playing.is_playing for playing in while_playing):
        transport, is_polite = next(manners)
        with RtspReader(service.rtsp_url("main"), transport) as reader:
            reader.start()
            for _packet in reader.packets(seconds=1):
                pass
            if is_polite:
                reader.teardown()


def milliseconds(time_s: float) -> int:
    return round(1000 * time_s)


def percentile(values: list[float], share: int) -> float:
    return sorted(values)[len(values) * share // 100]


@repeated_when_noisy(FIRST_FRAME_LIMIT_S / 2)
def test_the_first_picture_is_there_in_no_time_and_as_promised(service):
    """Joins at odd moments: some wait for a key frame made for them, some start with the one of a moment ago."""
    moments = random.Random(2326)
    joins = []
    for transport, _number in zip(cycle(TRANSPORTS), range(JOINS), strict=False):
        time.sleep(moments.uniform(0.4, 1.1))
        joins.append(join(service.rtsp_url("main"), transport))

    assert all(one.first == one.promised for one in joins)
    assert all(one.has_idr for one in joins)
    assert {len(one.decoded_pictures()) for one in joins} == {1}
    assert median(one.first_frame_s for one in joins) < FIRST_FRAME_LIMIT_S


def test_frame_numbers_of_a_minute_are_consecutive(minute):
    seen = minute.finish(timeout_s=MINUTE_S + 30)
    assert seen.faults == ()
    assert len(seen.frame_numbers) == MINUTE_S * FRAME_RATE_HZ["main"]
    assert {later - earlier for earlier, later in pairwise(seen.frame_numbers)} == {1}
