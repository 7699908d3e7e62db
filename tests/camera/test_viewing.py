"""`main` and `sub` of one camera at once, for a minute, in the players that people use, while others come and go.

One service and one minute for each encoder; the tests look at what was recorded.
"""

import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

import pytest

from tests.camera.camera_service import BOTH, SHOWN_ENCODER, CameraService
from tests.camera.measuring import picture_size, stream_size
from tests.support.players import FFMPEG, GSTREAMER, Playing, Shown
from tests.support.rtsp.joining import Joined, join
from tests.support.witness import Seen, Witness

MINUTE_S: Final = 62
"""A minute and a little more: GStreamer renews its session after sixty seconds, which must not meet its own end."""
PLAYERS: Final = {"gstreamer": (GSTREAMER, "udp"), "ffmpeg": (FFMPEG, "tcp")}
WITNESSES: Final = {"main": "udp", "sub": "tcp"}
JOINS: Final = 5
KEY_FRAME_OF_ITS_OWN_S: Final = 1.3
"""Who joins this long after everybody else is sent a new key frame and nothing older; GStreamer, which takes the pace
of its first packets for the sender's, needs that."""
START_LIMIT_S: Final = 10.0
JOIN_LIMIT_S: Final = 0.15
RATE_TOLERANCE: Final = 0.03
LONGEST_PAUSE_S: Final = 0.5

both_streams = pytest.mark.parametrize("name", list(BOTH))
all_players = pytest.mark.parametrize("player", list(PLAYERS))


@dataclass(frozen=True, slots=True)
class Minute:
    """What was shown and seen, by stream; `shown` by player as well."""

    shown: dict[tuple[str, str], Shown] = field(default_factory=dict)
    seen: dict[str, Seen] = field(default_factory=dict)
    joined: dict[str, list[Joined]] = field(default_factory=dict)
    snapshots: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    restarts: dict[str, float] = field(default_factory=dict)


@pytest.fixture(scope="module")
def minute(camera: CameraService) -> Minute:
    recorded = Minute()
    with ExitStack() as stack:
        witnesses = {
            name: stack.enter_context(Witness(camera.url(name), transport)) for name, transport in WITNESSES.items()
        }
        playing: dict[tuple[str, str], Playing] = {}
        for player in PLAYERS:
            time.sleep(KEY_FRAME_OF_ITS_OWN_S)
            playing |= {(name, player): stack.enter_context(_playing(camera, name, player)) for name in BOTH}
            _wait_for_sessions(camera, len(WITNESSES) + len(playing))
        _come_and_go(camera, recorded)
        recorded.shown.update({key: player.finish(MINUTE_S + 30) for key, player in playing.items()})
        recorded.seen.update({name: witness.stop() for name, witness in witnesses.items()})
    recorded.restarts.update(camera.restarts())
    return recorded


def _playing(camera: CameraService, name: str, player_name: str) -> Playing:
    player, transport = PLAYERS[player_name]
    return Playing(player, camera.url(name), transport, BOTH[name]["fps"] * MINUTE_S)


def _wait_for_sessions(camera: CameraService, count: int) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while camera.service.metrics()["edge_streamer_sessions_active"] < count:
        assert time.monotonic() < deadline, camera.service.output
        time.sleep(0.02)


def _come_and_go(camera: CameraService, recorded: Minute) -> None:
    """Viewers join and leave, and somebody takes pictures."""
    for name in BOTH:
        recorded.joined[name] = []
        for _ in range(JOINS):
            time.sleep(KEY_FRAME_OF_ITS_OWN_S)
            recorded.joined[name].append(join(camera.url(name), "tcp"))
        recorded.snapshots[name] = camera.service.http(f"/api/v1/streams/{name}/snapshot.jpg")


@both_streams
@all_players
def test_a_player_shows_every_picture_without_a_complaint(minute, name, player):
    shown = minute.shown[name, player]
    assert shown.faults == ()
    assert len(shown.times_s) == BOTH[name]["fps"] * MINUTE_S


@both_streams
@all_players
def test_a_player_sees_the_rate_that_was_configured(minute, name, player):
    assert minute.shown[name, player].frame_rate_hz == pytest.approx(BOTH[name]["fps"], rel=RATE_TOLERANCE)


@both_streams
def test_no_packet_is_missing(minute, name):
    seen = minute.seen[name]
    assert seen.gaps == ()
    assert seen.media_times_s[-1] > MINUTE_S
    assert len(seen.media_steps_s) / seen.media_times_s[-1] == pytest.approx(BOTH[name]["fps"], rel=RATE_TOLERANCE)
    assert min(seen.media_steps_s) > 0
    assert seen.longest_pause_s < LONGEST_PAUSE_S
    assert minute.restarts == {}


@both_streams
def test_the_picture_has_the_size_that_was_configured(camera, name):
    assert stream_size(camera.url(name)) == (BOTH[name]["width"], BOTH[name]["height"])


@both_streams
def test_a_viewer_who_joins_has_a_key_frame_at_once(minute, name):
    joins = minute.joined[name]
    assert all(joined.has_idr for joined in joins)
    assert median(joined.first_frame_s for joined in joins) < JOIN_LIMIT_S
    assert all(joined.decoded_pictures() for joined in joins)


@both_streams
def test_a_snapshot_is_a_picture_of_the_stream(minute, name, tmp_path: Path):
    status, jpeg = minute.snapshots[name]
    assert status == 200, jpeg[:200]
    assert picture_size(jpeg, tmp_path) == (BOTH[name]["width"], BOTH[name]["height"])


def test_status_names_the_encoder_and_the_reason(camera, encoder):
    status = camera.status("main")
    assert (status["encoder"], status["encoder_reason"]) == (SHOWN_ENCODER[encoder], "as configured")
