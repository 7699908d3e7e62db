"""Reloads one after the other: read in a thread, applied on the loop."""

import threading
from collections.abc import Callable
from typing import Final

import pytest

from edge_streamer.app.reload_reader import Reloader
from edge_streamer.config.toml import ConfigError
from edge_streamer.services.status import ReloadOutcome
from tests.support.loop import take_faults, turn_until

APPLIED: Final = ReloadOutcome(changed=("main",))


class Reading:
    """What is read: each reading waits until the test lets it go on, and has what the test wrote by then."""

    def __init__(self, loop) -> None:
        self.loop = loop
        self.read: Callable[[], object] = lambda: "first"
        self.may_go_on = threading.Semaphore(0)
        self.fault: Exception | None = None
        self.threads: list[threading.Thread] = []
        self.applied: list[object] = []
        self.outcomes: list[ReloadOutcome] = []
        self.reloader = Reloader(loop, self._load, self._apply)

    def _load(self):
        self.threads.append(threading.current_thread())
        read = self.read
        assert self.may_go_on.acquire(timeout=5)
        return read()

    def _apply(self, loaded):
        assert threading.current_thread() is threading.main_thread()
        if self.fault is not None:
            raise self.fault
        self.applied.append(loaded)
        return APPLIED

    def ask(self) -> None:
        self.reloader.reload(self.outcomes.append)

    def let_go_on(self, outcomes: int) -> None:
        self.may_go_on.release()
        turn_until(self.loop, lambda: len(self.outcomes) == outcomes)


@pytest.fixture
def reading(no_descriptor_left, loop) -> Reading:
    return Reading(loop)


def raising(error: Exception) -> Callable[[], object]:
    def read() -> object:
        raise error

    return read


def test_the_loop_turns_while_it_is_read(reading):
    reading.ask()
    for _ in range(3):
        reading.loop.turn()
    assert reading.applied == []
    reading.let_go_on(outcomes=1)
    assert (reading.applied, reading.outcomes) == (["first"], [APPLIED])
    assert [thread.name for thread in reading.threads] == ["reload"]


def test_who_asks_meanwhile_gets_the_file_as_it_is_then(reading):
    reading.ask()
    turn_until(reading.loop, lambda: reading.threads)
    reading.read = lambda: "second"
    reading.ask()
    reading.ask()
    reading.let_go_on(outcomes=1)
    assert reading.applied == ["first"]
    reading.let_go_on(outcomes=3)
    assert reading.applied == ["first", "second"], "one for both"
    reading.ask()
    reading.let_go_on(outcomes=4)


def test_a_mistake_is_told_and_nothing_is_applied(reading, caplog):
    reading.read = raising(ConfigError("streams.main.fps: 500 is not allowed"))
    reading.ask()
    reading.let_go_on(outcomes=1)
    assert reading.outcomes == [ReloadOutcome(error="streams.main.fps: 500 is not allowed")]
    assert reading.applied == []
    assert "streams.main.fps: 500 is not allowed" in caplog.text
    reading.read = lambda: "mended"
    reading.ask()
    reading.let_go_on(outcomes=2)
    assert reading.applied == ["mended"]


def test_a_fault_of_ours_is_told_as_well(reading, caplog):
    reading.read = raising(ZeroDivisionError("of ours"))
    reading.ask()
    reading.let_go_on(outcomes=1)
    assert "ZeroDivisionError" in reading.outcomes[0].error
    assert "of ours" in caplog.text


def test_a_fault_while_it_is_applied_is_told_and_counted(reading, caplog):
    reading.fault = ZeroDivisionError("of ours")
    reading.ask()
    reading.let_go_on(outcomes=1)
    assert reading.outcomes[0].error.startswith("a fault of the service")
    assert take_faults(reading.loop) == 1
    assert "of ours" in caplog.text
    assert "reload refused" in caplog.text
    reading.fault = None
    reading.ask()
    reading.let_go_on(outcomes=2)
    assert reading.outcomes[1] == APPLIED


def test_a_service_that_has_left_is_told_nothing(reading):
    reading.ask()
    turn_until(reading.loop, lambda: reading.threads)
    (thread,) = reading.threads
    reading.loop.close()
    reading.may_go_on.release()
    thread.join(5)
    assert not thread.is_alive()
    assert reading.outcomes == []
