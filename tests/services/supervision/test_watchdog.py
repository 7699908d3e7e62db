"""The watchdog alone: when it finds which output silent. The outputs only say what it looks at."""

from dataclasses import dataclass

import pytest

from edge_streamer.services.supervision.watchdog import (
    LATE_LOOK_S,
    LONGEST_START_LIMIT_S,
    SECOND_LOOK_S,
    START_LIMIT_S,
    Watchdog,
)
from tests.support.loop import pass_time

SILENCE_S = 1.5


@dataclass
class Output:
    """Has been heard when the test says so."""

    is_live: bool = False
    prepared_at: float = 0.0
    heard_at: float = 0.0
    must_start_by: float | None = None

    def silence_limit_s(self) -> float:
        return SILENCE_S

    def start_deadline(self) -> float | None:
        return self.must_start_by

    @property
    def liveness(self) -> "Output":
        return self

    def hear(self, now: float) -> None:
        self.is_live, self.heard_at = True, now


@pytest.fixture
def outputs():
    return Output(), Output()


@pytest.fixture
def silent():
    return []


@pytest.fixture
def watchdog(loop, outputs, silent):
    made = Watchdog(loop, outputs, silent.append)
    made.begin()
    return made


def test_a_first_frame_is_awaited_for_so_long(loop, clock, outputs, watchdog, silent):
    outputs[1].hear(clock.now)
    for _ in range(round(START_LIMIT_S / 0.5) - 1):
        pass_time(loop, clock, 0.5)
        outputs[1].hear(clock.now)
    assert (silent, watchdog.is_watching) == ([], True)
    pass_time(loop, clock, 0.5)
    assert (silent, watchdog.is_watching) == ([outputs[0]], False)


def test_one_that_had_no_frame_gives_the_next_twice_the_time(loop, clock, outputs, watchdog, silent):
    limits_s = []
    for _ in range(5):
        limits_s.append(watchdog.start_limit_s)
        pass_time(loop, clock, watchdog.start_limit_s)
        watchdog.begin()
    assert limits_s == [START_LIMIT_S, 20.0, 40.0, LONGEST_START_LIMIT_S, LONGEST_START_LIMIT_S]
    assert len(silent) == 5


def test_a_source_that_came_up_has_the_usual_time_again(loop, clock, outputs, watchdog, silent):
    pass_time(loop, clock, START_LIMIT_S)
    watchdog.begin()
    for output in outputs:
        output.hear(clock.now)
    watchdog.on_up()
    pass_time(loop, clock, SILENCE_S)
    assert (len(silent), watchdog.start_limit_s) == (2, START_LIMIT_S)


def test_a_source_that_says_that_it_prepares_has_that_long_from_then(loop, clock, outputs, watchdog, silent):
    pass_time(loop, clock, START_LIMIT_S - 1.0)
    for output in outputs:
        output.prepared_at = clock.now
    pass_time(loop, clock, START_LIMIT_S - 0.5)
    assert silent == []
    pass_time(loop, clock, 0.5)
    assert silent


def test_one_whose_pictures_nobody_can_use_has_as_long_as_it_says(loop, clock, outputs, watchdog, silent):
    outputs[0].must_start_by = clock.now + START_LIMIT_S + 5.0
    outputs[1].must_start_by = clock.now + START_LIMIT_S + 9.0
    pass_time(loop, clock, START_LIMIT_S + 4.5)
    assert silent == []
    pass_time(loop, clock, 0.5)
    assert silent == [outputs[0]]


def test_silence_counts_once_the_start_is_over(loop, clock, outputs, watchdog, silent):
    for output in outputs:
        output.hear(clock.now)
    watchdog.watch()
    pass_time(loop, clock, SILENCE_S - 0.25)
    outputs[0].hear(clock.now)
    pass_time(loop, clock, 0.25)
    assert silent == [outputs[1]]


def test_a_loop_that_was_held_up_looks_twice(loop, clock, outputs, watchdog, silent):
    for output in outputs:
        output.hear(clock.now)
    watchdog.watch()
    clock.advance(SILENCE_S + LATE_LOOK_S + 1.0)
    loop.turn()
    assert (silent, watchdog.is_watching) == ([], True)
    clock.advance(SECOND_LOOK_S)
    loop.turn()
    assert silent == [outputs[0]]


def test_one_that_was_stopped_finds_nothing(loop, clock, watchdog, silent):
    watchdog.stop()
    pass_time(loop, clock, 2 * START_LIMIT_S)
    assert (silent, watchdog.is_watching) == ([], False)
