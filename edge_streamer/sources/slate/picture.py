"""What a slate shows: that there is no picture, of which stream, why, and since when. White on dark grey.

Drawn once by `source`. The text is as large as 48 characters a line allow; the reason is wrapped, and cut where the
picture ends.
"""

import textwrap
import time
from typing import Final

import av

from edge_streamer.protocol.source.request import Output, SlateOptions
from edge_streamer.sources.drawing.canvas import Canvas, Colour, Label, flat_row
from edge_streamer.sources.drawing.font import cell_width

_PAPER: Final[Colour] = (40, 128, 128)
_BAND: Final[Colour] = (24, 128, 128)
_WHITE: Final[Colour] = (235, 128, 128)
_GREY: Final[Colour] = (170, 128, 128)
_CHARACTERS: Final = 48  # in the width of a picture
_LINES: Final = 14  # in its height, at least
_SMALLEST_CELL: Final = 10  # pixels; smaller letters cannot be read, so a tiny picture shows less of the text
_TITLE: Final = "No picture"


def draw_slate(output: Output, options: SlateOptions) -> av.VideoFrame:
    """Return the slate of `output`'s size, yuv420p."""
    canvas = Canvas(output.width, output.height)
    canvas.fill(0, output.height, flat_row(_PAPER, output.width))
    cell = _cell_height(output)
    pitch, margin = cell * 5 // 4 // 2 * 2, cell // 2 // 2 * 2
    band = min(2 * pitch + margin, output.height) // 2 * 2
    canvas.fill(0, band, flat_row(_BAND, output.width))
    columns = max(1, (output.width - 2 * margin) // cell_width(cell))
    rows = max(0, (output.height - band - margin) // pitch)
    heading = [(_TITLE, _WHITE, _BAND), (output.name, _GREY, _BAND)]
    body = [(line, _WHITE, _PAPER) for line in _body(options, columns, rows)]
    tops = [margin // 2 // 2 * 2 + pitch * index for index in range(len(heading))]
    tops += [band + margin + pitch * index for index in range(len(body))]
    for top, (text, ink, paper) in zip(tops, heading + body, strict=True):
        if top + cell <= output.height:
            Label(canvas, margin, top, cell, ink, paper).show(text)
    return canvas.frame


def _cell_height(output: Output) -> int:
    by_width = output.width * 3 // (2 * _CHARACTERS)
    return max(_SMALLEST_CELL, min(by_width, output.height * 4 // (5 * _LINES))) // 2 * 2


def _body(options: SlateOptions, columns: int, rows: int) -> list[str]:
    """Return the reason in lines, and since when. When `rows` do not hold all, the date stays and the reason is cut."""
    since = textwrap.wrap(time.strftime("Since %Y-%m-%d %H:%M:%S", time.localtime(options.since_wall_s)), columns)
    reason = textwrap.wrap(f"Source: {options.reason}", columns, break_on_hyphens=False)
    left = max(1, rows - len(since))
    if len(reason) > left:
        reason = [*reason[: left - 1], reason[left - 1][: max(0, columns - 3)] + "..."]
    return [*reason, *since]
