"""The loop turned by hand: a clock that stands still until it is told, and turns until something has happened.

    def test_something(loop, clock):
        turn_until(loop, lambda: recorder.data)
        clock.advance(8.0)

Nothing sleeps: a turn waits for descriptors, real ones, and for a few milliseconds at most.
"""

import gc
import os
import time
from collections.abc import Callable, Iterator
from typing import Final

import pytest

from edge_streamer.runtime.loop import Loop

WAIT_S: Final = 0.005
MAX_TURNS: Final = 1000


class HandClock:
    """Monotonic seconds that pass when `advance` says so."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass."""
        self.now += seconds


def turn_until(loop: Loop, condition: Callable[[], object], *, turns: int = MAX_TURNS) -> None:
    """Turn `loop` until `condition` holds; AssertionError after so many turns and the time that they may take.

    A timer that is due, or a descriptor that stays readable, makes turns that do not wait: turns alone would give a
    child process on a busy machine a few milliseconds to end.
    """
    taken, deadline = 0, time.monotonic() + turns * WAIT_S
    while not condition():
        assert taken < turns or time.monotonic() < deadline, f"not so after {taken} turns"
        loop.turn(WAIT_S)
        taken += 1


def pass_time(loop: Loop, clock: HandClock, seconds: float, *, step_s: float = 0.25) -> None:
    """Let time pass in small steps, with a turn or two after each, as it would."""
    for _ in range(round(seconds / step_s)):
        clock.advance(step_s)
        loop.turn()
        loop.turn()


def take_faults(loop: Loop) -> int:
    """Return how many handlers have raised, and forget them: the `loop` fixture forgives none."""
    faults, loop.faults = loop.faults, 0
    return faults


def open_descriptors() -> set[str]:
    """Return this process's open descriptors."""
    listing = os.open("/proc/self/fd", os.O_RDONLY)
    try:
        return set(os.listdir(listing)) - {str(listing)}
    finally:
        os.close(listing)


@pytest.fixture
def clock() -> HandClock:
    """A clock at 1000 s."""
    return HandClock()


@pytest.fixture
def loop(clock: HandClock) -> Iterator[Loop]:
    """A loop on that clock. The test fails when a handler raised that the test did not ask about."""
    made = Loop(clock)
    yield made
    made.close()
    assert made.faults == 0, "a handler raised; see the log"


@pytest.fixture
def no_descriptor_left() -> Iterator[None]:
    """Fail a test that leaves a descriptor open; ask for it before `loop`."""
    before = open_descriptors()
    yield
    if open_descriptors() - before:
        gc.collect()
    assert not open_descriptors() - before, "descriptors left open"
