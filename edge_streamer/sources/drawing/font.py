"""A small typeface of our own: 5 x 7 dots with two rows for descenders, smoothed and scaled to any size.

Printable ASCII, the degree sign, the middle dot and the en dash. A glyph is drawn once a size: its dots are doubled
until they are finer than the target, corners rounded on the way, and then averaged, which gives the grey edges of a
vector font without a font library. Used by `canvas` and `overlay`.
"""

from functools import lru_cache
from typing import Final

_COLUMNS: Final = 6  # five dots and the gap to the next character
_ROWS: Final = 9  # seven above the base line, two below
_FINEST_ROWS: Final = 144  # finer takes tens of milliseconds a glyph, and large glyphs need no grey

_DOTS: Final = {
    " ": "..... ..... ..... ..... ..... ..... .....",
    "!": "..#.. ..#.. ..#.. ..#.. ..#.. ..... ..#..",
    '"': ".#.#. .#.#. ..... ..... ..... ..... .....",
    "#": ".#.#. .#.#. ##### .#.#. ##### .#.#. .#.#.",
    "$": "..#.. .#### #.#.. .###. ..#.# ####. ..#..",
    "%": "##... ##..# ...#. ..#.. .#... #..## ...##",
    "&": ".##.. #..#. #.#.. .#... #.#.# #..#. .##.#",
    "'": "..#.. ..#.. ..... ..... ..... ..... .....",
    "(": "...#. ..#.. ..#.. ..#.. ..#.. ..#.. ...#.",
    ")": ".#... ..#.. ..#.. ..#.. ..#.. ..#.. .#...",
    "*": "..... ..#.. #.#.# .###. #.#.# ..#.. .....",
    "+": "..... ..#.. ..#.. ##### ..#.. ..#.. .....",
    ",": "..... ..... ..... ..... ..... .##.. .##.. ..#.. .#...",
    "-": "..... ..... ..... .###. ..... ..... .....",
    ".": "..... ..... ..... ..... ..... .##.. .##..",
    "/": "....# ....# ...#. ..#.. .#... #.... #....",
    "0": ".###. #...# #...# #...# #...# #...# .###.",
    "1": "..#.. .##.. #.#.. ..#.. ..#.. ..#.. #####",
    "2": ".###. #...# ....# ..##. .#... #.... #####",
    "3": ".###. #...# ....# ..##. ....# #...# .###.",
    "4": "#..#. #..#. #..#. ##### ...#. ...#. ...#.",
    "5": "##### #.... ####. ....# ....# #...# .###.",
    "6": ".###. #.... #.... ####. #...# #...# .###.",
    "7": "##### ....# ...#. ...#. ..#.. ..#.. ..#..",
    "8": ".###. #...# #...# .###. #...# #...# .###.",
    "9": ".###. #...# #...# .#### ....# ....# .###.",
    ":": "..... .##.. .##.. ..... .##.. .##.. .....",
    ";": "..... ..... .##.. .##.. ..... .##.. .##.. ..#.. .#...",
    "<": "...#. ..#.. .#... #.... .#... ..#.. ...#.",
    "=": "..... ..... ##### ..... ##### ..... .....",
    ">": ".#... ..#.. ...#. ....# ...#. ..#.. .#...",
    "?": ".###. #...# ....# ..##. ..#.. ..... ..#..",
    "@": ".###. #...# #.### #.#.# #.### #.... .###.",
    "A": ".###. #...# #...# ##### #...# #...# #...#",
    "B": "####. #...# #...# ####. #...# #...# ####.",
    "C": ".###. #...# #.... #.... #.... #...# .###.",
    "D": "####. #...# #...# #...# #...# #...# ####.",
    "E": "##### #.... #.... ####. #.... #.... #####",
    "F": "##### #.... #.... ####. #.... #.... #....",
    "G": ".###. #...# #.... #.### #...# #...# .###.",
    "H": "#...# #...# #...# ##### #...# #...# #...#",
    "I": ".###. ..#.. ..#.. ..#.. ..#.. ..#.. .###.",
    "J": "..### ...#. ...#. ...#. ...#. #..#. .##..",
    "K": "#...# #..#. #.#.. ##... #.#.. #..#. #...#",
    "L": "#.... #.... #.... #.... #.... #.... #####",
    "M": "#...# ##.## #.#.# #.#.# #...# #...# #...#",
    "N": "#...# ##..# ##..# #.#.# #..## #..## #...#",
    "O": ".###. #...# #...# #...# #...# #...# .###.",
    "P": "####. #...# #...# ####. #.... #.... #....",
    "Q": ".###. #...# #...# #...# #.#.# #..#. .##.#",
    "R": "####. #...# #...# ####. #.#.. #..#. #...#",
    "S": ".#### #.... #.... .###. ....# ....# ####.",
    "T": "##### ..#.. ..#.. ..#.. ..#.. ..#.. ..#..",
    "U": "#...# #...# #...# #...# #...# #...# .###.",
    "V": "#...# #...# #...# #...# .#.#. .#.#. ..#..",
    "W": "#...# #...# #...# #.#.# #.#.# ##.## #...#",
    "X": "#...# #...# .#.#. ..#.. .#.#. #...# #...#",
    "Y": "#...# #...# .#.#. ..#.. ..#.. ..#.. ..#..",
    "Z": "##### ....# ...#. ..#.. .#... #.... #####",
    "[": ".###. .#... .#... .#... .#... .#... .###.",
    "\\": "#.... #.... .#... ..#.. ...#. ....# ....#",
    "]": ".###. ...#. ...#. ...#. ...#. ...#. .###.",
    "^": "..#.. .#.#. #...# ..... ..... ..... .....",
    "_": "..... ..... ..... ..... ..... ..... ..... #####",
    "`": ".#... ..#.. ..... ..... ..... ..... .....",
    "a": "..... ..... .###. ....# .#### #...# .####",
    "b": "#.... #.... ####. #...# #...# #...# ####.",
    "c": "..... ..... .#### #.... #.... #.... .####",
    "d": "....# ....# .#### #...# #...# #...# .####",
    "e": "..... ..... .###. #...# ##### #.... .####",
    "f": "..##. .#... ####. .#... .#... .#... .#...",
    "g": "..... ..... .#### #...# #...# #...# .#### ....# .###.",
    "h": "#.... #.... ####. #...# #...# #...# #...#",
    "i": "..#.. ..... .##.. ..#.. ..#.. ..#.. .###.",
    "j": "...#. ..... ..##. ...#. ...#. ...#. ...#. #..#. .##..",
    "k": "#.... #.... #..#. #.#.. ##... #.#.. #..#.",
    "l": ".##.. ..#.. ..#.. ..#.. ..#.. ..#.. .###.",
    "m": "..... ..... ##.#. #.#.# #.#.# #.#.# #.#.#",
    "n": "..... ..... ####. #...# #...# #...# #...#",
    "o": "..... ..... .###. #...# #...# #...# .###.",
    "p": "..... ..... ####. #...# #...# #...# ####. #.... #....",
    "q": "..... ..... .#### #...# #...# #...# .#### ....# ....#",
    "r": "..... ..... #.##. ##..# #.... #.... #....",
    "s": "..... ..... .#### #.... .###. ....# ####.",
    "t": ".#... .#... ####. .#... .#... .#..# ..##.",
    "u": "..... ..... #...# #...# #...# #...# .####",
    "v": "..... ..... #...# #...# #...# .#.#. ..#..",
    "w": "..... ..... #.#.# #.#.# #.#.# #.#.# .#.#.",
    "x": "..... ..... #...# .#.#. ..#.. .#.#. #...#",
    "y": "..... ..... #...# #...# #...# #...# .#### ....# .###.",
    "z": "..... ..... ##### ...#. ..#.. .#... #####",
    "{": "...## ..#.. ..#.. .#... ..#.. ..#.. ...##",
    "|": "..#.. ..#.. ..#.. ..#.. ..#.. ..#.. ..#..",
    "}": "##... ..#.. ..#.. ...#. ..#.. ..#.. ##...",
    "~": "..... ..... .#... #.#.# ...#. ..... .....",
    "°": ".##.. #..#. #..#. .##.. ..... ..... .....",
    "·": "..... ..... ..... .##.. .##.. ..... .....",
    "–": "..... ..... ..... ##### ..... ..... .....",
}

Coverage = tuple[bytes, ...]
"""Rows of a glyph's cell; 0 is background, 255 is ink."""

_Bitmap = list[list[int]]  # rows of 0 and 1


def cell_width(cell_height: int) -> int:
    """Return the advance of the monospaced cell, in the same pixels, even."""
    return cell_height * _COLUMNS // _ROWS // 2 * 2


@lru_cache(maxsize=512)
def glyph(character: str, width: int, height: int) -> Coverage:
    """Return the character's coverage in a cell of `width` x `height` pixels; an unknown one is a question mark."""
    bitmap = _bitmap(_DOTS.get(character, _DOTS["?"]))
    while len(bitmap) < min(2 * height, _FINEST_ROWS):
        bitmap = _doubled(bitmap)
    columns = _averaged([list(column) for column in zip(*bitmap, strict=True)], width)
    return tuple(bytes(round(255 * ink) for ink in row) for row in _averaged(_transposed(columns), height))


def _bitmap(dots: str) -> _Bitmap:
    rows = [[int(dot == "#") for dot in row + "."] for row in dots.split()]
    return rows + [[0] * _COLUMNS for _ in range(_ROWS - len(rows))]


def _doubled(bitmap: _Bitmap) -> _Bitmap:
    """Double both sides and round the corners: a quarter takes the colour of two equal neighbours that it touches."""
    empty = [0] * len(bitmap[0])
    doubled: _Bitmap = []
    for above, row, below in zip([empty, *bitmap], bitmap, [*bitmap[1:], empty], strict=False):
        upper, lower = [], []
        for up, left, dot, right, down in zip(above, [0, *row], row, [*row[1:], 0], below, strict=False):
            upper += [_quarter(dot, up, left, right, down), _quarter(dot, up, right, left, down)]
            lower += [_quarter(dot, down, left, right, up), _quarter(dot, down, right, left, up)]
        doubled += [upper, lower]
    return doubled


def _quarter(dot: int, near: int, beside: int, far_beside: int, far: int) -> int:
    return near if near == beside and near != far_beside and beside != far else dot


def _averaged(rows: _Bitmap | list[list[float]], count: int) -> list[list[float]]:
    """Return `count` rows, each the mean of the rows that it covers."""
    averaged: list[list[float]] = []
    for index in range(count):
        first = index * len(rows) // count
        covered = rows[first : max(first + 1, (index + 1) * len(rows) // count)]
        averaged.append(_mean(covered) if len(covered) > 1 else [float(ink) for ink in covered[0]])
    return averaged


def _mean(rows: _Bitmap | list[list[float]]) -> list[float]:
    return [sum(column) / len(rows) for column in zip(*rows, strict=True)]


def _transposed(rows: list[list[float]]) -> list[list[float]]:
    return [list(column) for column in zip(*rows, strict=True)]
