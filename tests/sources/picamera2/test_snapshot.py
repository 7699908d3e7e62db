import select

import pytest

from edge_streamer.protocol.source.messages import SourceCommand
from edge_streamer.protocol.source.request import Output
from edge_streamer.services.supervision.questions import SNAPSHOT_LIMIT_S
from edge_streamer.sources.picamera2.encoders import EncoderChoice
from edge_streamer.sources.picamera2.mailbox import Mailbox
from edge_streamer.sources.picamera2.session import CameraSession
from edge_streamer.sources.picamera2.snapshot import WITHIN_S, SnapshotTaker
from tests.support.camera_doubles import FakeCamera, FakeLink, FakeRequest

OUTPUTS = (Output("main"), Output("sub", 640, 360))


@pytest.fixture
def mailbox():
    box = Mailbox()
    yield box
    box.close()


@pytest.fixture
def camera():
    return FakeCamera(OUTPUTS)


@pytest.fixture
def taker(camera, mailbox):
    return SnapshotTaker(camera, mailbox)


def answer(camera, mailbox, request):
    camera.captures.pop()(request)
    assert select.select([mailbox.fd], [], [], 5)[0]
    [event] = mailbox.take()
    return event


def test_whoever_has_asked_is_told_why_before_the_server_gives_up():
    assert WITHIN_S < SNAPSHOT_LIMIT_S - 0.5


def test_the_next_frame_becomes_a_jpeg_of_the_outputs_stream(taker, camera, mailbox):
    request = FakeRequest(b"jpeg")
    assert taker.ask(1, 0.0)
    event = answer(camera, mailbox, request)
    assert (event.output, event.jpeg, event.reason) == (1, b"loresjpeg", "")
    assert request.is_released
    assert taker.accepts(event)
    assert taker.overdue(100.0) is None


def test_a_picture_that_cannot_be_saved_is_released_and_told(taker, camera, mailbox):
    request = FakeRequest(RuntimeError("no simplejpeg"))
    taker.ask(0, 0.0)
    event = answer(camera, mailbox, request)
    assert event.reason == "no JPEG: RuntimeError('no simplejpeg')"
    assert request.is_released


def test_one_at_a_time(taker, camera, mailbox):
    assert taker.ask(0, 0.0)
    assert not taker.ask(1, 0.0)
    taker.accepts(answer(camera, mailbox, FakeRequest(b"")))
    assert taker.ask(1, 0.0)


def test_a_frame_that_does_not_come_is_told_once_and_its_late_answer_is_not_the_next_ones(taker, camera, mailbox):
    taker.ask(1, 10.0)
    assert taker.overdue(10.0 + WITHIN_S - 0.1) is None
    assert taker.overdue(10.0 + WITHIN_S) == 1
    assert taker.overdue(10.0 + WITHIN_S) is None
    late = answer(camera, mailbox, FakeRequest(b"late"))
    assert not taker.accepts(late)
    taker.ask(0, 20.0)
    assert not taker.accepts(late)
    assert taker.accepts(answer(camera, mailbox, FakeRequest(b"new")))


@pytest.fixture
def session(camera, mailbox):
    link = FakeLink()
    software = EncoderChoice(is_hardware=False, reason="as configured")
    session = CameraSession(link, camera, mailbox, OUTPUTS, (software, software))
    link.notes = []

    def turn(*commands):
        link.commands = [SourceCommand("snapshot", output) for output in commands]
        session.turn(0)
        return link

    return turn


def test_the_command_is_answered_with_the_jpeg(session, camera, mailbox):
    session(1)
    camera.captures.pop()(FakeRequest(b"jpeg"))
    assert select.select([mailbox.fd], [], [], 5)[0]
    assert session().snapshots == [(1, b"loresjpeg")]


def test_a_second_command_is_refused_and_a_failure_said(session, camera, mailbox):
    assert session(0, 1).notes == [
        (1, {"event": "unsupported", "command": "snapshot", "reason": "another snapshot is being made"})
    ]
    camera.captures.pop()(FakeRequest(RuntimeError("broken")))
    assert select.select([mailbox.fd], [], [], 5)[0]
    assert session().notes[1:] == [
        (0, {"event": "unsupported", "command": "snapshot", "reason": "no JPEG: RuntimeError('broken')"})
    ]
