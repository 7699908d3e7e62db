"""When systemd is told what, on a clock turned by hand."""

import logging
from dataclasses import replace

import pytest

from edge_streamer.device.systemd import Notifier
from edge_streamer.services.status import StreamStatus
from edge_streamer.services.unit_reports import READY_WITHIN_S, STATUS_INTERVAL_S, UnitReporter, UnitState
from tests.support.loop import pass_time
from tests.support.service_status import a_stream

WATCHDOG_S = 15.0
DOWN = {"is_up": False, "reason": "no such device"}


class RecordedNotifier(Notifier):
    """Tells the test what it would tell systemd."""

    def __init__(self, unit: "Unit", watchdog_s: float | None) -> None:
        self.watchdog_s = watchdog_s
        self._notify = unit.hear


class Unit:
    """A service that systemd has started; `said` is what it was told, `heeds` whether it takes messages."""

    def __init__(self, loop, clock, watchdog_s: float | None = None) -> None:
        self.said: list[str] = []
        self.heeds = True
        self.state = UnitState(streams=(), sessions=0)
        self.reporter = UnitReporter(loop, RecordedNotifier(self, watchdog_s), lambda: self.state)
        self._loop, self._clock = loop, clock

    def hear(self, message: str) -> bool:
        if self.heeds:
            self.said.append(message)
        return self.heeds

    def streams(self, *streams: StreamStatus) -> None:
        self.state = replace(self.state, streams=streams)

    def start(self) -> None:
        self.reporter.start()

    def wait(self, seconds: float) -> None:
        pass_time(self._loop, self._clock, seconds, step_s=0.05)

    def take(self) -> list[str]:
        said, self.said = self.said, []
        return said


@pytest.fixture
def unit(loop, clock) -> Unit:
    return Unit(loop, clock)


@pytest.fixture
def watched(loop, clock) -> Unit:
    return Unit(loop, clock, WATCHDOG_S)


def started(unit: Unit, *streams: StreamStatus) -> Unit:
    unit.streams(*(streams or (a_stream("main", frames=1),)))
    unit.start()
    unit.take()
    return unit


# --- ready


def test_ready_with_the_first_frame_of_every_stream(unit):
    unit.streams(a_stream("main", frames=1), a_stream("sub", frames=0))
    unit.start()
    assert unit.take() == ["STATUS=waiting for the first frame of sub"]
    unit.wait(2.0)
    assert unit.take() == []
    unit.streams(a_stream("main", frames=61), a_stream("sub", frames=1))
    unit.wait(0.1)
    assert unit.take() == ["READY=1", "STATUS=2 of 2 streams up, 0 sessions, 30 frames/s"]


def test_ready_is_said_once(unit):
    unit.streams(a_stream("main", frames=1))
    unit.start()
    unit.wait(60.0)
    assert unit.said.count("READY=1") == 1


def test_a_stream_on_demand_is_not_waited_for(unit):
    unit.streams(a_stream("main", frames=0, is_wanted=False, **DOWN))
    unit.start()
    assert unit.take() == ["READY=1", "STATUS=0 of 0 streams up, 1 on demand, 0 sessions, 0 frames/s"]


def test_a_stream_without_a_frame_is_waited_for_ten_seconds(unit):
    unit.streams(a_stream("main", frames=1), a_stream("gone", frames=0, **DOWN))
    unit.start()
    unit.wait(READY_WITHIN_S - 0.1)
    assert "READY=1" not in unit.take()
    unit.wait(0.2)
    assert unit.take() == ["READY=1", "STATUS=1 of 2 streams up (gone: no such device), 0 sessions, 0 frames/s"]


def test_a_ready_that_was_lost_is_said_again(unit):
    unit.streams(a_stream("main", frames=1))
    unit.heeds = False
    unit.start()
    unit.wait(1.0)
    unit.heeds = True
    unit.wait(0.1)
    assert unit.take()[0] == "READY=1"


# --- status


def test_the_status_is_refreshed_when_it_has_changed(unit):
    started(unit)
    unit.streams(a_stream("main", frames=1 + 150))
    unit.state = replace(unit.state, sessions=1)
    unit.wait(STATUS_INTERVAL_S + 0.1)
    assert unit.take() == ["STATUS=1 of 1 streams up, 1 session, 30 frames/s"]
    unit.streams(a_stream("main", frames=1 + 300))
    unit.wait(STATUS_INTERVAL_S)
    assert unit.take() == []


def test_a_status_that_was_lost_is_said_again(unit):
    started(unit)
    unit.state = replace(unit.state, sessions=2)
    unit.heeds = False
    unit.wait(STATUS_INTERVAL_S)
    unit.heeds = True
    unit.wait(STATUS_INTERVAL_S + 0.1)
    assert unit.take() == ["STATUS=1 of 1 streams up, 2 sessions, 0 frames/s"]


def test_a_stream_that_was_removed_takes_its_frames_with_it(unit):
    started(unit, a_stream("main", frames=1), a_stream("sub", frames=1000))
    unit.streams(a_stream("main", frames=151))
    unit.wait(STATUS_INTERVAL_S + 0.1)
    assert unit.take() == ["STATUS=1 of 1 streams up, 0 sessions, 0 frames/s"]


# --- watchdog


def test_the_watchdog_is_fed_three_times_in_its_time(watched):
    started(watched)
    watched.wait(WATCHDOG_S + 1.0)
    assert watched.take().count("WATCHDOG=1") == 3


def test_nobody_is_fed_where_there_is_no_watchdog(unit):
    started(unit)
    unit.wait(60.0)
    assert "WATCHDOG=1" not in unit.take()


def test_a_camera_that_is_gone_and_tried_again_feeds_the_watchdog(watched):
    started(watched, a_stream("gone", frames=0, **DOWN))
    watched.wait(10 * WATCHDOG_S)
    assert watched.take().count("WATCHDOG=1") >= 29


def test_a_source_that_nothing_will_mend_does_not(watched, caplog):
    started(watched)
    watched.wait(0.1)
    watched.state = replace(watched.state, stuck=("main",))
    watched.wait(WATCHDOG_S / 3 + 0.1)
    watched.take()
    with caplog.at_level(logging.ERROR):
        watched.wait(60.0)
    assert "WATCHDOG=1" not in watched.take()
    assert [record.getMessage() for record in caplog.records if "watchdog withheld" in record.getMessage()] == [
        "watchdog withheld streams=main"
    ]


def test_a_source_that_looks_stuck_once_is_not(watched):
    started(watched)
    watched.state = replace(watched.state, stuck=("main",))
    watched.wait(WATCHDOG_S / 3 + 0.1)
    watched.state = replace(watched.state, stuck=("sub",))
    watched.wait(WATCHDOG_S / 3)
    assert watched.take().count("WATCHDOG=1") == 2


# --- reload and end


def test_a_reload_is_announced_and_ended(unit, clock):
    started(unit)
    unit.reporter.begin_reload()
    unit.reporter.end_reload()
    assert unit.take() == [f"RELOADING=1\nMONOTONIC_USEC={int(clock.now * 1e6)}", "READY=1"]


def test_a_reload_that_was_asked_for_during_another_is_waited_for(unit):
    started(unit)
    unit.reporter.begin_reload()
    unit.reporter.begin_reload()
    unit.reporter.end_reload()
    assert "READY=1" not in unit.take()
    unit.reporter.end_reload()
    assert unit.take() == ["READY=1"]


def test_a_reload_before_it_is_ready_does_not_make_it_so(unit):
    unit.streams(a_stream("main", frames=0))
    unit.start()
    unit.take()
    unit.reporter.begin_reload()
    unit.reporter.end_reload()
    assert unit.take() == []


def test_leaving_is_said_first_and_nothing_after_it(unit):
    started(unit)
    unit.reporter.leave()
    unit.reporter.begin_reload()
    unit.reporter.end_reload()
    unit.wait(60.0)
    assert unit.take() == ["STOPPING=1", "STATUS=leaving"]


def test_leaving_before_it_was_ready(unit):
    unit.streams(a_stream("main", frames=0))
    unit.start()
    unit.take()
    unit.reporter.leave()
    unit.wait(60.0)
    assert unit.take() == ["STOPPING=1", "STATUS=leaving"]
