"""A picture (SVG) of what a terminal shows: for docs/, where text would lose that it was seen on a screen."""

from html import escape
from typing import Final

_FONT_PX: Final = 14
_LINE_PX: Final = 19
_CHARACTER_PX: Final = 8.45
"""Of the usual monospaced fonts at this size: wide enough for each of them."""
_MARGIN_PX: Final = 16


def terminal_picture(text: str) -> str:
    """Return the SVG of these lines, as wide as the longest; control characters but line feeds are left out."""
    lines = [_printable(line) for line in text.replace("\r", "").strip("\n").split("\n")]
    width = round(max(map(len, lines)) * _CHARACTER_PX) + 2 * _MARGIN_PX
    height = len(lines) * _LINE_PX + 2 * _MARGIN_PX
    rows = "\n".join(
        f'<text x="{_MARGIN_PX}" y="{_MARGIN_PX + _LINE_PX * number - 5}" xml:space="preserve">{escape(line)}</text>'
        for number, line in enumerate(lines, start=1)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'font-family="ui-monospace, Menlo, Consolas, monospace" font-size="{_FONT_PX}" fill="#d8dee9">\n'
        f'<rect width="{width}" height="{height}" rx="8" fill="#12161c"/>\n{rows}\n</svg>\n'
    )


def _printable(line: str) -> str:
    return "".join(character for character in line if character.isprintable())
