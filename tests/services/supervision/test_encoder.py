"""What is known of an output's encoder, and what its stream is told of it."""

import pytest

from edge_streamer.media.stream import Stream
from edge_streamer.protocol.source.messages import SourceChanged, SourceReady
from edge_streamer.protocol.source.request import Output
from edge_streamer.services.supervision.encoder import OutputEncoder
from edge_streamer.services.supervision.questions import StreamChange

ASKED = Output("main", fps=30.0, bitrate_bps=1_000_000)


@pytest.fixture
def stream():
    return Stream("main", link_bitrate_bps=ASKED.bitrate_bps)


@pytest.fixture
def encoder(stream):
    return OutputEncoder(stream, ASKED)


def test_before_the_source_has_said_anything_it_is_as_it_was_asked_for(encoder):
    assert (encoder.nominal_fps, encoder.bitrate_bps) == (30.0, 1_000_000)


def test_what_the_source_says_counts_and_reaches_the_stream(encoder, stream):
    encoder.take_ready(SourceReady(fps=25.0), 0.0)
    assert (encoder.nominal_fps, stream.nominal_fps) == (25.0, 25.0)
    encoder.take_changed(SourceChanged(fps=10.0, bitrate_bps=500_000), {}, 0.0)
    assert (encoder.nominal_fps, stream.nominal_fps) == (10.0, 10.0)
    assert (encoder.bitrate_bps, stream.link_bitrate_bps) == (500_000, 500_000)
    assert encoder.spec == ASKED, "nobody asked for it: the next process is asked for what it was"


def test_a_change_that_was_asked_for_outlasts_the_process(encoder):
    encoder.take_changed(SourceChanged(bitrate_bps=480_000), {"bitrate_bps": 500_000}, 0.0)
    assert encoder.spec.bitrate_bps == 500_000
    encoder.take_ready(SourceReady(fps=30.0), 0.0)
    assert encoder.bitrate_bps == 500_000


def test_a_link_rate_of_the_streams_own_is_the_least(stream):
    encoder = OutputEncoder(stream, Output("main", bitrate_bps=300_000))
    encoder.take_changed(SourceChanged(bitrate_bps=200_000), {}, 0.0)
    assert stream.link_bitrate_bps == 1_000_000


def test_what_the_source_cannot_do_is_refused(encoder):
    change = StreamChange(bitrate_bps=500_000, fps=10.0)
    assert encoder.refusal(change) == "this source cannot change its bit rate"
    encoder.take_ready(SourceReady(fps=30.0, can_set_bitrate=True), 0.0)
    assert encoder.refusal(change) == "this source cannot change its frame rate"
    assert encoder.refusal(StreamChange(bitrate_bps=500_000)) == ""
