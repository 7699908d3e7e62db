import logging
import os

import pytest

from edge_streamer.sources.picamera2.list import list_libcamera_cameras
from edge_streamer.sources.picamera2.log import quieten, silence


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    monkeypatch.setenv("LIBCAMERA_LOG_LEVELS", "")
    monkeypatch.delenv("LIBCAMERA_LOG_LEVELS")
    monkeypatch.setenv("LIBCAMERA_LOG_NO_COLOR", "1")
    log = logging.getLogger("picamera2")
    before = log.handlers, log.level, log.propagate
    yield
    log.handlers, log.level, log.propagate = before


def test_warnings_and_errors_are_one_line_each(capsys):
    quieten()
    log = logging.getLogger("picamera2.picamera2")
    log.info("Camera started")
    log.warning("two\nlines")
    try:
        {}["inner"]
    except KeyError:
        log.exception("Exception during process_requests()")
    assert capsys.readouterr().err.splitlines() == [
        "picamera2.picamera2 warning: two lines",
        "picamera2.picamera2 error: Exception during process_requests(): KeyError('inner')",
    ]
    assert os.environ["LIBCAMERA_LOG_LEVELS"] == "*:WARN"


def test_who_asks_for_more_of_libcamera_gets_it(monkeypatch):
    monkeypatch.setenv("LIBCAMERA_LOG_LEVELS", "*:DEBUG")
    quieten()
    assert os.environ["LIBCAMERA_LOG_LEVELS"] == "*:DEBUG"


def test_silence_is_silence(capsys):
    silence()
    logging.getLogger("picamera2").error("No camera")
    assert capsys.readouterr() == ("", "")
    assert os.environ["LIBCAMERA_LOG_LEVELS"] == "*:FATAL"


def test_without_picamera2_there_are_no_cameras(monkeypatch, capsys):
    monkeypatch.setitem(__import__("sys").modules, "picamera2", None)
    assert list_libcamera_cameras() == []
    assert capsys.readouterr() == ("", "")
