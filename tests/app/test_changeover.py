"""One changeover alone: the table, its picture, and what happens to the sessions of the old stream."""

import pytest

from edge_streamer.app.changeover import PATIENCE_S, TRANSITIONS, Changeover, ChangeoverEvent, ChangeoverState
from edge_streamer.media.stream import Stream
from edge_streamer.services.status import EndReason
from tests.support.loop import pass_time
from tests.tools.generated_docs import rendered_block, written_block


class Watched:
    """A changeover, the sessions of its old stream, and what became of both."""

    def __init__(self, loop) -> None:
        self.count = 2
        self.ended: list[tuple[Stream, EndReason]] = []
        self.done = 0
        self.old, self.successor = Stream("main"), Stream("main")
        self.changeover = Changeover(loop, self.old, self.successor, self, self._on_done)

    def are_any_of(self, stream: Stream) -> bool:
        return stream is self.old and self.count > 0

    def end_all(self, reason: EndReason, stream: Stream) -> None:
        self.ended.append((stream, reason))
        self.count = 0

    def leave(self) -> None:
        self.old.on_left()  # the session is counted until its end is over
        self.count -= 1

    def _on_done(self, changeover: Changeover) -> None:
        assert changeover is self.changeover
        self.done += 1


@pytest.fixture
def watched(loop):
    return Watched(loop)


def test_the_page_shows_the_table():
    assert written_block("changeover") == rendered_block("changeover"), "run python -m tests.tools.generated_docs"
    lines = rendered_block("changeover").splitlines()
    for (state, event), then in TRANSITIONS.items():
        assert lines.count(f"    {state.name} --> {then.name}: {event}") == 1


@pytest.mark.parametrize("state", [ChangeoverState.KEEPING, ChangeoverState.DARK])
def test_whatever_its_state_a_picture_an_end_and_a_removal_are_the_end_of_it(state):
    for event in (ChangeoverEvent.PICTURE, ChangeoverEvent.DESERTED, ChangeoverEvent.REMOVED):
        assert TRANSITIONS[state, event] is ChangeoverState.DONE


def test_the_successors_picture_ends_the_sessions_once(watched):
    for _ in range(2):
        watched.changeover.happen(ChangeoverEvent.PICTURE)
    assert watched.ended == [(watched.old, EndReason.STREAM_REPLACED)]
    assert (watched.done, watched.changeover.state) == (1, ChangeoverState.DONE)


def test_a_successor_that_is_removed_ends_them_too(watched):
    watched.changeover.happen(ChangeoverEvent.REMOVED)
    assert watched.ended == [(watched.old, EndReason.STREAM_ENDED)]
    assert watched.done == 1


def test_patience_counts_only_when_the_device_is_taken_and_from_the_last_time(watched, loop, clock):
    pass_time(loop, clock, 10 * PATIENCE_S)
    watched.changeover.happen(ChangeoverEvent.DEVICE_TAKEN)
    pass_time(loop, clock, PATIENCE_S - 1.0)
    watched.changeover.happen(ChangeoverEvent.DEVICE_TAKEN)
    pass_time(loop, clock, PATIENCE_S - 1.0)
    assert (watched.ended, watched.changeover.state) == ([], ChangeoverState.DARK)
    pass_time(loop, clock, 1.0)
    assert watched.ended == [(watched.old, EndReason.STREAM_REPLACED)]
    assert watched.done == 1


def test_a_picture_in_time_leaves_no_timer_behind(watched, loop, clock):
    watched.changeover.happen(ChangeoverEvent.DEVICE_TAKEN)
    watched.changeover.happen(ChangeoverEvent.PICTURE)
    pass_time(loop, clock, 2 * PATIENCE_S)
    assert (len(watched.ended), watched.done) == (1, 1)


def test_the_last_session_that_leaves_by_itself_is_the_end(watched, loop):
    watched.leave()
    loop.turn()
    assert watched.done == 0
    watched.leave()
    loop.turn()
    assert watched.done == 1


def test_the_successor_is_awaited_until_then_and_its_own_successor_after_it(watched):
    third = Stream("main")
    assert watched.successor.awaited_by == 1
    watched.changeover.redirect(third)
    assert (watched.successor.awaited_by, third.awaited_by) == (0, 1)
    watched.changeover.happen(ChangeoverEvent.PICTURE)
    assert third.awaited_by == 0
