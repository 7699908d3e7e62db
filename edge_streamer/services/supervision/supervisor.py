"""The supervisor of one source: keeps its process running while it is wanted, and feeds its frames to their streams.

One supervisor has one process and the streams that it feeds (`main` and `sub` of one camera are two). The process is
restarted with back-off when it ends, falls silent or violates the source protocol; viewers stay, and the stream goes on
with continuous sequence numbers and advancing timestamps. Meanwhile they get a slate, as long as it takes; a stream
without one, and without a frame for too long, is given up. A source on demand runs only while one of its streams is
wanted. A fault of a process ends that process and nothing else.

The table in `life` decides what follows an event, and `runner` carries it out. `survey` finds the streams that are
unwanted or overdue; `output` handles one stream.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from edge_streamer.media.stream import Stream
from edge_streamer.protocol.source.messages import SourceFrame, SourceNote, SourceSnapshot
from edge_streamer.runtime.loop import Loop
from edge_streamer.services.status import StreamStatus
from edge_streamer.services.supervision.life import LifeState
from edge_streamer.services.supervision.log import SourceLog
from edge_streamer.services.supervision.notes import NoteLog, event_of, reason_of
from edge_streamer.services.supervision.output import SourceOutput
from edge_streamer.services.supervision.process import SourceMessage
from edge_streamer.services.supervision.questions import OnChange, OnSnapshot, StreamChange
from edge_streamer.services.supervision.runner import SourceRunner
from edge_streamer.services.supervision.spec import SourceSpec, StreamPolicy
from edge_streamer.services.supervision.survey import Survey
from edge_streamer.services.supervision.times import SourceTimes

_NOT_BEGUN: Final = "starting"
_NOBODY_WATCHES: Final = "on demand: nobody watches"
_FILE_HAS_ENDED: Final = "the file has ended"
_SERVICE_LEAVES: Final = "the service leaves"
_NOT_WANTED: Final = {LifeState.NEW, LifeState.OFF, LifeState.STOPPING}


class SourceSupervisor:
    """`streams` are the names of the streams, in the order of `outputs`. `times` collects the latencies of frames.
    `on_given_up` is called with a stream whose sessions are to end: its source has no more frames (a file that is not
    looped), or `give_up_after_s` has passed. `policies` has one for each stream, or is empty. `on_over` is called, from
    deep in a call stack, when no process runs any more and none will be started."""

    def __init__(
        self,
        loop: Loop,
        spec: SourceSpec,
        streams: Sequence[Stream],
        times: SourceTimes,
        on_given_up: Callable[[Stream], None],
        policies: Sequence[StreamPolicy] = (),
        on_over: Callable[[], None] = lambda: None,
    ) -> None:
        self.streams: Final = tuple(stream.name for stream in streams)
        self._log = SourceLog(spec.kind, self.streams)
        self.outputs: Final = tuple(
            SourceOutput(
                loop, number, *parts, lambda command: self._runner.ask(command), times, self._log, spec.options
            )
            for number, parts in enumerate(
                zip(streams, spec.outputs, policies or [StreamPolicy()] * len(streams), strict=True)
            )
        )
        self._loop = loop
        self._notes = NoteLog(loop.now())
        self._on_given_up = on_given_up
        self._runner = SourceRunner(loop, spec, self.outputs, self._log, self._take, on_over)
        self._survey = Survey(loop, self.outputs, self)

    # --- orders

    def start(self) -> None:
        """Keep a process running whenever the source is wanted, until `stop`."""
        if self._survey.is_on_demand:
            self._runner.begin(_NOBODY_WATCHES)
            for output in self.outputs:
                output.stream.on_wanted = partial(self._want, output)
                if output.is_demanded:  # the stream was carried over, or viewers came while the device was held
                    self._want(output)
        else:
            self._runner.begin(_NOT_BEGUN)
            self._await_frames()
            self._runner.want(at_once=True)
        self._survey.start()

    def stop(self) -> None:
        """End the process for good: it is asked to end, and killed after `STOP_WITHIN_S`."""
        self._runner.stop()
        self._start_no_more(_SERVICE_LEAVES)
        self._runner.end_process()

    def kill(self) -> None:
        """End the process at once: the service ends and waits no longer."""
        self._runner.kill()

    def snapshot(self, stream: str, callback: OnSnapshot) -> None:
        """Call `callback`, in a later turn, with a JPEG of the stream's present picture, or with a failure.

        Concurrent requests share a picture, which is at most a second old. KeyError for a stream that this source does
        not feed.
        """
        output = self._output_of(stream)
        output.stream.on_wanted()
        output.take_snapshot(callback, self._runner.reason)

    def change(self, stream: str, change: StreamChange, callback: OnChange) -> None:
        """Change a running stream's encoder; call `callback`, in a later turn, with None when that is in effect, else
        with a failure. KeyError for a stream that this source does not feed."""
        self._output_of(stream).change(change, callback, self._runner.reason)

    def _output_of(self, stream: str) -> SourceOutput:
        return {output.stream.name: output for output in self.outputs}[stream]

    # --- demand

    def _want(self, output: SourceOutput) -> None:
        """Called when a viewer asks for a stream: start the source if it is off."""
        output.demand.want(self._loop.now())
        if self._runner.want():
            self._await_frames(output)

    def _await_frames(self, demanded: SourceOutput | None = None) -> None:
        for output in self.outputs:
            output.demand.await_frames(self._loop.now(), demanded=output is demanded)

    def on_unwanted(self) -> None:
        """Turn the source off; called by the survey when no stream is wanted."""
        if self._runner.turn_off(_NOBODY_WATCHES):
            self._log.turned_off()
            for output in self.outputs:
                output.on_off()
            self._runner.end_process()

    def on_missing(self, output: SourceOutput, since: float) -> None:
        """Have viewers of `output` get a slate; called by the survey."""
        output.outage.miss(output.liveness.why_unservable() or self._runner.reason, since)

    def on_overdue(self, output: SourceOutput) -> None:
        """Give up a stream that has had no frame for too long; called by the survey. Its source is still restarted."""
        if output.give_up():
            self._log.given_up(output.stream.name, output.demand.policy.give_up_after_s, self._runner.reason)
            self._on_given_up(output.stream)

    def _start_no_more(self, reason: str) -> None:
        """Stop the survey and fail all that waits for a frame, since no process will be started any more."""
        self._survey.stop()
        for output in self.outputs:
            output.outage.stop()
            output.on_failed(reason)

    # --- messages of the process

    def _take(self, message: SourceMessage) -> None:
        """Publish a frame, hand on a snapshot or act on a note; SourceFormatError when its values are invalid."""
        output = self.outputs[message.output]
        match message:
            case SourceFrame():
                output.take(message.frame, self._loop.now())
                if self._runner.state is LifeState.STARTING and output.liveness.is_live:
                    self._runner.on_picture()
            case SourceSnapshot():
                output.snapshots.take(message.jpeg)
            case SourceNote():
                self._heed(output, message)

    def _heed(self, output: SourceOutput, note: SourceNote) -> None:
        match event_of(note):
            case "failed":
                self._runner.on_complaint(reason_of(note))
            case "ended":
                self._runner.finish(_FILE_HAS_ENDED)
                self._start_no_more(_FILE_HAS_ENDED)
                output.stream.forget_format()
                self._on_given_up(output.stream)
            case event:
                output.take_note(note, self._loop.now())
                if event == "changed":  # the next process starts with the changed settings
                    specs = tuple(output.encoder.spec for output in self.outputs)
                    self._runner.spec = replace(self._runner.spec, outputs=specs)
                self._notes.write(output.stream.name, note, self._loop.now())

    # --- status

    @property
    def state(self) -> LifeState:
        """Whether the source has a process, and what comes next."""
        return self._runner.state

    @property
    def restarts(self) -> Mapping[str, int]:
        """How often the process has failed, by `RestartReason`."""
        return self._runner.restarts

    @property
    def has_failed(self) -> bool:
        """Whether the process has failed since it was last up, or last wanted anew."""
        return self._runner.has_failed

    @property
    def is_wanted(self) -> bool:
        """Whether a process is to run, whether or not it can be started yet."""
        return not self._survey.is_on_demand or self.state not in _NOT_WANTED

    @property
    def is_stopped(self) -> bool:
        """Whether no process runs and none will be started; before `start`, until that is called."""
        return self.state in (LifeState.NEW, LifeState.OVER)

    @property
    def is_stuck(self) -> bool:
        """Whether only a restart of the service can bring the source back; see `SourceRunner.is_stuck`."""
        return self._runner.is_stuck

    @property
    def pid(self) -> int | None:
        """The process's id, if one runs."""
        return self._runner.pid

    def statuses(self) -> tuple[StreamStatus, ...]:
        """Return one status for each stream."""
        return tuple(
            output.status(
                self._loop.now(),
                self._runner.spec.kind,
                is_wanted=self.is_wanted,
                is_starting=self._survey.is_on_demand and not self._runner.has_failed,
                reason=self._runner.reason,
                restarts=dict(self.restarts),
            )
            for output in self.outputs
        )
