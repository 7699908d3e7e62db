"""What others may write into the log, on a clock that is turned by hand."""

import pytest

from edge_streamer.logs.limits import (
    ADDRESS_INTERVAL_S,
    BURST_LINES,
    LINES_PER_SECOND,
    MAX_ADDRESSES,
    LineBudget,
    LinePerAddress,
    printable,
)


@pytest.mark.parametrize("text", ["", "lens cap is on", "größer: 10 µs"])
def test_text_stays_as_it_is(text):
    assert printable(text) == text


@pytest.mark.parametrize("character", ["\n", "\r", "\x1b", "\0", "\x7f", "\x9b", "\u2028", "\u202e"])
def test_what_moves_a_cursor_or_ends_a_line_is_replaced(character):
    assert printable(f"a{character}b") == "a\N{REPLACEMENT CHARACTER}b"


def test_a_budget_gives_a_burst_and_then_its_rate():
    budget = LineBudget(1000.0)
    assert budget.take(BURST_LINES + 5, 1000.0) == BURST_LINES
    assert budget.take(1, 1000.0) == 0
    assert budget.take(1000, 1001.0) == LINES_PER_SECOND
    assert budget.take(1000, 9000.0) == BURST_LINES, "no more is saved up"


def test_an_address_has_one_line_a_second_and_what_was_not_written_is_counted():
    lines = LinePerAddress()
    assert [lines.take("10.0.0.1", 5.0 + 0.1 * number) for number in range(4)] == [0, None, None, None]
    assert lines.take("10.0.0.2", 5.3) == 0, "another one has its own"
    assert lines.take("10.0.0.1", 5.0 + ADDRESS_INTERVAL_S) == 3
    assert lines.take("10.0.0.1", 5.0 + 2 * ADDRESS_INTERVAL_S) == 0


def test_the_address_quiet_for_longest_is_forgotten():
    lines = LinePerAddress()
    for number in range(MAX_ADDRESSES + 1):
        assert lines.take(str(number), 5.0) == 0
    assert lines.take("1", 5.0) is None
    assert lines.take("0", 5.0) == 0
