"""What a slate shows: its lines, where they are cut, and that they are in the picture."""

import time

import pytest

from edge_streamer.protocol.source.request import Output, SlateOptions
from edge_streamer.sources.drawing.canvas import Label
from edge_streamer.sources.drawing.font import cell_width, glyph
from edge_streamer.sources.slate import picture

SINCE_S = 1_700_000_000.0
LONG = "no device at /dev/v4l/by-id/usb-camera-index0; " * 10


@pytest.fixture
def lines(monkeypatch) -> list[tuple[str, int, int]]:
    """Every text that is drawn, with the top and the height of its cells."""
    drawn = []

    class KnownLabel(Label):
        def __init__(self, canvas, left, top, cell_height, ink, paper) -> None:
            super().__init__(canvas, left, top, cell_height, ink, paper)
            self._place = (top, cell_height)

        def show(self, text: str) -> None:
            super().show(text)
            drawn.append((text, *self._place))

    monkeypatch.setattr(picture, "Label", KnownLabel)
    return drawn


@pytest.fixture(autouse=True)
def zone(monkeypatch):
    monkeypatch.setenv("TZ", "XYZ-2")  # two hours east of Greenwich
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def draw(width: int, height: int, reason: str = "the camera is gone"):
    return picture.draw_slate(Output("front-door", width, height), SlateOptions(reason, SINCE_S))


def test_it_says_what_of_which_stream_why_and_since_when_by_local_time(lines):
    draw(1280, 720)
    assert [text for text, *_place in lines] == [
        "No picture",
        "front-door",
        "Source: the camera is gone",
        "Since 2023-11-15 00:13:20",
    ]


def test_the_letters_are_in_the_picture(lines):
    luma = draw(640, 360).planes[0]
    pixels = bytes(luma)
    _text, top, height = lines[0]
    left, width = height // 2 // 2 * 2, cell_width(height)
    for row, inks in enumerate(glyph("N", width, height)):
        drawn = pixels[(top + row) * luma.line_size + left :][:width]
        assert all(pixel > 220 for pixel, ink in zip(drawn, inks, strict=True) if ink == 255)
        assert all(pixel < 40 for pixel, ink in zip(drawn, inks, strict=True) if ink == 0)


def test_a_long_reason_is_wrapped_and_nothing_of_it_is_lost(lines):
    draw(1920, 1080, "usb-046d_HD_Pro_Webcam " * 5)
    text = " ".join(text for text, *_place in lines[2:-1])
    assert text == "Source: " + " ".join(["usb-046d_HD_Pro_Webcam"] * 5)


@pytest.mark.parametrize(("width", "height"), [(320, 180), (640, 360), (1280, 720), (4096, 2160)])
def test_of_a_reason_that_does_not_fit_the_end_is_cut_and_the_date_stays(lines, width, height):
    draw(width, height, LONG * 4)
    assert lines[-2][0].endswith("...")
    assert lines[-1][0] == "Since 2023-11-15 00:13:20"
    assert all(top + cell <= height for _text, top, cell in lines)


@pytest.mark.parametrize(("width", "height"), [(64, 64), (64, 4096), (4096, 64), (66, 130)])
def test_every_allowed_size_can_be_drawn(lines, width, height):
    frame = draw(width, height, LONG)
    assert (frame.width, frame.height, frame.format.name) == (width, height, "yuv420p")
    assert lines[0][0] == "No picture"
    assert all(top + cell <= height for _text, top, cell in lines)


def test_a_character_that_the_font_lacks_is_drawn_as_a_question_mark():
    assert bytes(draw(640, 360, "\N{SNOWMAN}").planes[0]) == bytes(draw(640, 360, "?").planes[0])
