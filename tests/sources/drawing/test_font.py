"""The typeface: every glyph fits its cell, can be told from the others, and has smooth edges."""

import string
from itertools import combinations

import pytest

from edge_streamer.sources.drawing.font import cell_width, glyph

SHOWN = string.printable[:95] + "°·–"


@pytest.mark.parametrize("height", [6, 18, 36, 132])
def test_a_glyph_fills_exactly_its_cell(height):
    width = cell_width(height)
    for character in "8g_":
        rows = glyph(character, width, height)
        assert [len(row) for row in rows] == [width] * height


def test_characters_look_different_but_for_zero_and_capital_o():
    seen = {character: glyph(character, 12, 18) for character in SHOWN}
    alike = [(a, b) for a, b in combinations(SHOWN, 2) if seen[a] == seen[b]]
    assert alike == [("0", "O")]


def test_an_unknown_character_is_a_question_mark():
    assert glyph("é", 12, 18) == glyph("?", 12, 18)


def test_space_is_empty_and_letters_have_full_ink_and_grey_edges():
    assert set(b"".join(glyph(" ", 24, 36))) == {0}
    levels = set(b"".join(glyph("S", 24, 36)))
    assert {0, 255} < levels
    assert len(levels) > 3


def test_descenders_and_only_they_reach_below_the_base_line():
    for character in SHOWN:
        below = any(any(row) for row in glyph(character, 12, 18)[14:])
        assert below == (character in "gjpqy,;_")


def test_a_corner_has_less_ink_than_its_dots():
    """The top left dot of a B is 8 x 8 pixels here, rounded outside; the dot below it is full."""
    rows = glyph("B", 48, 72)
    assert rows[0][0] == 0
    assert rows[11][:8] == b"\xff" * 8
