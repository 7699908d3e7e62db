"""How long a source is left alone before it is started again."""

from edge_streamer.services.supervision.restarts import (
    FIRST_BACKOFF_S,
    LONGEST_BACKOFF_S,
    PROVEN_AFTER_S,
    RestartBackoff,
)


def test_each_pause_is_twice_the_last_up_to_the_longest():
    backoff = RestartBackoff()
    pauses = [backoff.after(0.0) for _ in range(8)]
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, LONGEST_BACKOFF_S, LONGEST_BACKOFF_S]


def test_one_that_has_proven_itself_begins_anew():
    backoff = RestartBackoff()
    assert [backoff.after(seconds) for seconds in (0.0, 0.0, PROVEN_AFTER_S, PROVEN_AFTER_S - 0.1)] == [
        FIRST_BACKOFF_S,
        2 * FIRST_BACKOFF_S,
        FIRST_BACKOFF_S,
        2 * FIRST_BACKOFF_S,
    ]
