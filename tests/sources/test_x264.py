"""The encoder's settings, seen in what it makes."""

import av
import pytest

from edge_streamer.sources.ending import SourceError
from edge_streamer.sources.request import Output
from edge_streamer.sources.x264 import X264Encoder

OUTPUT = Output(width=320, height=180, fps=10, bitrate_bps=200_000, gop_s=1.0)


@pytest.fixture
def picture():
    frame = av.VideoFrame(320, 180, "yuv420p")
    for plane in frame.planes:
        plane.update(bytes(index * 7 & 0xFF for index in range(plane.buffer_size)))
    return frame


def test_each_picture_is_one_access_unit_at_once(picture):
    encoder = X264Encoder(OUTPUT)
    keys = [encoder.encode(picture, number, is_key_frame=number == 4)[1] for number in range(16)]
    assert [number for number, is_key in enumerate(keys) if is_key] == [0, 4, 14]


def test_a_new_rate_begins_with_a_key_frame(picture):
    encoder = X264Encoder(OUTPUT)
    encoder.encode(picture, 0, is_key_frame=False)
    encoder.set_bitrate(100_000)
    assert encoder.encode(picture, 1, is_key_frame=False)[1]


def test_any_decoder_of_baseline_can_show_it(picture):
    data, _is_key = X264Encoder(OUTPUT).encode(picture, 0, is_key_frame=False)
    decoder = av.CodecContext.create("h264", "r")
    [shown] = decoder.decode(av.Packet(data)) + decoder.decode(None)
    assert "Baseline" in decoder.profile
    assert (shown.width, shown.height, decoder.framerate) == (320, 180, 10)
    assert decoder.has_b_frames in (0, False)


def test_what_it_cannot_encode_is_one_sentence():
    encoder = X264Encoder(OUTPUT)
    with pytest.raises(SourceError, match="libx264 does not open for 320x180 at 10 fps and -1 bit/s"):
        encoder.set_bitrate(-1)
