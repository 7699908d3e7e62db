"""The test card: colour bars that scroll, a ball, a clock to the millisecond, and two machine-readable strips.

Each output has one card, drawn by `testpattern`. Every movement is a function of time alone, so all outputs show the
same picture. The snow at the bottom is hard to compress on purpose: without it the card would need a tenth of the bit
rate of a camera's picture. BT.709 studio range, 4:2:0.
"""

import math
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import av

from edge_streamer.protocol.source.request import Output
from edge_streamer.sources.drawing.canvas import Canvas, Colour, Label, Rows, flat_row
from edge_streamer.sources.drawing.font import cell_width
from edge_streamer.sources.testpattern.strips import Strip, cell_edges, strip_height, strip_row, strip_top

_BARS: Final[tuple[Colour, ...]] = (  # 75 % bars, ITU-R BT.709
    (180, 128, 128),
    (168, 44, 136),
    (145, 147, 44),
    (134, 63, 52),
    (63, 193, 204),
    (51, 109, 212),
    (28, 212, 120),
)
_PANEL: Final[Colour] = (30, 134, 124)
_EDGE: Final[Colour] = (90, 150, 112)
_WHITE: Final[Colour] = (235, 128, 128)
_GREY: Final[Colour] = (185, 130, 126)
_AMBER: Final[Colour] = (180, 50, 160)

_TEXT: Final = (36, 48)  # lines of 720 that small text takes, and how many of its characters fit into a line
_SCROLL_WIDTHS_A_S: Final = 60 / 1280
_BALL_CROSSING_S: Final = 7.0
_BALL_BOUNCE_S: Final = 1.5
_SNOW_REPEATS: Final = 4  # the pool of noise is this many times what one picture shows


class PatternCard:
    """Draws one output's picture of an instant."""

    def __init__(self, output: Output) -> None:
        self._canvas = Canvas(output.width, output.height)
        self._edges = cell_edges(output.width)
        self._margin = output.width // 32 // 2 * 2
        bars = _Scroller(self._canvas, self._line(20), self._line(296), _bar_colour, 1)
        hues = _Scroller(self._canvas, self._line(560), self._line(620), _hue, -2)
        greys = _Scroller(self._canvas, self._line(620), self._line(660), _grey, 1)
        self._scrollers = (bars, hues, greys)
        self._ball = _Ball(self._canvas, self._line(20), self._line(296))
        self._snow = _Snow(self._canvas, self._line(660), strip_top(Strip.WALL_MS, output.height))
        self._draw_panel(output)
        self.draw(0, 0, 0)  # so that the first picture that is due costs no more than the others

    def draw(self, number: int, instant_ns: int, wall_ns: int) -> av.VideoFrame:
        """Return the picture of CLOCK_MONOTONIC `instant_ns`; the same object every time, drawn again."""
        for scroller in self._scrollers:
            scroller.draw(instant_ns)
        self._ball.draw(instant_ns)
        self._snow.draw(number)
        self._draw_strip(Strip.FRAME_NUMBER, number)
        self._draw_strip(Strip.WALL_MS, wall_ns // 1_000_000)
        wall = datetime.fromtimestamp(wall_ns // 1_000_000_000, UTC)
        self._clock.show(f"{wall:%H:%M:%S}.{wall_ns // 1_000_000 % 1000:03}")
        self._date.show(f"{wall:%Y-%m-%d} UTC")
        self._number.show(f"frame {number:08}")
        return self._canvas.frame

    def show_format(self, output: Output) -> None:
        """Write the output's name, size and rate into the panel, again when its rate changes."""
        top, height, width = self._line(316), self._fitting_height(*_TEXT), output.width
        self._canvas.fill(top, height, flat_row(_PANEL, width))
        text = f"{output.name}  {width}x{output.height}  {output.fps:g} fps"
        self._label(self._margin, top, height, _AMBER).show("edge_streamer")
        self._label(self._right(text, height), top, height, _GREY).show(text)

    def _line(self, of_720: int) -> int:
        """Return an even line of this picture for one of a 720-line picture; the strips' edges are theirs."""
        return self._canvas.height * of_720 // 720 // 2 * 2

    def _draw_panel(self, output: Output) -> None:
        canvas, width = self._canvas, output.width
        top, bottom, edge = self._line(296), self._line(560), max(2, self._line(4))
        canvas.fill(top, bottom - top, flat_row(_EDGE, width))
        canvas.fill(top + edge, bottom - top - 2 * edge, flat_row(_PANEL, width))
        text_height = self._fitting_height(*_TEXT)
        lower = self._line(508)
        self.show_format(output)
        clock_height = self._fitting_height(132, 13)
        clock_left = (width - len("00:00:00.000") * cell_width(clock_height)) // 4 * 2
        self._clock = self._label(clock_left, self._line(370), clock_height, _WHITE)
        self._date = self._label(self._margin, lower, text_height, _GREY)
        self._number = self._label(self._right("frame 00000000", text_height), lower, text_height, _GREY)
        for label in (self._clock, self._date, self._number):
            label.prepare("0123456789")

    def _label(self, left: int, top: int, cell_height: int, ink: Colour) -> Label:
        return Label(self._canvas, max(0, left), top, cell_height, ink, _PANEL)

    def _right(self, text: str, cell_height: int) -> int:
        width = self._canvas.width
        return (width - width // 32 - len(text) * cell_width(cell_height)) // 2 * 2

    def _fitting_height(self, of_720: int, characters: int) -> int:
        """Return the cell height, at least 6 lines, at which so many characters fit into the width."""
        widest = self._canvas.width // characters * 3 // 2
        return max(6, min(self._line(of_720), widest) // 2 * 2)

    def _draw_strip(self, strip: Strip, value: int) -> None:
        height = self._canvas.height
        _black, cb, cr = flat_row((16, 128, 128), self._canvas.width)
        self._canvas.fill(strip_top(strip, height), strip_height(height), (strip_row(value, self._edges), cb, cr))


class _Scroller:
    """A band of vertical colours that moves sideways and comes round."""

    def __init__(self, canvas: Canvas, top: int, bottom: int, colour: Callable[[float], Colour], speed: float) -> None:
        self._canvas = canvas
        self._top, self._height = top, bottom - top
        self._pixels_a_s = speed * _SCROLL_WIDTHS_A_S * canvas.width
        columns = [colour(pair * 2 / canvas.width) for pair in range(canvas.width // 2)]
        self._luma = bytes(luma for luma, _cb, _cr in columns for _ in (0, 1)) * 2
        self._cb = bytes(cb for _luma, cb, _cr in columns) * 2
        self._cr = bytes(cr for _luma, _cb, cr in columns) * 2

    def draw(self, instant_ns: int) -> None:
        """Draw the band as it stands at `instant_ns`."""
        width = self._canvas.width
        left = int(instant_ns / 1e9 * self._pixels_a_s) % width // 2 * 2
        half = slice(left // 2, (left + width) // 2)
        rows: Rows = self._luma[left : left + width], self._cb[half], self._cr[half]
        self._canvas.fill(self._top, self._height, rows)


class _Ball:
    """A ball with a dark rim that crosses the picture and bounces on the panel."""

    def __init__(self, canvas: Canvas, top: int, bottom: int) -> None:
        self._canvas = canvas
        self._radius = min(canvas.width, bottom - top) // 10 * 2
        self._drop = bottom - top - 2 * self._radius
        self._bottom = bottom
        lines = range(-self._radius, self._radius, 2)
        self._halves = [int(math.sqrt(self._radius**2 - (line + 1) ** 2)) // 2 * 2 for line in lines]
        self._luma = [self._span(half, line + 1) for half, line in zip(self._halves, lines, strict=True)]

    def draw(self, instant_ns: int) -> None:
        """Draw the ball where it is at `instant_ns`."""
        now_s = instant_ns / 1e9
        crossing = abs(now_s / _BALL_CROSSING_S % 2 - 1)
        fall = (now_s / _BALL_BOUNCE_S % 1 * 2 - 1) ** 2
        middle = self._radius + int(crossing * (self._canvas.width - 2 * self._radius)) // 2 * 2
        top = self._bottom - 2 * self._radius - int((1 - fall) * self._drop) // 2 * 2
        for pair, (half, span) in enumerate(zip(self._halves, self._luma, strict=True)):
            self._canvas.put(0, middle - half, top + 2 * pair, (span, span))
            for plane in (1, 2):
                self._canvas.put(plane, (middle - half) // 2, top // 2 + pair, (b"\x80" * half,))

    def _span(self, half: int, line: int) -> bytes:
        inner = int(math.sqrt(max(0, (self._radius * 0.86) ** 2 - line**2))) // 2 * 2
        rim = b"\x18" * (half - inner)
        return rim + b"\xe8" * (2 * inner) + rim


class _Snow:
    """Noise that is new in every picture."""

    def __init__(self, canvas: Canvas, top: int, bottom: int) -> None:
        self._canvas = canvas
        self._top, self._height = top, bottom - top
        self._picture_bytes = self._height * canvas.luma_stride
        soft = bytes(72 + value * 112 // 255 for value in range(256))
        self._pool = os.urandom(self._picture_bytes * _SNOW_REPEATS).translate(soft)
        canvas.fill(top, self._height, flat_row((128, 128, 128), canvas.width))

    def draw(self, number: int) -> None:
        """Draw another part of the pool than for the pictures before."""
        start = number * 7919 * 64 % (self._picture_bytes * (_SNOW_REPEATS - 1))
        self._canvas.fill_luma(self._top, self._height, self._pool[start : start + self._picture_bytes])


def _bar_colour(position: float) -> Colour:
    return _BARS[int(position * len(_BARS))]


def _hue(position: float) -> Colour:
    angle = 2 * math.pi * position
    return 125, round(128 + 84 * math.cos(angle)), round(128 + 84 * math.sin(angle))


def _grey(position: float) -> Colour:
    return round(16 + 219 * abs(2 * position - 1)), 128, 128
