"""A source's guardian: starts its process, feeds its frames to their streams, and mends what can be mended.

One supervisor has one child process and the streams that it feeds (`main` and `sub` of one camera are two). It starts
the child again with back-off when it ends, falls silent or writes what no source writes; viewers stay, and the stream
goes on with continuous sequence numbers and advancing timestamps. What a child does can end that child, nothing else.
"""

import json
import logging
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, Final

from edge_streamer.media.frame import (
    EncodedFrame,
    SourceCommand,
    SourceDropped,
    SourceFormatError,
    SourceFrame,
    SourceNote,
    SourceParser,
    SourceReady,
)
from edge_streamer.media.stream import Stream
from edge_streamer.runtime.children import ChildProcess
from edge_streamer.runtime.log_limits import LineBudget, printable
from edge_streamer.runtime.loop import Loop, Timer
from edge_streamer.runtime.turns import TimeHistogram
from edge_streamer.services.status import StreamStatus

log = logging.getLogger(__name__)

FIRST_BACKOFF_S: Final = 0.5
LONGEST_BACKOFF_S: Final = 30.0
PROVEN_AFTER_S: Final = 10.0
"""A child that brought frames for this long was no failed start: the next back-off begins anew."""
START_LIMIT_S: Final = 10.0
"""A camera and its encoder take a second or two; a child without a first frame by then hangs."""
SILENCE_FRAMES: Final = 3
SILENCE_EXTRA_S: Final = 1.0
KILL_AFTER_S: Final = 0.5
"""A child that ignores SIGTERM this long (stopped, or stuck in a driver) gets SIGKILL."""
UNKNOWN_FPS: Final = 1.0
LATE_LOOK_S: Final = 0.5
SECOND_LOOK_S: Final = 0.25
"""A loop that was held up has not read what its children wrote meanwhile: it reads for this long, then it judges."""
MAX_NOTE_CHARACTERS: Final = 512
"""As much of a note as is kept and shown."""
_WHY_ENDED: Final = {
    "silent": f"no frame for {SILENCE_FRAMES} frame intervals and {SILENCE_EXTRA_S:.0f} s",
    "garbage": "it wrote what no source writes",
    "fault": "what it wrote could not be published",
}


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """What one output of a source shall be; 0 means: as the source finds it (a file)."""

    name: str
    width: int = 0
    height: int = 0
    fps: float = 0.0
    bitrate_bps: int = 0
    gop_s: float = 0.0

    def to_json(self) -> str:
        """Return what the child is told: the fields that are set."""
        return json.dumps({key: value for key, value in asdict(self).items() if value})


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """What to run: `python -m edge_streamer.sources KIND` with the kind's own options and an output per stream."""

    kind: str
    outputs: tuple[OutputSpec, ...]
    options: Mapping[str, Any] = field(default_factory=dict)

    def arguments(self) -> list[str]:
        """Return the child's command line."""
        outputs = [part for output in self.outputs for part in ("--output", output.to_json())]
        options = ["--options", json.dumps(dict(self.options))] if self.options else []
        return [sys.executable, "-m", "edge_streamer.sources", self.kind, *options, *outputs]


@dataclass(slots=True)
class _Output:
    """What is known of one output and its stream."""

    stream: Stream
    spec: OutputSpec
    encoder: str = ""
    width: int = 0
    height: int = 0
    fps: float = 0.0
    dropped_frames: int = 0
    waited_at: float = 0.0  # when the source last said that its next frame is not due yet

    @property
    def heard_at(self) -> float:
        return max(self.stream.last_frame_at, self.waited_at)

    def silence_limit_s(self) -> float:
        return SILENCE_FRAMES / (self.fps or self.spec.fps or UNKNOWN_FPS) + SILENCE_EXTRA_S

    def take_ready(self, ready: SourceReady) -> None:
        self.encoder = printable(ready.encoder)
        self.width = ready.width
        self.height = ready.height
        self.fps = self.stream.nominal_fps = ready.fps


class SourceSupervisor:
    """See the module. `handoff` collects how long frames take from the encoder to the loop; `on_ended` is told of a
    stream whose source has no more to give (a file that is not looped)."""

    def __init__(
        self,
        loop: Loop,
        spec: SourceSpec,
        streams: Sequence[Stream],
        handoff: TimeHistogram,
        on_ended: Callable[[Stream], None],
    ) -> None:
        self.restarts: Counter[str] = Counter()
        self._loop = loop
        self._spec = spec
        self._outputs = [_Output(stream, output) for stream, output in zip(streams, spec.outputs, strict=True)]
        self._handoff = handoff
        self._on_ended = on_ended
        self._child: ChildProcess | None = None
        self._parser = SourceParser(len(self._outputs))
        self._notes_budget = LineBudget(loop.now())
        self._timer: Timer | None = None  # back-off, watchdog or kill: one of them at a time
        self._started_at = 0.0
        self._backoff_s = FIRST_BACKOFF_S
        self._reason = "starting"  # why there is no picture; empty while there is one
        self._failure = ""  # why the child says that it cannot go on
        self._ending_reason = ""  # why we ended the child, if we did
        self._is_wanted = False

    # --- orders

    def start(self) -> None:
        """Start the child, now and whenever it ends, until `stop`."""
        self._is_wanted = True
        self._start_child()

    def stop(self) -> None:
        """End the child for good: asked at first, killed after `KILL_AFTER_S`."""
        self._is_wanted = False
        if self._child is None:
            self._set_timer(None)
        else:
            self._child.send(SourceCommand("stop").encode())
            self._end_child("stopped")

    def kill(self) -> None:
        """End the child at once: the service leaves and waits no longer."""
        if self._child is not None:
            self._child.kill()

    @property
    def is_stopped(self) -> bool:
        """Whether no child runs and none will."""
        return self._child is None and not self._is_wanted

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
            self._plan_restart("failed", f"cannot start the source process: {error}")
            return
        log.info("source started kind=%s pid=%d streams=%s", self._spec.kind, self._child.pid, self._names)
        for output in self._outputs:
            output.stream.announce_restart()
        self._watch()

    def _end_child(self, reason: str) -> None:
        """Have the child ended; `on_child_ended` does the rest."""
        if self._child is not None and not self._ending_reason:
            self._ending_reason = reason
            self._silence_requests()
            self._child.terminate()
            self._set_timer(self._loop.call_later(KILL_AFTER_S, self._child.kill))

    def _plan_restart(self, reason: str, text: str) -> None:
        self._reason = text
        last_frame_at = max(output.stream.last_frame_at for output in self._outputs)
        if last_frame_at - self._started_at >= PROVEN_AFTER_S:
            self._backoff_s = FIRST_BACKOFF_S
        log.warning(
            "source down kind=%s streams=%s reason=%s retry_s=%.1f: %s",
            self._spec.kind, self._names, reason, self._backoff_s, text,
        )  # fmt: skip
        self.restarts[reason] += 1
        self._set_timer(self._loop.call_later(self._backoff_s, self._start_child))
        self._backoff_s = min(2 * self._backoff_s, LONGEST_BACKOFF_S)

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
        if self._loop.now() >= self._silence_deadline():
            self._end_child("silent")
        else:
            self._watch()

    def _silence_deadline(self) -> float:
        return min(self._silence_deadline_of(output) for output in self._outputs)

    def _silence_deadline_of(self, output: _Output) -> float:
        if output.stream.last_frame_at < self._started_at:
            return self._started_at + START_LIMIT_S
        return output.heard_at + output.silence_limit_s()

    # --- the child speaks

    def on_child_data(self, data: bytes) -> None:
        """Publish the frames and heed the notes that `data` completes."""
        if self._ending_reason:
            return
        try:
            self._take_messages(data)
        except SourceFormatError as error:
            log.error("source garbage streams=%s: %s", self._names, error)  # noqa: TRY400 - no traceback: it is not ours
            self._end_child("garbage")

    def _take_messages(self, data: bytes) -> None:
        for message in self._parser.receive(data):
            output = self._outputs[message.output]
            match message:
                case SourceFrame():
                    self._publish(output, message.frame)
                case SourceNote():
                    self._heed(output, message)

    def _publish(self, output: _Output, frame: EncodedFrame) -> None:
        now = self._loop.now()
        if frame.sent_ns:
            self._handoff.add(max(0.0, now - frame.sent_ns / 1e9))
        output.stream.publish(frame, now)
        if self._reason:
            self._reason = ""
            self._watch()  # the start is over: from here on silence counts

    def _heed(self, output: _Output, note: SourceNote) -> None:
        match note.values.get("event"):
            case "ready":
                ready = note.read_as(SourceReady)
                output.take_ready(ready)
                self._offer_key_frames(note.output, ready.can_force_key_frame)
                self._log_note("source ready", output, note)
            case "waiting":
                output.waited_at = self._loop.now()
            case "dropped":
                output.dropped_frames += note.read_as(SourceDropped).frames
            case "failed":
                self._reason = self._failure = _shown(note.values.get("reason", "it did not say why"))
            case "ended":
                self._is_wanted = False
                self._reason = "the file has ended"
                self._on_ended(output.stream)
            case _:
                self._log_note("source note", output, note)

    def _log_note(self, what: str, output: _Output, note: SourceNote) -> None:
        if self._notes_budget.take(1, self._loop.now()):
            log.info("%s stream=%s %s", what, output.stream.name, _key_values(note.values))

    def _offer_key_frames(self, number: int, can_force: bool) -> None:
        requests = self._outputs[number].stream.key_frame_requests
        command = SourceCommand("force_key_frame", number).encode()
        requests.ask = (lambda: self._send(command)) if can_force else None

    def _send(self, command: bytes) -> None:
        if self._child is not None and not self._child.send(command):
            log.warning("source does not read its commands streams=%s", self._names)

    def _silence_requests(self) -> None:
        for output in self._outputs:
            output.stream.key_frame_requests.ask = None

    def on_child_complaint(self, line: str) -> None:
        """Log what the child says on its standard error."""
        log.warning("source streams=%s: %s", self._names, line)

    def on_child_ended(self, exit_code: int) -> None:
        """Start it again, with back-off, unless it was told to end or its file has."""
        self._child = None
        self._set_timer(None)
        self._silence_requests()
        if not self._is_wanted:
            log.info("source ended streams=%s exit_code=%d", self._names, exit_code)
        elif self._ending_reason:
            self._plan_restart(self._ending_reason, self._failure or _WHY_ENDED[self._ending_reason])
        elif exit_code < 0:
            self._plan_restart("killed", self._failure or f"ended by signal {-exit_code}")
        else:
            self._plan_restart("exited", self._failure or f"ended with exit code {exit_code}")

    def on_child_fault(self, error: Exception) -> None:
        """Restart the child: publishing what it wrote raised (logged and counted by the loop)."""
        del error
        self._end_child("fault")

    # --- what is known

    @property
    def _names(self) -> str:
        return ",".join(output.stream.name for output in self._outputs)

    def statuses(self) -> tuple[StreamStatus, ...]:
        """Return one status a stream."""
        return tuple(self._status(output) for output in self._outputs)

    def _status(self, output: _Output) -> StreamStatus:
        stream = output.stream
        last = stream.last_frame
        age_s = self._loop.now() - output.heard_at
        is_up = self._child is not None and last is not None and age_s <= output.silence_limit_s()
        return StreamStatus(
            name=stream.name,
            source_kind=self._spec.kind,
            encoder=output.encoder,
            width=output.width or output.spec.width,
            height=output.height or output.spec.height,
            nominal_fps=output.fps or output.spec.fps,
            link_bitrate_bps=stream.link_bitrate_bps,
            write_budget_bytes=stream.write_limit_bytes(),
            is_up=is_up,
            reason="" if is_up else self._reason or "no frame arrives",
            viewers=stream.viewers,
            frames=stream.counters.frames,
            key_frames=stream.counters.key_frames,
            bytes=stream.counters.bytes,
            dropped_frames=output.dropped_frames,
            restarts=dict(self.restarts),
            last_frame_wall_s=last.wall_ns / 1e9 if last else None,
        )


def _key_values(values: Mapping[str, Any]) -> str:
    return _shown(" ".join(f"{key}={value}" for key, value in values.items()))


def _shown(value: object) -> str:
    return printable(str(value)[:MAX_NOTE_CHARACTERS])
