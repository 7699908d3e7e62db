"""`run_picamera2` with its camera replaced: which ending becomes what."""

import logging
import os
import sys
import threading
import types

import pytest

from edge_streamer.protocol.source.request import CameraOptions, Output
from edge_streamer.sources.ending import SourceError, SourceStopped
from edge_streamer.sources.picamera2 import source as picamera2
from edge_streamer.sources.picamera2.source import run_picamera2
from tests.support.camera_doubles import FakeCamera, FakeLink

OUTPUTS = (Output("main"),)


class _Exited(BaseException):
    pass


@pytest.fixture
def exits(monkeypatch):
    """Statuses with which the process would have ended."""
    statuses = []

    def leave(status):
        statuses.append(status)
        raise _Exited

    monkeypatch.setattr(os, "_exit", leave)
    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)
    monkeypatch.setattr(picamera2, "exit_after", lambda seconds: statuses.append(seconds))
    monkeypatch.setenv("LIBCAMERA_LOG_LEVELS", "*:WARN")
    monkeypatch.setenv("LIBCAMERA_LOG_NO_COLOR", "1")
    log = logging.getLogger("picamera2")
    before = log.handlers, log.level, log.propagate
    yield statuses
    log.handlers, log.level, log.propagate = before


@pytest.fixture
def install(monkeypatch, exits):
    def install(make_camera):
        rig = types.SimpleNamespace(CameraRig=make_camera)
        h264 = types.SimpleNamespace(hardware_absence=lambda: "there is no /dev/video11", limits_of_device=lambda: None)
        monkeypatch.setitem(sys.modules, "edge_streamer.sources.picamera2.rig", rig)
        monkeypatch.setitem(sys.modules, "edge_streamer.sources.picamera2.h264", h264)

    return install


def cameras(made, *, flips=True):
    def make(outputs, options):
        made.append(FakeCamera(outputs))
        made[-1].is_flipped_as_asked = flips
        return made[-1]

    return make


def test_a_stop_stops_the_camera_and_gives_it_a_second(install, exits):
    link, made = FakeLink(), []
    link.commands = ["stop"]
    install(cameras(made))
    with pytest.raises(SourceStopped):
        run_picamera2(link, OUTPUTS, CameraOptions())
    assert not made[0].is_started
    assert exits == [picamera2.STOP_S]
    assert [note["event"] for _, note in link.notes] == ["ready"]


def test_a_camera_that_does_not_open_is_told_and_the_process_ends(install, exits):
    def refuse(outputs, options):
        raise SourceError("there is no camera 0")

    link = FakeLink()
    install(refuse)
    with pytest.raises(_Exited):
        run_picamera2(link, OUTPUTS, CameraOptions())
    assert link.notes == [(0, {"event": "failed", "reason": "there is no camera 0"})]
    assert exits == [1]


def test_an_encoder_that_is_not_there_is_told_before_a_camera_is_opened(install, exits):
    link, made = FakeLink(), []
    install(cameras(made))
    with pytest.raises(_Exited):
        run_picamera2(link, (Output(encoder="hardware"),), CameraOptions())
    assert "there is no /dev/video11; write encoder" in link.notes[0][1]["reason"]
    assert made == []


def test_a_fault_of_ours_is_told_and_the_process_ends_all_the_same(install, exits, capsys):
    def fall(outputs, options):
        raise ZeroDivisionError("oh")

    link = FakeLink()
    install(fall)
    with pytest.raises(_Exited):
        run_picamera2(link, OUTPUTS, CameraOptions())
    assert link.notes[0][1]["reason"] == "the camera source has a fault: ZeroDivisionError('oh')"
    assert "Traceback" in capsys.readouterr().err
    assert exits == [1]


def test_a_picture_that_cannot_be_flipped_is_a_warning(install, exits):
    link = FakeLink()
    link.commands = ["stop"]
    install(cameras([], flips=False))
    with pytest.raises(SourceStopped):
        run_picamera2(link, OUTPUTS, CameraOptions(rotation=180))
    assert link.notes[0][1]["event"] == "warning"


def test_without_picamera2_the_caller_is_told_so(exits, monkeypatch):
    monkeypatch.setitem(sys.modules, "picamera2", None)
    monkeypatch.setitem(sys.modules, "libcamera", None)
    monkeypatch.delitem(sys.modules, "edge_streamer.sources.picamera2.h264", raising=False)
    with pytest.raises(ImportError):
        run_picamera2(FakeLink(), OUTPUTS, CameraOptions())
