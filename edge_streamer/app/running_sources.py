"""The sources that run, by the streams that they feed, and how one set of them takes the place of another.

A stream that is replaced lives on beside its successor while sessions play it: they are ended, with the reason
`stream_replaced`, when the successor has its first key frame, so that who connects again finds a picture. If the
successor has none they keep what they have, however long: a reload never turns a picture into none. A device that both
want is the exception: it cannot be opened twice, so the old process ends first, and its sessions wait `PATIENCE_S` at
most for a picture that only the new stream can have.

Owned by `app`. What is to change is `reload`'s to say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Final, Protocol

from edge_streamer.app.reload_plan import ReloadPlan, device_of
from edge_streamer.app.settings import new_stream, stream_policy
from edge_streamer.app.source_plan import PlannedSource
from edge_streamer.media.registry import StreamRegistry
from edge_streamer.media.stream import Stream
from edge_streamer.runtime.loop import Loop, Timer
from edge_streamer.services.status import EndReason, StreamStatus
from edge_streamer.services.supervision.supervisor import SourceSupervisor
from edge_streamer.services.supervision.times import SourceTimes

PATIENCE_S: Final = 10.0
"""A camera takes a second or two to start, and its supervisor gives a start up after ten."""
LOOK_INTERVAL_S: Final = 0.05


class Sessions(Protocol):
    """Those who watch: the RTSP service."""

    def are_any_of(self, stream: Stream, /) -> bool:
        """Whether sessions of `stream` have been set up."""

    def end_all(self, reason: EndReason, stream: Stream, /) -> None:
        """End the sessions of `stream`."""


@dataclass(slots=True, eq=False)
class _Source:
    """A source process's supervisor, and the streams that are its own: not those that it has handed on."""

    planned: PlannedSource
    supervisor: SourceSupervisor
    streams: dict[str, Stream]
    device: str
    is_stopping: bool = False


@dataclass(slots=True, eq=False)
class _Changeover:
    """An old stream, of `source`, whose sessions wait for the first picture of `successor`."""

    old: Stream
    successor: Stream
    source: _Source
    give_up_at: float = inf


class RunningSources:
    """See the module. `by_stream` is always of the streams that new sessions get."""

    def __init__(self, loop: Loop, registry: StreamRegistry, dead_after_s: float, sessions: Sessions) -> None:
        self.by_stream: Final[dict[str, SourceSupervisor]] = {}
        self.times: Final = SourceTimes()
        self._loop = loop
        self._registry = registry
        self._dead_after_s = dead_after_s
        self._sessions = sessions
        self._running: list[_Source] = []
        self._leaving: list[_Source] = []  # no stream of theirs is in the registry
        self._starting: list[_Source] = []  # once their device is free
        self._changeovers: list[_Changeover] = []
        self._timer: Timer | None = None

    # --- the service's start and end

    def take(self, planned: Sequence[PlannedSource]) -> None:
        """Have these from the start, which `start` begins."""
        self._running = [self._new_source(source, {}) for source in planned]
        self._index()

    def start(self) -> None:
        """Start all sources."""
        for source in self._running:
            source.supervisor.start()

    def stop(self) -> None:
        """End all sources; `is_stopped` says when they have."""
        for source in self._all():
            self._stop(source)

    def kill(self) -> None:
        """End all sources at once."""
        for source in self._all():
            source.supervisor.kill()

    @property
    def is_stopped(self) -> bool:
        """Whether no source process runs any more."""
        return all(source.supervisor.is_stopped for source in self._all())

    def _all(self) -> tuple[_Source, ...]:
        return (*self._running, *self._leaving)

    # --- what is known

    def statuses(self) -> tuple[StreamStatus, ...]:
        """Return one status a stream, those of replaced streams not among them."""
        return tuple(status for source in self._running for status in source.supervisor.statuses())

    def stuck(self) -> tuple[str, ...]:
        """Return the streams that only a restart of the service could bring back; see `SourceSupervisor.is_stuck`."""
        return tuple(name for source in self._running if source.supervisor.is_stuck for name in source.streams)

    # --- making them

    def _new_source(self, planned: PlannedSource, carried: Mapping[str, Stream]) -> _Source:
        streams = {name: carried.get(name) or self._new_stream(name, planned) for name in planned.streams}
        supervisor = SourceSupervisor(
            self._loop,
            planned.spec,
            list(streams.values()),
            self.times,
            partial(self._sessions.end_all, EndReason.STREAM_ENDED),
            [stream_policy(stream) for stream in planned.streams.values()],
        )
        return _Source(planned, supervisor, streams, device_of(planned))

    def _new_stream(self, name: str, planned: PlannedSource) -> Stream:
        stream = new_stream(name, planned.streams[name], self._dead_after_s)
        stream.track.on_format_changed = partial(self._sessions.end_all, EndReason.STREAM_REPLACED, stream)
        self._registry.add(stream)
        return stream

    def _index(self) -> None:
        self.by_stream.clear()
        self.by_stream.update({name: source.supervisor for source in self._running for name in source.streams})

    # --- another set of them

    def apply(self, plan: ReloadPlan) -> None:
        """Begin and end what `plan` says; the changeover goes on by itself."""
        ended = [source for source in self._running if source.planned in plan.ended]
        stay = [source for source in self._running if source.planned not in plan.ended]
        carried = {
            name: source.streams.pop(name) for source in ended for name in plan.carried if name in source.streams
        }
        begun = [self._new_source(planned, carried) for planned in plan.begun]
        self._running = sorted([*stay, *begun], key=lambda source: plan.after.sources.index(source.planned))
        self._leaving += ended
        self._index()
        for source in ended:
            for stream in source.streams.values():
                self._hand_over(source, stream)
        self._starting += begun
        for source in begun:
            self._claim_device(source.device)
        self._look()

    def _hand_over(self, source: _Source, old: Stream) -> None:
        """Have the sessions of `old`, and those that wait for it, wait for what has its name now."""
        successor = self._registry.get(old.name)
        if successor is None or successor is old:  # nothing has displaced it
            self._remove(old)
            return
        for changeover in self._changeovers:
            if changeover.successor is old:
                changeover.successor = successor
        self._changeovers.append(_Changeover(old, successor, source))

    def _remove(self, stream: Stream) -> None:
        """Nothing takes the stream's place."""
        self._registry.remove(stream)
        self._sessions.end_all(EndReason.STREAM_ENDED, stream)
        for changeover in self._changeovers:
            if changeover.successor is stream:
                self._sessions.end_all(EndReason.STREAM_ENDED, changeover.old)

    def _claim_device(self, device: str) -> None:
        """End who holds the device that a new source needs."""
        for source in self._leaving:
            if device and source.device == device:
                self._stop(source)
                for changeover in self._changeovers:
                    if changeover.source is source:
                        changeover.give_up_at = self._loop.now() + PATIENCE_S

    def _stop(self, source: _Source) -> None:
        if not source.is_stopping:
            source.is_stopping = True
            source.supervisor.stop()
            for stream in source.streams.values():
                stream.forget_frames()  # megabytes, and the collector does not look at what was there from the start

    # --- until all is changed over

    def _look(self) -> None:
        """Do what is due, and look again while anything is not done."""
        self._changeovers = [changeover for changeover in self._changeovers if not self._complete(changeover)]
        for source in self._leaving:
            if not any(changeover.source is source for changeover in self._changeovers):
                self._stop(source)
        self._leaving = [source for source in self._leaving if not source.supervisor.is_stopped]
        self._start_those_who_can()
        if self._timer is not None:
            self._timer.cancel()
        if self._changeovers or self._leaving or self._starting:
            self._timer = self._loop.call_later(LOOK_INTERVAL_S, self._look)

    def _complete(self, changeover: _Changeover) -> bool:
        """End the old stream's sessions if it is time; return whether none is left."""
        old, successor = changeover.old, changeover.successor
        if not self._sessions.are_any_of(old):
            return True
        successor.on_wanted()
        is_up = successor.counters.key_frames > 0
        is_late = self._loop.now() >= changeover.give_up_at
        if is_up or is_late:
            self._sessions.end_all(EndReason.STREAM_REPLACED, old)
        return is_up or is_late

    def _start_those_who_can(self) -> None:
        held = {source.device for source in self._leaving if source.device}
        starting, self._starting = self._starting, [source for source in self._starting if source.device in held]
        for source in starting:
            if source not in self._starting and not source.is_stopping:
                for stream in source.streams.values():
                    _forget_process(stream)
                source.supervisor.start()


def _forget_process(stream: Stream) -> None:
    """Nothing is left on a stream that is carried over of the process that has fed it."""
    stream.is_down = False
    stream.on_wanted = _nothing


def _nothing() -> None:
    """The source runs whether it is wanted or not."""
