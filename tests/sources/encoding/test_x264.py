"""The encoder's settings, seen in what it makes."""

from fractions import Fraction

import av
import pytest
from msgspec import structs

from edge_streamer.protocol.source.request import Output
from edge_streamer.sources.encoding.x264 import BT601, BT709, WEBCAM_JPEG, WEBCAM_RAW, X264Encoder
from edge_streamer.sources.ending import SourceError

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


def test_a_new_frame_rate_begins_with_a_key_frame_and_keeps_the_bit_rate(picture):
    encoder, wanted = X264Encoder(OUTPUT), X264Encoder(structs.replace(OUTPUT, fps=5, bitrate_bps=30_000))
    encoder.set_bitrate(30_000)
    encoder.encode(picture, 0, is_key_frame=False)
    encoder.set_fps(5)
    for number in range(1, 12):
        data, is_key = encoder.encode(picture, number, is_key_frame=False)
        assert is_key == (number in (1, 6, 11))
        assert data == wanted.encode(picture, number, is_key_frame=False)[0]


def test_what_cannot_be_set_leaves_the_encoder_as_it_was(picture):
    encoder = X264Encoder(OUTPUT)
    encoder.encode(picture, 0, is_key_frame=False)
    with pytest.raises(SourceError):
        encoder.set_bitrate(-1)
    assert not encoder.encode(picture, 1, is_key_frame=False)[1]


def test_a_cameras_own_time_base_does_not_matter(picture):
    encoder = X264Encoder(OUTPUT)
    for number in range(12):
        picture.time_base = Fraction(1, 1_000_000)
        assert encoder.encode(picture, number, is_key_frame=False)[1] == (number in (0, 10))
        assert picture.pts * picture.time_base == Fraction(number, 10)  # what the encoder was given


@pytest.mark.parametrize(
    ("colours", "said"),
    [
        (BT709, (1, 1, 1, 1)),
        (BT601, (1, 6, 6, 6)),
        (WEBCAM_RAW, (1, 6, 1, 13)),
        (WEBCAM_JPEG, (2, 6, 1, 13)),
    ],
)
def test_the_parameter_sets_say_what_the_samples_mean(picture, colours, said):
    """Range, and the codes of ITU-T H.273 for matrix, primaries and transfer."""
    data, _is_key = X264Encoder(OUTPUT, colours).encode(picture, 0, is_key_frame=False)
    decoder = av.CodecContext.create("h264", "r")
    decoder.decode(av.Packet(data))
    assert (decoder.color_range, decoder.colorspace, decoder.color_primaries, decoder.color_trc) == said


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
