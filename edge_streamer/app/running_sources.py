"""The running sources and their streams, and how a reload replaces them.

A replaced stream lives on beside its successor while sessions play it: `changeover` says until when. Its process is
ended when no changeover needs it any more, or when a new process needs the device that it holds; the new process then
starts when the old one is gone. Nothing is polled: a stream reports its first key frame and sessions that leave, a
supervisor reports its end.

Owned by `app`. `reload_plan` decides what is to change.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from edge_streamer.app.changeover import Changeover, ChangeoverEvent, Sessions
from edge_streamer.app.reload_plan import ReloadPlan, device_of
from edge_streamer.app.settings import new_stream, stream_policy
from edge_streamer.app.source_plan import PlannedSource
from edge_streamer.media.registry import StreamRegistry
from edge_streamer.media.settings import LinkSettings
from edge_streamer.media.stream import Stream
from edge_streamer.runtime.loop import Loop
from edge_streamer.services.late_viewers import LateViewers
from edge_streamer.services.status import EndReason, StreamStatus
from edge_streamer.services.supervision.supervisor import SourceSupervisor
from edge_streamer.services.supervision.times import SourceTimes


@dataclass(slots=True, eq=False)
class _Source:
    """A source's supervisor and its streams, without those that were carried over to another source."""

    planned: PlannedSource
    supervisor: SourceSupervisor
    streams: dict[str, Stream]
    device: str
    is_begun: bool = False
    is_stopping: bool = False

    @property
    def is_over(self) -> bool:
        """Whether its process has ended for good; `_on_over` was called then, and is not called again."""
        return self.is_begun and self.supervisor.is_stopped


class RunningSources:
    """All sources of the service. `times` collects the latencies of the frames of all of them."""

    def __init__(self, loop: Loop, registry: StreamRegistry, link: LinkSettings, sessions: Sessions) -> None:
        self.times: Final = SourceTimes()
        self._loop = loop
        self._registry = registry
        self._link = link
        self._late_viewers = LateViewers(loop)
        self._sessions = sessions
        self._running: list[_Source] = []  # in the order of the configuration
        self._leaving: list[_Source] = []  # ended by a reload; the registry has none of their streams
        self._changeovers: dict[Changeover, _Source] = {}  # with the source of the old stream

    # --- the service's start and end

    def take(self, planned: Sequence[PlannedSource]) -> None:
        """Make the sources of the service's start; `start` starts them."""
        self._running = [self._new_source(source, {}) for source in planned]

    def start(self) -> None:
        """Start all sources."""
        for source in self._running:
            self._begin(source)

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

    # --- status

    def source_of(self, name: str) -> SourceSupervisor | None:
        """Return the supervisor that feeds the stream which new sessions get under this name; None if there is none."""
        return next((source.supervisor for source in self._running if name in source.streams), None)

    def statuses(self) -> tuple[StreamStatus, ...]:
        """Return one status for each stream, except for replaced streams."""
        return tuple(status for source in self._running for status in source.supervisor.statuses())

    def stuck(self) -> tuple[str, ...]:
        """Return the streams that only a restart of the service can bring back; see `SourceSupervisor.is_stuck`."""
        return tuple(name for source in self._running if source.supervisor.is_stuck for name in source.streams)

    # --- making sources and streams

    def _new_source(self, planned: PlannedSource, carried: Mapping[str, Stream]) -> _Source:
        streams = {name: carried.get(name) or self._new_stream(name, planned) for name in planned.streams}

        def on_over() -> None:
            self._loop.post(partial(self._on_over, source))

        supervisor = SourceSupervisor(
            self._loop,
            planned.spec,
            list(streams.values()),
            self.times,
            partial(self._sessions.end_all, EndReason.STREAM_ENDED),
            [stream_policy(stream) for stream in planned.streams.values()],
            on_over,
        )
        source = _Source(planned, supervisor, streams, device_of(planned))
        return source

    def _new_stream(self, name: str, planned: PlannedSource) -> Stream:
        stream = new_stream(name, planned.streams[name], self._link)
        stream.track.on_format_changed = partial(self._sessions.end_all, EndReason.STREAM_REPLACED, stream)
        stream.on_first_key_frame = partial(self._loop.post, partial(self._on_first_key_frame, stream))
        self._late_viewers.serve(stream)
        self._registry.add(stream)
        return stream

    # --- reload

    def apply(self, plan: ReloadPlan) -> None:
        """Start and end the sources that `plan` names; the changeovers of replaced streams go on after the call."""
        ended = [source for source in self._running if source.planned in plan.ended]
        stay = [source for source in self._running if source.planned not in plan.ended]
        carried = {
            name: source.streams.pop(name) for source in ended for name in plan.carried if name in source.streams
        }
        begun = [self._new_source(planned, carried) for planned in plan.begun]
        self._running = sorted([*stay, *begun], key=lambda source: plan.after.sources.index(source.planned))
        self._leaving += (source for source in ended if not source.is_over)
        for source in ended:
            for stream in source.streams.values():
                self._hand_over(source, stream)
        for source in begun:
            self._claim_device(source.device)
        for source in ended:
            self._let_go(source)
        self._begin_those_who_can()

    def _hand_over(self, source: _Source, old: Stream) -> None:
        """Begin the changeover of `old` to the stream that has its name now; changeovers to `old` lead there too."""
        successor = self._registry.get(old.name)
        if successor is None or successor is old:  # no stream has displaced it
            self._remove(old)
            return
        for changeover in self._changeovers:
            if changeover.successor is old:
                changeover.redirect(successor)
        if self._sessions.are_any_of(old):
            changeover = Changeover(self._loop, old, successor, self._sessions, self._on_changed_over)
            self._changeovers[changeover] = source

    def _remove(self, stream: Stream) -> None:
        """End the sessions of a stream that has no successor."""
        self._registry.remove(stream)
        self._sessions.end_all(EndReason.STREAM_ENDED, stream)
        for changeover in tuple(self._changeovers):
            if changeover.successor is stream:
                changeover.happen(ChangeoverEvent.REMOVED)

    def _claim_device(self, device: str) -> None:
        """End the process that holds the device which a new source needs."""
        for holder in self._leaving:
            if device and holder.device == device:
                self._stop(holder)
                for changeover, source in self._changeovers.items():
                    if source is holder:
                        changeover.happen(ChangeoverEvent.DEVICE_TAKEN)

    def _stop(self, source: _Source) -> None:
        if not source.is_stopping:
            source.is_stopping = True
            source.supervisor.stop()
            for stream in source.streams.values():
                # Megabytes, which would stay: the garbage collector ignores objects from before `gc.freeze`.
                stream.forget_frames()

    # --- events of a changeover

    def _on_first_key_frame(self, successor: Stream) -> None:
        for changeover in tuple(self._changeovers):
            if changeover.successor is successor:
                changeover.happen(ChangeoverEvent.PICTURE)

    def _on_changed_over(self, changeover: Changeover) -> None:
        self._let_go(self._changeovers.pop(changeover))

    def _let_go(self, source: _Source) -> None:
        """End a source that was replaced, unless sessions keep its picture."""
        if source not in self._changeovers.values():
            self._stop(source)

    def _on_over(self, source: _Source) -> None:
        if source in self._leaving:
            self._leaving.remove(source)
            self._begin_those_who_can()

    def _begin_those_who_can(self) -> None:
        held = {source.device for source in self._leaving if source.device and not source.supervisor.is_stopped}
        for source in self._running:
            if not source.is_begun and not source.is_stopping and source.device not in held:
                for stream in source.streams.values():
                    _forget_process(stream)
                self._begin(source)

    def _begin(self, source: _Source) -> None:
        source.is_begun = True
        source.supervisor.start()


def _forget_process(stream: Stream) -> None:
    """Reset what a carried-over stream has from the process that fed it before."""
    stream.is_down = False
    stream.on_wanted = _nothing


def _nothing() -> None:
    """Called when a viewer asks for a carried-over stream whose new source is not on demand."""
