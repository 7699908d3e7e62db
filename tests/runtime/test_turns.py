from edge_streamer.runtime.turns import BOUNDS_S, WINDOW_S, TimeHistogram, TurnTimes


def test_a_duration_counts_in_the_first_bucket_that_holds_it():
    times = TimeHistogram((0.1, 0.2))
    for duration_s in (0.0, 0.1, 0.15, 0.2, 0.3, 99.0):
        times.add(duration_s)
    assert times.counts == [2, 2, 2]
    assert times.sum_s == sum((0.0, 0.1, 0.15, 0.2, 0.3, 99.0))


def test_the_worst_turn_is_that_of_the_last_one_to_two_minutes():
    times = TurnTimes()
    times.add(0.5, 1000.0)
    times.add(0.1, 1030.0)
    assert times.worst_s == 0.5
    times.add(0.2, 1000.0 + WINDOW_S)  # a new window: the old one is still known
    assert times.worst_s == 0.5
    times.add(0.1, 1000.0 + 2 * WINDOW_S)
    assert times.worst_s == 0.2


def test_a_worst_turn_is_forgotten_when_nothing_was_counted_for_long():
    times = TurnTimes()
    times.add(0.5, 1000.0)
    times.add(0.1, 1000.0 + 3 * WINDOW_S)
    assert times.worst_s == 0.1


def test_every_turn_is_in_the_histogram():
    times = TurnTimes()
    for turn in range(1000):
        times.add(0.0004, 1000.0 + turn)
    assert times.counts == [1000] + [0] * len(BOUNDS_S)
