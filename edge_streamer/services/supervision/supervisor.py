"""A source's guardian: starts its process, feeds its frames to their streams, and mends what can be mended.

One supervisor has one child process and the streams that it feeds (`main` and `sub` of one camera are two). It starts
the child again with back-off when it ends, falls silent or writes what no source writes; viewers stay, and the stream
goes on with continuous sequence numbers and advancing timestamps, or is given up when it stays away for too long. A
source on demand runs only while one of its streams is wanted. What a child does can end that child, nothing else.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from edge_streamer.codec.frame import EncodedFrame
from edge_streamer.media.stream import Stream
from edge_streamer.protocol.source.messages import (
    SourceCommand,
    SourceFormatError,
    SourceFrame,
    SourceNote,
    SourceParser,
    SourceSnapshot,
)
from edge_streamer.runtime.children import ChildProcess
from edge_streamer.runtime.loop import FRAME_SLACK_S, Loop, Timer
from edge_streamer.services.status import RestartReason, StreamStatus
from edge_streamer.services.supervision.log import SourceLog
from edge_streamer.services.supervision.notes import NoteLog, event_of, reason_of, shown
from edge_streamer.services.supervision.output import SourceOutput
from edge_streamer.services.supervision.questions import OnChange, OnSnapshot, StreamChange
from edge_streamer.services.supervision.restarts import WHY_ENDED, RestartBackoff
from edge_streamer.services.supervision.spec import OutputSpec, SourceSpec, StreamPolicy
from edge_streamer.services.supervision.times import SourceTimes

__all__ = ["OutputSpec", "SourceSpec", "SourceSupervisor", "StreamPolicy"]

START_LIMIT_S: Final = 10.0
"""A camera and its encoder take a second or two; a child without a first frame by then hangs."""
KILL_AFTER_S: Final = 0.5
"""A child that ignores SIGTERM this long (stopped, or stuck in a driver) gets SIGKILL."""
STOP_WITHIN_S: Final = 1.25
"""A camera was measured to take up to 0.95 s to be given back, and ends its process by itself after 1 s."""
LATE_LOOK_S: Final = 0.5
SECOND_LOOK_S: Final = 0.25
"""A loop that was held up has not read what its children wrote meanwhile: it reads for this long, then it judges."""
SURVEY_INTERVAL_S: Final = 0.5
STOPPED: Final = "stopped"
"""Why a child was ended that is not to be mended."""
_STARTING: Final = "starting"
_NOBODY_WATCHES: Final = "on demand: nobody watches"
_NO_FIRST_FRAME: Final = f"no first frame within {START_LIMIT_S:.0f} s"


class SourceSupervisor:
    """See the module. `times` collects how long frames take; `on_ended` is told of a stream whose sessions are to end:
    its source has no more to give (a file that is not looped), or was waited for long enough. `policies` has one for
    each stream, or none. `streams` are the names of what it feeds, `restarts` how often it was mended, by reason."""

    def __init__(
        self,
        loop: Loop,
        spec: SourceSpec,
        streams: Sequence[Stream],
        times: SourceTimes,
        on_ended: Callable[[Stream], None],
        policies: Sequence[StreamPolicy] = (),
    ) -> None:
        self.streams: Final = tuple(stream.name for stream in streams)
        self.restarts: Counter[str] = Counter()
        self._loop = loop
        self._spec = spec
        self._log = SourceLog(spec.kind, self.streams)
        self._outputs = [
            SourceOutput(loop, number, *parts, self._ask, times)
            for number, parts in enumerate(
                zip(streams, spec.outputs, policies or [StreamPolicy()] * len(streams), strict=True)
            )
        ]
        self._on_ended = on_ended
        self._child: ChildProcess | None = None
        self._parser = SourceParser(len(self._outputs))
        self._notes = NoteLog(loop.now())
        self._timer: Timer | None = None  # back-off, watchdog or kill: one of them at a time
        self._survey_timer: Timer | None = None
        self._started_at = 0.0
        self._backoff = RestartBackoff()
        self._reason = _STARTING  # why there is no picture; empty while there is one
        self._failure = ""  # why the child says that it cannot go on
        self._ending_reason = ""  # why we ended the child, if we did
        self._is_on_demand = all(output.policy.on_demand for output in self._outputs)
        self._is_enabled = False  # from `start` to `stop`, or to the end of a file
        self._is_wanted = not self._is_on_demand  # a child is to run, whether or not it can be started yet
        self._has_failed = False  # since the last frame, or since it was wanted

    # --- orders

    def start(self) -> None:
        """Have a child running whenever it is wanted, until `stop`."""
        self._is_enabled = True
        if self._is_on_demand:
            self._await_demand()
        else:
            self._await_frames()
            self._start_child()
        self._survey(self._loop.now())

    def _await_demand(self) -> None:
        self._reason = _NOBODY_WATCHES
        for output in self._outputs:
            output.stream.on_wanted = partial(self._want, output)
            if output.stream.is_watched:  # another process has fed it, or somebody came while the device was not free
                self._want(output)

    def stop(self) -> None:
        """End the child for good: asked at first, killed after `STOP_WITHIN_S`."""
        self._disable("the service leaves")
        self._stop_child()

    def kill(self) -> None:
        """End the child at once: the service leaves and waits no longer."""
        if self._child is not None:
            self._child.kill()

    def snapshot(self, stream: str, callback: OnSnapshot) -> None:
        """Call `callback`, in a later turn, with a JPEG of the stream's picture of now, or with why there is none.

        Concurrent requests share a picture, which no request gets more than a second old. KeyError for a stream that
        is not this source's.
        """
        output = self._output_of(stream)
        output.stream.on_wanted()
        output.take_snapshot(callback, self._why_down)

    def change(self, stream: str, change: StreamChange, callback: OnChange) -> None:
        """Change a running stream's encoder; call `callback`, in a later turn, with None when that is in effect, else
        with why not. KeyError for a stream that is not this source's."""
        self._output_of(stream).change(change, callback, self._why_down)

    def _output_of(self, stream: str) -> SourceOutput:
        return {output.stream.name: output for output in self._outputs}[stream]

    # --- wanted or not

    def _want(self, output: SourceOutput) -> None:
        """Somebody wants to watch: start what is off. In the next turn, since whoever asks is in the middle of it."""
        output.want(self._loop.now())
        if self._is_enabled and not self._is_wanted:
            self._is_wanted = True
            self._has_failed = False
            self._reason = _STARTING
            self._await_frames(output)
            self._loop.post(self._start_wanted)

    def _await_frames(self, demanded: SourceOutput | None = None) -> None:
        for output in self._outputs:
            output.await_frames(self._loop.now(), demanded=output is demanded)

    def _start_wanted(self) -> None:
        if self._is_enabled and self._is_wanted and self._child is None and self._timer is None:
            self._start_child()

    def _survey(self, due_at: float) -> None:
        """Twice a second: give up streams that have had no frame for too long, and stop what nobody watches."""
        now = self._loop.now()
        next_at = now + SURVEY_INTERVAL_S
        self._survey_timer = self._loop.call_at(next_at, partial(self._survey, next_at), slack_s=FRAME_SLACK_S)
        if self._is_wanted and now - due_at <= LATE_LOOK_S:  # else there may be frames that have not been read
            self._give_up_overdue(now)
            are_wanted = [output.is_wanted(now) for output in self._outputs]
            if self._is_on_demand and not any(are_wanted):
                self._turn_off()

    def _give_up_overdue(self, now: float) -> None:
        for output in self._outputs:
            if output.is_overdue(now) and output.give_up():
                name, patience_s = output.stream.name, output.policy.give_up_after_s
                self._log.given_up(name, patience_s, self._why_down)
                self._on_ended(output.stream)

    def _turn_off(self) -> None:
        self._log.turned_off()
        self._is_wanted = False
        self._reason = _NOBODY_WATCHES
        for output in self._outputs:
            output.on_off()
        self._stop_child()

    def _disable(self, reason: str) -> None:
        """Start no child any more, and let nobody wait for one."""
        self._is_enabled = False
        if self._survey_timer is not None:
            self._survey_timer.cancel()
        for output in self._outputs:
            output.on_failed(reason)

    # --- the child's life

    @property
    def is_stopped(self) -> bool:
        """Whether no child runs and none will."""
        return self._child is None and not self._is_enabled

    @property
    def is_stuck(self) -> bool:
        """Whether a child is to run and nothing is ahead that would see to it: a fault of ours must have left it so.

        A source that fails again and again is not stuck; neither is one whose killed child a driver still holds.
        """
        is_ahead = self._timer is not None and self._timer.callback is not None
        is_ending = self._child is not None and self._ending_reason != ""
        return self._is_enabled and self._is_wanted and not is_ahead and not is_ending

    @property
    def pid(self) -> int | None:
        """The child's process id, if one runs."""
        return self._child.pid if self._child else None

    def _start_child(self) -> None:
        self._parser = SourceParser(len(self._outputs))
        self._failure = ""
        self._ending_reason = ""
        self._started_at = self._loop.now()
        try:
            self._child = ChildProcess(self._loop, self._spec.arguments(), self)
        except OSError as error:
            self._plan_restart(RestartReason.FAILED, f"cannot start the source process: {error}")
            return
        self._log.started(self._child.pid, has_failed=self._has_failed)
        for output in self._outputs:
            output.on_started()
        self._watch()

    def _stop_child(self) -> None:
        """Have the child end by itself, which gives its camera back in order; SIGTERM would end it at once."""
        if self._child is None:
            self._set_timer(None)
        elif not self._ending_reason:
            is_asked = self._child.send(SourceCommand("stop").encode())
            self._await_end(self._child, STOPPED, STOP_WITHIN_S if is_asked else 0.0)

    def _end_child(self, reason: str) -> None:
        """End the child, which has failed."""
        if self._child is not None and not self._ending_reason:
            self._child.terminate()
            self._await_end(self._child, reason, KILL_AFTER_S)

    def _await_end(self, child: ChildProcess, reason: str, within_s: float) -> None:
        """Heed the child no more, and kill it if it stays; `on_child_ended` does the rest."""
        self._ending_reason = reason
        for output in self._outputs:
            output.on_ended()
        self._set_timer(self._loop.call_later(within_s, child.kill))

    def _plan_restart(self, reason: RestartReason, text: str) -> None:
        self._reason = text
        self._has_failed = True
        last_frame_at = max(output.stream.last_frame_at for output in self._outputs)
        backoff_s = self._backoff.after(last_frame_at - self._started_at)
        self._log.down(reason, text, backoff_s)
        self.restarts[reason] += 1
        for output in self._outputs:
            output.on_failed(text)
        self._set_timer(self._loop.call_later(backoff_s, self._start_child))

    def _set_timer(self, timer: Timer | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = timer

    # --- the watchdog

    def _watch(self) -> None:
        deadline = self._silence_deadline()
        self._set_timer(self._loop.call_at(deadline, partial(self._look, deadline)))

    def _look(self, due_at: float) -> None:
        if self._loop.now() - due_at > LATE_LOOK_S:
            self._set_timer(self._loop.call_later(SECOND_LOOK_S, self._judge))
        else:
            self._judge()

    def _judge(self) -> None:
        silent = [each for each in self._outputs if self._loop.now() >= self._silence_deadline_of(each)]
        if not silent:
            self._watch()
        else:
            self._failure = self._failure or ("" if silent[0].is_live else _NO_FIRST_FRAME)
            self._end_child(RestartReason.SILENT)

    def _silence_deadline(self) -> float:
        return min(self._silence_deadline_of(output) for output in self._outputs)

    def _silence_deadline_of(self, output: SourceOutput) -> float:
        if not output.is_live:
            return max(self._started_at, output.prepared_at) + START_LIMIT_S
        return output.heard_at + output.silence_limit_s()

    # --- the child speaks

    def on_child_data(self, data: bytes) -> None:
        """Publish the frames, hand on the pictures and heed the notes that `data` completes."""
        if self._ending_reason:
            return
        try:
            self._take_messages(data)
        except SourceFormatError as error:
            self._failure = shown(f"{WHY_ENDED[RestartReason.GARBAGE]}: {error}")
            self._end_child(RestartReason.GARBAGE)

    def _take_messages(self, data: bytes) -> None:
        for message in self._parser.receive(data):
            output = self._outputs[message.output]
            match message:
                case SourceFrame():
                    self._publish(output, message.frame)
                case SourceSnapshot():
                    output.snapshots.take(message.jpeg)
                case SourceNote():
                    self._heed(output, message)

    def _publish(self, output: SourceOutput, frame: EncodedFrame) -> None:
        output.take(frame, self._loop.now())
        if self._reason and output.is_live:
            self._has_failed = False
            self._reason = ""
            self._log.up()
            self._watch()  # the start is over: from here on silence counts

    def _heed(self, output: SourceOutput, note: SourceNote) -> None:
        match event_of(note):
            case "failed":
                self._reason = self._failure = reason_of(note)
            case "ended":
                self._reason = "the file has ended"
                self._disable(self._reason)
                output.stream.forget_format()
                self._on_ended(output.stream)
            case event:
                output.take_note(note, self._loop.now())
                if event == "changed":  # what was asked for outlasts this child
                    self._spec = replace(self._spec, outputs=tuple(output.spec for output in self._outputs))
                self._notes.write(output.stream.name, note, self._loop.now())

    def _ask(self, command: SourceCommand) -> None:
        if self._child is not None and not self._child.send(command.encode()):
            self._log.ignores_commands()

    def on_child_complaint(self, line: str) -> None:
        """Log what the child says on its standard error."""
        self._log.complained(line)

    def on_child_ended(self, exit_code: int) -> None:
        """Start it again, with back-off, unless it was told to end or its file has."""
        self._child = None
        self._set_timer(None)
        for output in self._outputs:
            output.on_ended()
        ending = self._ending_reason
        if not self._is_enabled or not self._is_wanted:
            self._log.ended(exit_code)
        elif ending == STOPPED:  # and wanted again meanwhile
            self._start_child()
        elif ending:
            self._plan_restart(RestartReason(ending), self._failure or WHY_ENDED[RestartReason(ending)])
        elif exit_code < 0:
            self._plan_restart(RestartReason.KILLED, self._failure or f"ended by signal {-exit_code}")
        else:
            self._plan_restart(RestartReason.EXITED, self._failure or f"ended with exit code {exit_code}")

    def on_child_fault(self, error: Exception) -> None:
        """Restart the child: publishing what it wrote raised (logged and counted by the loop)."""
        del error
        self._end_child(RestartReason.FAULT)

    # --- what is known

    @property
    def _why_down(self) -> str:
        return self._reason or "no frame arrives"

    def statuses(self) -> tuple[StreamStatus, ...]:
        """Return one status a stream."""
        is_starting = self._is_on_demand and not self._has_failed
        return tuple(
            output.status(
                self._loop.now(),
                self._spec.kind,
                is_wanted=self._is_wanted,
                is_starting=is_starting,
                reason=self._reason,
                restarts=dict(self.restarts),
            )
            for output in self._outputs
        )
