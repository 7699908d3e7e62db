"""Snapshots: the colours that a browser shows, and a sentence for what cannot be one."""

import io

import av
import pytest
from av.video.reformatter import ColorRange, Colorspace

from edge_streamer.protocol.source.request import Output
from edge_streamer.sources.encoding import jpeg as jpeg_module
from edge_streamer.sources.encoding.jpeg import jpeg_of_key_frame, jpeg_of_picture
from edge_streamer.sources.encoding.x264 import BT601, X264Encoder
from edge_streamer.sources.ending import SourceError

OUTPUT = Output(width=128, height=96, fps=10, bitrate_bps=400_000)
SEEN = 6  # of 255, what two conversions and a quantizer may change

# the 75 % green of ITU-R BT.709 and BT.601 in studio range, and of BT.601 in full range: all are RGB 0, 191, 0
GREEN_709, GREEN_601, GREEN_JPEG = (134, 63, 52), (112, 72, 58), (112, 65, 48)


def filled(colour, *, width=128, height=96, pix_fmt="yuv420p", matrix=None):
    picture = av.VideoFrame(width, height, pix_fmt)
    if matrix is not None:
        picture.colorspace, picture.color_range = matrix, ColorRange.MPEG
    for plane, level in zip(picture.planes, colour, strict=True):
        plane.update(bytes([level]) * plane.buffer_size)
    return picture


def browser_rgb(jpeg):
    """The middle pixel, by the formula of JFIF 1.02, whatever the file may say elsewhere."""
    with av.open(io.BytesIO(jpeg)) as container:
        picture = next(container.decode(video=0))
    assert picture.format.name == "yuvj420p"
    y, cb, cr = (
        bytes(plane)[plane.height // 2 * plane.line_size + plane.width // 2] for plane in picture.planes
    )  # fmt: skip
    blue, red = cb - 128, cr - 128
    return y + 1.402 * red, y - 0.344136 * blue - 0.714136 * red, y + 1.772 * blue


def is_green(jpeg):
    return all(abs(level - wanted) < SEEN for level, wanted in zip(browser_rgb(jpeg), (0, 191, 0), strict=True))


@pytest.mark.parametrize(
    "picture",
    [
        filled(GREEN_709, matrix=Colorspace.ITU709),
        filled(GREEN_601, matrix=Colorspace.ITU601),
        filled(GREEN_601),
        filled(GREEN_709, height=720),
        filled(GREEN_JPEG, pix_fmt="yuvj420p"),
        filled(GREEN_JPEG, pix_fmt="yuvj422p", height=720),
    ],
    ids=["709", "601", "small and unsaid", "large and unsaid", "MJPEG camera", "MJPEG camera 4:2:2"],
)
def test_colours_are_what_the_picture_meant(picture):
    assert is_green(jpeg_of_picture(picture))


@pytest.mark.parametrize(("color_range", "shown"), [(ColorRange.JPEG, 60), (ColorRange.MPEG, 51), (0, 51)])
def test_a_pictures_range_is_heeded_and_studio_range_unless_said(color_range, shown):
    picture = filled((60, 128, 128))
    picture.color_range = color_range
    assert all(abs(level - shown) < 4 for level in browser_rgb(jpeg_of_picture(picture)))


def test_it_is_one_whole_jpeg_of_the_pictures_size():
    jpeg = jpeg_of_picture(filled(GREEN_709, width=322, height=242))
    assert (jpeg[:2], jpeg[-2:]) == (b"\xff\xd8", b"\xff\xd9")
    with av.open(io.BytesIO(jpeg)) as container:
        [picture] = container.decode(video=0)
    assert (picture.width, picture.height) == (322, 242)


def test_the_picture_can_be_encoded_afterwards():
    picture, encoder = filled(GREEN_709), X264Encoder(OUTPUT)
    for number in range(3):
        jpeg_of_picture(picture)
        assert encoder.encode(picture, number, is_key_frame=False)[1] == (number == 0)


@pytest.mark.parametrize(
    ("encoder", "colour"), [(X264Encoder(OUTPUT), GREEN_709), (X264Encoder(OUTPUT, BT601), GREEN_601)]
)
def test_a_key_frame_becomes_the_picture_that_its_parameter_sets_mean(encoder, colour):
    data, _is_key = encoder.encode(filled(colour), 0, is_key_frame=True)
    assert is_green(jpeg_of_key_frame(data))


def test_what_does_not_decode_is_one_sentence():
    encoder = X264Encoder(OUTPUT)
    key_frame, _is_key = encoder.encode(filled(GREEN_709), 0, is_key_frame=False)
    other, _is_key = encoder.encode(filled(GREEN_601), 1, is_key_frame=False)
    for data in (b"rubbish" * 99, other, key_frame[:20]):
        with pytest.raises(SourceError, match="the key frame does not decode: "):
            jpeg_of_key_frame(data)


@pytest.mark.parametrize("length", [0, jpeg_module.MAX_ACCESS_UNIT_BYTES + 1])
def test_an_access_unit_has_a_length(length):
    with pytest.raises(SourceError, match=f"of {length} bytes gives no snapshot"):
        jpeg_of_key_frame(bytes(length))


def test_a_picture_larger_than_any_level_is_not_even_decoded(monkeypatch):
    data, _is_key = X264Encoder(OUTPUT).encode(filled(GREEN_709), 0, is_key_frame=True)
    monkeypatch.setattr(jpeg_module, "MAX_PIXELS", 64 * 64)
    with pytest.raises(SourceError, match="does not decode"):
        jpeg_of_key_frame(data)
    with pytest.raises(SourceError, match="128x96 is too large"):
        jpeg_of_picture(filled(GREEN_709))


def test_a_file_that_the_server_would_refuse_is_not_sent(monkeypatch):
    monkeypatch.setattr(jpeg_module, "MAX_SNAPSHOT_BYTES", 100)
    with pytest.raises(SourceError, match=r"the JPEG has \d+ bytes .allowed: 100"):
        jpeg_of_picture(filled(GREEN_709))


def test_a_picture_that_no_jpeg_can_hold_is_one_sentence():
    with pytest.raises(SourceError, match="a 65600x64 picture cannot be made a JPEG"):
        jpeg_of_picture(av.VideoFrame(65_600, 64, "yuv420p"))
