"""The table of a source's life: what can be reached, what always leads to the end, and the picture of it."""

import pytest

from edge_streamer.services.supervision.life import TRANSITIONS, LifeEvent, LifeState, after
from tests.tools.generated_docs import rendered_block, written_block


def reached_from(state: LifeState, events: set[LifeEvent]) -> set[LifeState]:
    """Return every state that `events` can lead to."""
    reached, new = {state}, {state}
    while new:
        new = {after(each, event) for each in new for event in events} - reached
        reached |= new
    return reached


def walk(*events: LifeEvent) -> LifeState:
    state = LifeState.NEW
    for event in events:
        state = after(state, event)
    return state


def test_the_page_shows_the_table():
    assert written_block("source-life") == rendered_block("source-life"), "run python -m tests.tools.generated_docs"
    lines = rendered_block("source-life").splitlines()
    for (state, event), then in TRANSITIONS.items():
        assert lines.count(f"    {state.name} --> {then.name}: {event}") == 1


def test_every_state_is_reached_and_every_event_changes_something():
    assert reached_from(LifeState.NEW, set(LifeEvent)) == set(LifeState)
    assert {event for _state, event in TRANSITIONS} == set(LifeEvent)


def test_a_row_that_changes_nothing_is_not_written():
    assert [row for row, then in TRANSITIONS.items() if row[0] is then] == []


@pytest.mark.parametrize("state", LifeState)
def test_whatever_happens_afterwards_a_stop_ends_it_with_the_process(state):
    stopped = after(state, LifeEvent.STOP)
    without_an_end = set(LifeEvent) - {LifeEvent.GONE}
    assert reached_from(stopped, without_an_end) <= {LifeState.LEAVING, LifeState.OVER}
    assert after(stopped, LifeEvent.GONE) is LifeState.OVER


@pytest.mark.parametrize("event", LifeEvent)
def test_what_is_over_stays_over(event):
    assert after(LifeState.OVER, event) is LifeState.OVER


E = LifeEvent


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ((E.WANTED,), LifeState.NEW),
        ((E.START, E.WANTED, E.PICTURE, E.WANTED), LifeState.UP),
        ((E.START, E.WANTED, E.GONE, E.DUE, E.PICTURE), LifeState.UP),
        ((E.START, E.WANTED, E.PICTURE, E.FAILED, E.PICTURE), LifeState.ENDING),
        ((E.START, E.WANTED, E.FAILED, E.GONE, E.UNWANTED), LifeState.OFF),
        ((E.START, E.WANTED, E.FAILED, E.UNWANTED, E.GONE), LifeState.OFF),
        ((E.START, E.WANTED, E.UNWANTED, E.WANTED, E.UNWANTED, E.GONE), LifeState.OFF),
        ((E.START, E.WANTED, E.UNWANTED, E.WANTED, E.GONE), LifeState.STARTING),
        ((E.START, E.WANTED, E.PICTURE, E.FINISHED, E.UNWANTED, E.GONE, E.WANTED), LifeState.OVER),
    ],
)
def test_a_life(events, state):
    assert walk(*events) is state
