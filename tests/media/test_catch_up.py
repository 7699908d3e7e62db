"""What a late viewer with a write queue is handed at a time."""

from edge_streamer.media.catch_up import room_of_queue


def test_a_quarter_of_the_budget_while_nothing_waits():
    assert room_of_queue(0, 400_000) == 100_000
    assert room_of_queue(1, 400_000) == 0
