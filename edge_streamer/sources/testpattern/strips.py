"""The two machine-readable strips of the test pattern: 32 black or white cells each, most significant first.

The top strip says the frame number, the bottom strip the low 32 bits of the wall clock in milliseconds, so that loss,
order and latency can be read off decoded pixels. This module has geometry and cells only; `card` draws them, tests and
benchmarks read them with the same geometry.
"""

from enum import Enum
from typing import Final

CELLS: Final = 32
BLACK: Final = 16
WHITE: Final = 235
_HEIGHT_OF_720_LINES: Final = 20


class Strip(Enum):
    """Which of the two."""

    FRAME_NUMBER = "top"
    WALL_MS = "bottom"


def strip_height(picture_height: int) -> int:
    """Return the lines that each strip takes, even: 20 of 720."""
    return max(4, picture_height * _HEIGHT_OF_720_LINES // 720 // 2 * 2)


def strip_top(strip: Strip, picture_height: int) -> int:
    """Return the strip's first line."""
    return 0 if strip is Strip.FRAME_NUMBER else picture_height - strip_height(picture_height)


def cell_edges(picture_width: int) -> list[int]:
    """Return the 33 columns at which cells begin and end, even."""
    return [index * picture_width // CELLS // 2 * 2 for index in range(CELLS)] + [picture_width]


def strip_row(value: int, edges: list[int]) -> bytes:
    """Return one line of luma that says the low 32 bits of `value`."""
    cells = zip(range(CELLS - 1, -1, -1), edges, edges[1:], strict=False)
    return b"".join((_WHITE if value >> bit & 1 else _BLACK) * (end - start) for bit, start, end in cells)


_BLACK: Final = bytes([BLACK])
_WHITE: Final = bytes([WHITE])
