"""The table of a connection's end, and the picture of it."""

import pytest

from edge_streamer.runtime.tcp.end import TRANSITIONS, EndEvent, EndState, after
from tests.tools.generated_docs import rendered_block, written_block


def test_the_page_shows_the_table():
    assert written_block("connection-end") == rendered_block("connection-end"), "run tests.tools.generated_docs"
    lines = rendered_block("connection-end").splitlines()
    for (state, event), then in TRANSITIONS.items():
        assert lines.count(f"    {state.name} --> {then.name}: {event}") == 1


def test_no_event_leads_back():
    order = list(EndState)
    assert [row for row, then in TRANSITIONS.items() if order.index(then) <= order.index(row[0])] == []


@pytest.mark.parametrize("state", EndState)
def test_whatever_its_state_it_is_closed_when_it_is_over(state):
    assert after(state, EndEvent.OVER) is EndState.CLOSED
    assert after(after(state, EndEvent.CLOSE), EndEvent.OVER) is EndState.CLOSED


@pytest.mark.parametrize("event", EndEvent)
def test_an_end_that_is_decided_stays_so(event):
    assert after(EndState.CLOSED, event) is EndState.CLOSED
    assert after(EndState.CLOSE_POSTED, event) in (EndState.CLOSE_POSTED, EndState.CLOSED)


def test_only_a_connection_that_finishes_is_changed_by_an_empty_queue():
    changed = {state for state in EndState if after(state, EndEvent.DRAINED) is not state}
    assert changed == {EndState.FINISHING}
