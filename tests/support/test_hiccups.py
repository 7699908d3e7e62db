"""A noisy run is made again, a wrong one is not forgiven."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.support import hiccups
from tests.support.hiccups import RUNS, repeated_when_noisy, until_calm, watched_machine
from tests.support.processes import child_pids

LIMIT_S = 0.05


@dataclass
class Told:
    worst_s: float = 0.0


@pytest.fixture
def noise(monkeypatch):
    """What each run's worst hiccup is to be, in order."""
    worst_s: list[float] = []

    @contextmanager
    def as_told() -> Iterator[Told]:
        told = Told()
        try:
            yield told
        finally:
            told.worst_s = worst_s.pop(0)

    monkeypatch.setattr(hiccups, "watched_machine", as_told)
    return worst_s


def test_a_process_that_is_held_up_is_seen():
    """The one that measures is held up itself here, as any program of a busy machine is."""
    others = set(child_pids(os.getpid()))
    with watched_machine() as machine:
        [child] = set(child_pids(os.getpid())) - others
        assert machine.worst_s >= 0.0
        os.kill(child, signal.SIGSTOP)
        time.sleep(0.3)
        os.kill(child, signal.SIGCONT)
        assert machine.worst_s > 0.2
    assert 0.2 < machine.worst_s < 10


def test_the_first_calm_run_counts(noise):
    noise += [1.0, 0.01]
    results = iter("abc")
    assert until_calm(lambda: next(results), limit_s=LIMIT_S) == "b"


def test_a_right_result_needs_no_calm(noise):
    noise += [1.0]
    assert until_calm(lambda: "right", limit_s=LIMIT_S, is_right=lambda result: result == "right") == "right"


def test_the_last_of_nothing_but_noisy_runs_is_judged(noise):
    noise += [1.0] * RUNS
    results = iter(range(1, RUNS + 1))
    assert until_calm(lambda: next(results), limit_s=LIMIT_S) == RUNS


def test_a_test_that_fails_in_noise_is_repeated(noise):
    noise += [1.0, 0.01]
    outcomes = iter([False, True])

    @repeated_when_noisy(LIMIT_S)
    def judged():
        assert next(outcomes)

    judged()
    assert not noise


@pytest.mark.parametrize("worst_s", [[0.01], [1.0, 0.01], [1.0] * RUNS], ids=["at once", "when calm", "at last"])
def test_a_test_that_is_wrong_fails(noise, worst_s):
    noise += worst_s

    @repeated_when_noisy(LIMIT_S)
    def judged():
        raise AssertionError("wrong")

    with pytest.raises(AssertionError, match="wrong"):
        judged()
    assert not noise
