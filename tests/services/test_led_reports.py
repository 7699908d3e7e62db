"""What the LED shows: each state when it begins, and never twice."""

import pytest

from edge_streamer.device.status_led import LedState
from edge_streamer.services.led_reports import LOOK_EVERY_S, START_WITHIN_S, LedFacts, LedReporter, led_state
from tests.support.loop import pass_time
from tests.support.service_status import a_stream

UP = a_stream("main")
DOWN = a_stream("sub", is_up=False, is_failing=True)
RESTING = a_stream("door", is_up=False, is_wanted=False)
STARTING, STREAMING, FAULT = LedState


class Shown(list):
    """An LED that keeps what it was told to show."""

    def show(self, state: LedState) -> None:
        self.append(state)


class Service:
    """A service whose facts the test sets."""

    def __init__(self, loop, clock) -> None:
        self.loop, self.clock = loop, clock
        self.facts = LedFacts((DOWN,), has_mistakes=False)
        self.shown = Shown()
        self.reporter = LedReporter(loop, self.shown, lambda: self.facts)

    def pass_time(self, seconds: float) -> None:
        pass_time(self.loop, self.clock, seconds)

    def become(self, *streams, has_mistakes: bool = False) -> None:
        self.facts = LedFacts(streams, has_mistakes=has_mistakes)
        self.pass_time(LOOK_EVERY_S)


@pytest.fixture
def service(loop, clock) -> Service:
    service = Service(loop, clock)
    service.reporter.start()
    return service


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        (LedFacts((UP,), has_mistakes=False), STREAMING),
        (LedFacts((UP, RESTING), has_mistakes=False), STREAMING),
        (LedFacts((RESTING,), has_mistakes=False), STREAMING),
        (LedFacts((UP, DOWN), has_mistakes=False), FAULT),
        (LedFacts((), has_mistakes=False), FAULT),
        (LedFacts((UP,), has_mistakes=True), FAULT),
    ],
)
def test_the_state_of_a_service_that_has_started(facts, state):
    assert led_state(facts, is_starting=False, is_refused=False) is state


def test_a_start_takes_its_time_but_not_for_ever(service):
    service.pass_time(START_WITHIN_S - LOOK_EVERY_S)
    assert service.shown == [STARTING]
    service.pass_time(2 * LOOK_EVERY_S)
    assert service.shown == [STARTING, FAULT]


def test_each_state_is_shown_once_when_it_begins(service):
    service.become(UP)
    service.pass_time(30)
    assert service.shown == [STARTING, STREAMING]
    service.become(UP, DOWN)
    service.pass_time(30)
    service.become(UP)
    assert service.shown == [STARTING, STREAMING, FAULT, STREAMING]


def test_a_stream_that_fails_soon_after_it_was_up_is_a_fault(service):
    service.become(UP)
    service.become(DOWN)
    assert service.shown == [STARTING, STREAMING, FAULT]


def test_a_refused_reload_is_a_fault_until_one_is_applied(service):
    service.become(UP)
    service.reporter.end_reload(is_refused=True)
    service.pass_time(LOOK_EVERY_S)
    service.reporter.end_reload(is_refused=False)
    service.pass_time(LOOK_EVERY_S)
    assert service.shown == [STARTING, STREAMING, FAULT, STREAMING]


def test_a_mistake_on_the_card_is_a_fault_at_once(service):
    service.become(UP, has_mistakes=True)
    assert service.shown == [STARTING, FAULT]


def test_a_service_that_ends_does_not_go_on_saying_that_it_streams(service):
    service.become(UP)
    service.reporter.leave()
    service.pass_time(5)
    assert service.shown == [STARTING, STREAMING, FAULT]
