"""Viewers and sources together: on demand, down, given up and back. The source is a real child process."""

from functools import partial

import pytest

from edge_streamer.media.stream import Stream
from edge_streamer.services.status import EndReason
from edge_streamer.services.supervision.spec import StreamPolicy
from tests.services.rtsp.conftest import Client, House
from tests.support.loop import turn_until
from tests.support.supervised import Supervised

STEP_S = 0.5
POLICY = StreamPolicy(on_demand=True, linger_s=5.0, give_up_after_s=20.0)
RUNNING = "note(event='ready', fps=30); send(KEY)\nwhile server.recv(1) == b'x': send(FRAME)"


class Camera:
    """A house whose stream `main` comes from a supervised child."""

    def __init__(self, house: House, source: Supervised) -> None:
        self.house = house
        self.source = source
        house.streams.add(source.stream)
        source.on_given_up = partial(house.service.sessions.end_all, EndReason.STREAM_ENDED)

    @property
    def stream(self) -> Stream:
        return self.source.stream

    def run(self, seconds: float) -> None:
        """Let time pass while the child, if it has begun and was not told to end, sends a frame each half second."""
        for _ in range(round(seconds / STEP_S)):
            self.house.clock.advance(STEP_S)
            if self.source.output.liveness.is_live:
                self.source.hear_again()
            self.house.turn(1)


@pytest.fixture
def new_camera(new_house, supervise):
    def make(*texts: str, policy: StreamPolicy = POLICY) -> Camera:
        house = new_house()
        return Camera(house, supervise(*texts, policies=(policy,)))

    return make


def watch(camera: Camera) -> Client:
    """Return a viewer that has its first picture."""
    client = camera.house.client()
    assert client.ask("DESCRIBE").status == 200
    client.set_up("tcp")
    client.send("PLAY")
    turn_until(camera.house.loop, client.packets)
    return client


def test_the_first_viewer_starts_the_source_and_the_last_one_ends_it(new_camera):
    camera = new_camera(RUNNING)
    camera.run(5.0)
    assert camera.source.programs.starts == 0
    client = watch(camera)
    camera.run(30.0)
    assert camera.source.programs.starts == 1
    assert client.ask("TEARDOWN").status == 200
    camera.run(POLICY.linger_s + STEP_S)
    camera.source.wait_for_end()
    assert camera.source.status.reason == "on demand: nobody watches"


def test_a_second_cold_start_is_described_at_once_and_begins_with_a_picture_of_now(new_camera):
    camera = new_camera(RUNNING, "server.recv(1); " + RUNNING)
    watch(camera).ask("TEARDOWN")
    camera.run(POLICY.linger_s + STEP_S)
    camera.source.wait_for_end()
    client = camera.house.client()
    assert client.ask("DESCRIBE").status == 200
    turn_until(camera.house.loop, lambda: camera.source.is_running)
    client.set_up("tcp")
    client.send("PLAY")
    camera.house.turn()
    assert client.packets() == []
    camera.source.say()
    turn_until(camera.house.loop, client.packets)


def test_a_viewer_that_only_describes_has_the_source_stop_again(new_camera):
    camera = new_camera(RUNNING)
    assert camera.house.client().ask("DESCRIBE").status == 200
    camera.run(POLICY.linger_s + STEP_S)
    camera.source.wait_for_end()


def test_a_source_that_cannot_start_is_told_of_as_soon_as_it_is_known(new_camera):
    camera = new_camera("note(event='failed', reason='no such camera'); sys.exit(1)", policy=StreamPolicy())
    client = camera.house.client()
    client.send("DESCRIBE")
    turn_until(camera.house.loop, lambda: camera.source.restarts)
    assert client.response(1).status == 503
    assert client.ask("DESCRIBE").status == 503
    assert camera.source.status.reason == "no such camera"


def test_viewers_stay_until_the_source_is_given_up_and_come_back_when_it_does(new_camera):
    camera = new_camera(RUNNING, "sys.exit(1)", policy=StreamPolicy(give_up_after_s=3.0))
    client = watch(camera)
    camera.source.say(b"!")  # it ends
    camera.source.wait_for_end()
    assert camera.house.client().ask("DESCRIBE").status == 200, "nobody has given it up yet"
    while not camera.house.ended:
        camera.house.clock.advance(STEP_S)
        camera.house.loop.turn(0.005)
    assert camera.house.ended == {EndReason.STREAM_ENDED: 1}
    client.wait_closed()
    assert b"stream_ended" in client.packets(1)[-1]
    assert camera.house.client().ask("DESCRIBE").status == 503
    camera.source.programs.texts.append(RUNNING)
    frames = camera.stream.counters.frames
    while camera.stream.counters.frames == frames:
        camera.house.clock.advance(STEP_S)
        camera.house.loop.turn(0.005)
    watch(camera)
    assert camera.source.status.is_up
