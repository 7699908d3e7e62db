"""The time and a name written into a picture: white on a dark strip, top left, luma only.

The colour of the picture stays and tints the letters: drawing one plane is a third of the work, and works with every
4:2:0 and 4:2:2 layout whose luma is a plane of its own. This is not a general drawing tool; `canvas` draws whole
pictures. The sources call it on a raw frame before its encoder.

What it costs at 1080p (24 characters, one core of an AMD EPYC server): 15 microseconds a frame to copy the strip, 45
more once a second to render it, and 50 milliseconds at the start for the glyphs of all texts to come.
"""

import string
import time
from collections.abc import Iterator
from typing import Final

from edge_streamer.protocol.source.request import Output
from edge_streamer.sources.drawing.font import cell_width, glyph
from edge_streamer.sources.ending import SourceError

WHITE: Final = 235
DARK: Final = 24
MIN_STRIP_LINES: Final = 12
_STRIPS_A_PICTURE: Final = 24
_MARGINS_A_PICTURE: Final = 32  # more than a strip of the test pattern (20 of 720 lines) that must stay readable
_YEAR_S: Final = 366 * 86_400
_SAMPLE_S: Final = 13 * 3600  # odd: mornings and afternoons of all days of the week

_SHADES: Final = bytes(DARK + (WHITE - DARK) * coverage // 255 for coverage in range(256))


class Overlay:
    """One output's strip; rendered when the second changes, copied into every frame."""

    def __init__(self, template: str, name: str, width: int, height: int) -> None:
        """Prepare for pictures of `width` x `height` pixels; ValueError when `template` cannot be used.

        `template` has strftime's codes, for the device's local time, and `{name}`; a brace is doubled. A character
        that the font does not have becomes a question mark, and what does not fit into the picture is cut. Another time
        zone of the device (`timedatectl set-timezone`) is shown from the next second on, except where TZ sets the zone.
        """
        self._format = _strftime_format(template, name)
        strip_height = max(MIN_STRIP_LINES, height // _STRIPS_A_PICTURE // 2 * 2)
        self._padding = strip_height // 11  # leaves a cell for which `font` need not double its dots once more
        self._cell_height = strip_height - 2 * self._padding
        self._cell_width = cell_width(self._cell_height)
        self._margin = max(4, height // _MARGINS_A_PICTURE // 2 * 2)
        self._characters = max(0, (width - 2 * self._margin - 2 * self._padding) // self._cell_width)
        self._glyphs: dict[str, tuple[bytes, ...]] = {}
        self._prepare()
        self._second: int | None = None
        self._lines: list[bytes] = []

    def draw(self, luma: memoryview | bytearray, stride_bytes: int, wall_ns: int) -> None:
        """Write the text of the UTC instant `wall_ns` into the luma plane: bytes, `stride_bytes` from line to line."""
        second = wall_ns // 1_000_000_000
        if second != self._second:
            time.tzset()  # localtime() reads /etc/localtime only once, tzset() again when that has been replaced
            self._lines = self._render(self._text(second))
            self._second = second
        start = self._margin * stride_bytes + self._margin
        for line in self._lines:
            luma[start : start + len(line)] = line
            start += stride_bytes

    def _text(self, second: int) -> str:
        return time.strftime(self._format, time.localtime(second))[: self._characters]

    def _prepare(self) -> None:
        """Draw the glyphs of a whole year's texts now: the first time of each costs milliseconds."""
        now_s = int(time.time())
        characters = set(string.digits)
        for second in range(now_s, now_s + _YEAR_S, _SAMPLE_S):
            characters.update(self._text(second))
        for character in characters:
            self._glyph(character)

    def _glyph(self, character: str) -> tuple[bytes, ...]:
        if character not in self._glyphs:
            rows = glyph(character, self._cell_width, self._cell_height)
            self._glyphs[character] = tuple(row.translate(_SHADES) for row in rows)
        return self._glyphs[character]

    def _render(self, text: str) -> list[bytes]:
        if not text:
            return []
        side = bytes([DARK]) * self._padding
        rows = zip(*(self._glyph(character) for character in text), strict=True)
        lines = [side + b"".join(row) + side for row in rows]
        blank = [bytes([DARK]) * len(lines[0])] * self._padding
        return blank + lines + blank


def overlay_of(output: Output) -> Overlay | None:
    """Return the overlay that an output asks for, None for none; SourceError when its template cannot be used."""
    if not output.overlay:
        return None
    try:
        return Overlay(output.overlay, output.name, output.width, output.height)
    except ValueError as error:
        raise SourceError(str(error)) from None


def _strftime_format(template: str, name: str) -> str:
    """Return the template with the name filled in; percent signs in the name are escaped."""
    try:
        strftime_format = "".join(_pieces(template, name.replace("%", "%%")))
        time.strftime(strftime_format)
    except ValueError as error:  # a lone brace; half of a surrogate pair
        raise ValueError(f"the overlay {template!r} cannot be used: {error}") from None
    return strftime_format


def _pieces(template: str, name: str) -> Iterator[str]:
    if "\0" in template:
        raise ValueError("a null character has no picture")
    for text, field, details, conversion in string.Formatter().parse(template):
        yield text
        if field == "name" and not details and not conversion:
            yield name
        elif field is not None:
            raise ValueError("in braces only {name} is known, and a brace that is meant is doubled")
