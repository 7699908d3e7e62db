"""One set of sources takes the place of another: who starts when, who ends when, and who hears of it.

The source processes are the test's own, so that it says when they have ended and when a first picture is there.
"""

import gc
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from unittest.mock import Mock

import pytest

from edge_streamer.app import running_sources
from edge_streamer.app.changeover import PATIENCE_S
from edge_streamer.app.reload_plan import InEffect, plan_reload
from edge_streamer.app.running_sources import RunningSources
from edge_streamer.media.registry import StreamRegistry
from edge_streamer.media.settings import LinkSettings
from edge_streamer.media.stream import Stream
from edge_streamer.services.status import EndReason
from tests.app.test_reload_plan import camera, loaded, pattern
from tests.support.frames import key_frame
from tests.support.loop import pass_time


@dataclass(eq=False)
class Process:
    """Stands for a supervisor: it runs from `start` until the test says that it has ended after `stop`."""

    streams: tuple[Stream, ...]
    kind: str
    is_running: bool = False
    is_asked_to_stop: bool = False
    is_killed: bool = False
    is_over: bool = False
    is_stuck: bool = False
    on_over: Callable[[], None] = field(kw_only=True)

    @property
    def is_stopped(self) -> bool:
        return not self.is_running

    def start(self) -> None:
        self.is_running = True

    def stop(self) -> None:
        assert not self.is_asked_to_stop, "once"
        self.is_asked_to_stop = True
        if not self.is_running and not self.is_over:
            self.on_over()

    def finish(self) -> None:
        """It has no more to give, and ends by itself."""
        self.is_running, self.is_over = False, True
        self.on_over()

    def end(self) -> None:
        assert self.is_asked_to_stop
        self.is_running = False
        self.on_over()

    def kill(self) -> None:
        self.is_killed = True

    def statuses(self):
        return tuple(stream.name for stream in self.streams)


@dataclass
class Sessions:
    """Who watches which stream, and what ended."""

    of: list[Stream] = field(default_factory=list)
    ended: list[tuple[str, EndReason]] = field(default_factory=list)

    def leave(self, stream: Stream) -> None:
        """A session of `stream` ends by itself."""
        self.of.remove(stream)
        stream.on_left()

    def are_any_of(self, stream: Stream) -> bool:
        return any(watched is stream for watched in self.of)

    def end_all(self, reason: EndReason, stream: Stream) -> None:
        if self.are_any_of(stream):
            self.of = [watched for watched in self.of if watched is not stream]
            self.ended.append((stream.name, reason))


class House:
    """Running sources, and what reloads do to them."""

    def __init__(self, loop, clock, monkeypatch: pytest.MonkeyPatch) -> None:
        self.loop, self.clock = loop, clock
        self.processes: list[Process] = []
        monkeypatch.setattr(running_sources, "SourceSupervisor", self._new_process)
        self.streams = StreamRegistry()
        self.sessions = Sessions()
        self.running = RunningSources(loop, self.streams, LinkSettings(), self.sessions)

    def _new_process(self, loop, spec, streams, times, on_given_up, policies, on_over) -> Process:
        self.processes.append(Process(tuple(streams), spec.kind, on_over=on_over))
        return self.processes[-1]

    def begin(self, text: str) -> None:
        self.in_effect = InEffect.from_start(*loaded(text))
        self.running.take(self.in_effect.sources)
        self.running.start()

    def reload(self, text: str) -> None:
        plan = plan_reload(self.in_effect, *loaded(text))
        self.in_effect = plan.after
        self.running.apply(plan)

    def watch(self, name: str) -> Stream:
        stream = self.streams.get(name)
        self.sessions.of.append(stream)
        return stream

    def show(self, name: str) -> None:
        """The stream's process sends a picture."""
        self.streams.get(name).publish(key_frame(), self.loop.now())

    def pass_time(self, seconds: float = 0.5) -> None:
        pass_time(self.loop, self.clock, seconds, step_s=0.05)


@pytest.fixture
def house(loop, clock, monkeypatch) -> House:
    return House(loop, clock, monkeypatch)


SMALL = {"width": 640, "height": 360}


def test_a_replaced_streams_sessions_end_when_its_successor_has_a_picture(house):
    house.begin(pattern("main") + pattern("sub"))
    old, sub = house.watch("main"), house.watch("sub")
    house.reload(pattern("main", fps=10) + pattern("sub"))
    first, other, new = house.processes
    assert (first.is_asked_to_stop, new.is_running) == (False, True), "both run"
    assert house.streams.get("main") is not old
    assert [house.running.source_of(name) for name in ("main", "sub", "other")] == [new, other, None]
    assert house.running.statuses() == ("main", "sub"), "the old one is not counted"
    house.pass_time(60)
    assert (house.sessions.ended, first.is_asked_to_stop) == ([], False), "no picture yet, and nobody loses the old one"
    house.show("main")
    house.pass_time()
    assert house.sessions.ended == [("main", EndReason.STREAM_REPLACED)]
    assert first.is_asked_to_stop
    assert house.streams.get("sub") is sub
    assert not other.is_asked_to_stop
    assert not house.running.is_stopped


def test_a_replaced_stream_that_nobody_watches_goes_at_once(house):
    house.begin(pattern("main"))
    house.reload(pattern("main", fps=10))
    old, new = house.processes
    assert (old.is_asked_to_stop, new.is_running) == (True, True)


def test_a_stream_that_is_gone_ends_its_sessions(house):
    house.begin(pattern("main") + pattern("sub"))
    house.watch("sub")
    house.reload(pattern("main"))
    assert house.sessions.ended == [("sub", EndReason.STREAM_ENDED)]
    assert house.streams.get("sub") is None
    assert [process.is_asked_to_stop for process in house.processes] == [False, True]
    assert house.running.source_of("main") is house.processes[0]
    assert house.running.source_of("sub") is None


def test_a_stream_is_added(house):
    house.begin(pattern("main"))
    house.reload(pattern("new") + pattern("main"))
    assert house.processes[1].is_running
    assert house.running.statuses() == ("new", "main"), "in the order of the configuration"


def test_a_camera_is_given_back_before_it_is_opened_again_and_waited_for_so_long(house):
    house.begin(camera("main"))
    house.watch("main")
    house.reload(camera("main", fps=10))
    old, new = house.processes
    assert (old.is_asked_to_stop, new.is_running) == (True, False)
    house.pass_time()
    assert not new.is_running
    old.end()
    house.pass_time()
    assert new.is_running
    assert house.sessions.ended == []
    house.pass_time(PATIENCE_S - 2)
    assert house.sessions.ended == []
    house.pass_time(2)
    assert house.sessions.ended == [("main", EndReason.STREAM_REPLACED)], "there is no old picture to keep"


def test_the_other_stream_of_a_camera_keeps_its_sessions(house):
    house.begin(camera("main") + camera("sub", **SMALL))
    house.watch("main")
    sub = house.watch("sub")
    sub.is_down, sub.on_wanted = True, Mock()  # as the old supervisor leaves them
    house.reload(camera("main", fps=10) + camera("sub", **SMALL))
    old, new = house.processes
    old.end()
    house.pass_time()
    assert new.is_running
    assert new.streams[1] is sub
    assert house.streams.get("sub") is sub
    assert not sub.is_down
    assert not isinstance(sub.on_wanted, Mock)
    house.show("main")
    house.pass_time()
    assert house.sessions.ended == [("main", EndReason.STREAM_REPLACED)]
    assert house.sessions.of == [sub]


def test_a_camera_that_another_stream_takes_over(house):
    house.begin(camera("main"))
    house.watch("main")
    house.reload(camera("front"))
    old, new = house.processes
    assert house.sessions.ended == [("main", EndReason.STREAM_ENDED)]
    assert (old.is_asked_to_stop, new.is_running) == (True, False)
    old.end()
    house.pass_time()
    assert new.is_running


def test_a_camera_for_whose_viewers_nothing_better_has_come_is_taken_for_who_needs_it(house):
    house.begin(camera("main"))
    house.watch("main")
    house.reload(pattern("main"))
    assert not house.processes[0].is_asked_to_stop, "it is the picture that they have"
    house.reload(pattern("main") + camera("other"))
    first, _second, third = house.processes
    assert (first.is_asked_to_stop, third.is_running) == (True, False)
    first.end()
    house.pass_time()
    assert third.is_running
    house.pass_time(PATIENCE_S)
    assert house.sessions.ended == [("main", EndReason.STREAM_REPLACED)]


def test_who_is_replaced_twice_waits_for_the_last(house):
    house.begin(pattern("main"))
    house.watch("main")
    house.reload(pattern("main", fps=10))
    house.watch("main")
    house.reload(pattern("main", fps=11))
    first, second, third = house.processes
    house.pass_time()
    assert (first.is_asked_to_stop, second.is_asked_to_stop, third.is_running) == (False, False, True)
    house.show("main")
    house.pass_time()
    assert house.sessions.ended == [("main", EndReason.STREAM_REPLACED)] * 2
    assert first.is_asked_to_stop
    assert second.is_asked_to_stop


def test_who_waits_for_a_stream_that_is_removed_is_ended(house):
    house.begin(pattern("main") + pattern("sub"))
    house.watch("main")
    house.reload(pattern("main", fps=10) + pattern("sub"))
    house.reload(pattern("sub"))
    assert house.sessions.ended == [("main", EndReason.STREAM_ENDED)]
    house.pass_time()
    assert [process.is_asked_to_stop for process in house.processes] == [True, False, True]


def test_a_camera_that_never_came_to_start_is_none_to_wait_for(house):
    house.begin(camera("main"))
    house.reload(camera("main", fps=10))
    house.reload(camera("main", fps=11))
    first, second, third = house.processes
    first.end()
    house.pass_time()
    assert (second.is_running, third.is_running) == (False, True)


def test_a_successor_on_demand_is_wanted_while_somebody_waits(house):
    house.begin(pattern("main"))
    house.watch("main")
    house.reload(pattern("main", on_demand="true"))
    assert house.streams.get("main").awaited_by == 1
    house.show("main")
    house.pass_time()
    assert house.streams.get("main").awaited_by == 0


def test_a_replaced_stream_whose_last_session_leaves_goes_then(house):
    house.begin(pattern("main"))
    old = house.watch("main")
    house.watch("main")
    house.reload(pattern("main", fps=10))
    house.sessions.leave(old)
    house.pass_time()
    assert not house.processes[0].is_asked_to_stop
    house.sessions.leave(old)
    house.pass_time()
    assert house.processes[0].is_asked_to_stop
    assert house.sessions.ended == []
    assert house.streams.get("main").awaited_by == 0


def test_nothing_looks_around_while_a_successor_takes_its_time(house):
    house.begin(pattern("main"))
    house.watch("main")
    house.reload(pattern("main", fps=10))
    house.loop.turn()
    asked = []
    house.sessions.are_any_of = lambda stream: asked.append(stream)
    house.pass_time(60)
    assert asked == []


def test_a_source_that_was_over_before_it_is_replaced_is_not_waited_for(house):
    house.begin(pattern("main"))
    old = weakref.ref(house.streams.get("main"))
    house.processes[0].finish()
    house.pass_time()
    house.reload(pattern("main", fps=10))
    house.pass_time()
    house.running.kill()
    assert [process.is_killed for process in house.processes] == [False, True]
    house.processes.clear()
    gc.collect()
    assert old() is None


def test_the_service_leaves_in_the_middle(house):
    house.begin(pattern("main"))
    house.watch("main")
    house.reload(pattern("main", fps=10))
    house.running.stop()
    assert all(process.is_asked_to_stop for process in house.processes)
    assert not house.running.is_stopped
    for process in house.processes:
        process.end()
    assert house.running.is_stopped
    house.running.kill()
    assert all(process.is_killed for process in house.processes)


def test_streams_that_only_a_restart_could_bring_back(house):
    house.begin(pattern("main") + pattern("sub"))
    house.processes[1].is_stuck = True
    assert house.running.stuck() == ("sub",)


def test_a_stream_of_before_keeps_no_pictures(house):
    house.begin(pattern("main"))
    old = house.watch("main")
    house.show("main")
    house.reload(pattern("main", fps=10))
    house.show("main")
    house.pass_time()
    assert not old.start_from_cache(Mock())
