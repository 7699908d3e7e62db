"""A source by hand: raw Annex B into a pipe."""

import os
import time

import pytest

from edge_streamer.codec.frame import EncodedFrame
from edge_streamer.sources.ending import SourceStopped
from edge_streamer.sources.pipe import PipeLink


@pytest.fixture
def pipe():
    reading, writing = os.pipe()
    yield reading, writing
    for end in (reading, writing):
        try:
            os.close(end)
        except OSError:
            pass


def test_only_the_first_output_is_written_and_without_a_header(pipe):
    reading, writing = pipe
    link = PipeLink(writing)
    for output in (0, 1, 0):
        link.send_frame(output, EncodedFrame(b"unit%d" % output, True, 0))
    assert os.read(reading, 100) == b"unit0unit0"
    assert not link.wants_key_frame(0)


def test_a_pipe_without_a_reader_stops_the_source(pipe):
    reading, writing = pipe
    os.close(reading)
    with pytest.raises(SourceStopped):
        PipeLink(writing).send_frame(0, EncodedFrame(b"unit", True, 0))


def test_only_failures_are_printed(pipe, capsys):
    link = PipeLink(pipe[1])
    link.send_note(0, event="ready")
    link.send_note(0, event="failed", reason="no such camera")
    link.finish(1.0)
    assert capsys.readouterr().err == "edge_streamer.sources: output 0: no such camera\n"


def test_wait_sleeps_until_the_instant(pipe):
    link = PipeLink(pipe[1])
    until_ns = time.monotonic_ns() + 5_000_000
    assert link.wait(until_ns) == []
    assert time.monotonic_ns() >= until_ns
    assert link.wait(0) == []
