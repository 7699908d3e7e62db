"""Keeps a source's process running: follows the table in `life` and does what entering a state requires.

The runner starts the process, ends it when it has failed, and starts the next one after a back-off. It knows no viewer
and reads no frame: `supervisor` says whether the source is wanted and takes what the process writes; `watchdog` detects
a silent process; `process` is one run of it.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from edge_streamer.protocol.source.messages import SourceCommand
from edge_streamer.runtime.loop import Loop, Timer
from edge_streamer.services.status import RestartReason
from edge_streamer.services.supervision.life import LifeEvent, LifeState, after
from edge_streamer.services.supervision.log import SourceLog
from edge_streamer.services.supervision.output import SourceOutput
from edge_streamer.services.supervision.process import OnMessage, SourceProcess
from edge_streamer.services.supervision.restarts import WHY_ENDED, RestartBackoff
from edge_streamer.services.supervision.spec import SourceSpec
from edge_streamer.services.supervision.watchdog import Watchdog

_STARTING: Final = "starting"
_NO_FRAME: Final = "no frame arrives"
_MUST_RUN: Final = {LifeState.STARTING, LifeState.UP, LifeState.BACKING_OFF}


class SourceRunner:
    """`spec` is what the next process is started with. `restarts` counts failures by their reason; `has_failed` says
    whether there was one since a process was last up, or since the source was last wanted anew. `reason` says why there
    is no picture, when there is none."""

    def __init__(
        self,
        loop: Loop,
        spec: SourceSpec,
        outputs: Sequence[SourceOutput],
        log: SourceLog,
        on_message: OnMessage,
        on_over: Callable[[], None],
    ) -> None:
        self.spec = spec
        self.state = LifeState.NEW
        self.restarts: Final[Counter[str]] = Counter()
        self.has_failed = False
        self.reason = _STARTING
        self._loop = loop
        self._outputs = outputs
        self._log = log
        self._on_message = on_message
        self._on_over = on_over
        self._process: SourceProcess | None = None
        self._watchdog = Watchdog(loop, outputs, self._on_silent)
        self._backoff = RestartBackoff()
        self._start_timer: Timer | None = None  # in BACKING_OFF, and in STARTING until the process has been started
        self._started_at = 0.0
        self._has_been_up = False  # the present process, or the last one
        self._failure = ""  # why the process cannot go on, in its words if it reported a reason
        self._ended_for: RestartReason | None = None  # why the runner ended the process, if it did

    def _move(self, event: LifeEvent) -> bool:
        """Follow the table; return whether the state has changed."""
        before, self.state = self.state, after(self.state, event)
        if self.state is not before and self.state is LifeState.OVER:
            self._on_over()
        return self.state is not before

    # --- orders

    def begin(self, reason: str) -> None:
        """Allow a process to run when it is wanted; `reason` says why none runs until then."""
        self._move(LifeEvent.START)
        self.reason = reason

    def want(self, *, at_once: bool = False) -> bool:
        """Have a process run; return whether that is new. A source that is off starts by a timer, since a viewer asks
        from deep in a call stack, unless `at_once` is set."""
        is_new = self._move(LifeEvent.WANTED)
        if is_new:
            self.has_failed = False
            self.reason = _STARTING
            if at_once:
                self._start()
            elif self._process is None:
                self._start_timer = self._loop.call_later(0.0, self._start)
        return is_new

    def turn_off(self, reason: str) -> bool:
        """Have no process run until one is wanted; return whether that is new."""
        is_new = self._move(LifeEvent.UNWANTED)
        if is_new:
            self.reason = reason
        return is_new

    def finish(self, reason: str) -> None:
        """Expect the process to end without being told, since it has no more frames; none follows."""
        self._move(LifeEvent.FINISHED)
        self.reason = reason

    def stop(self) -> None:
        """Have no process run any more; `end_process` ends the present one."""
        self._move(LifeEvent.STOP)

    def end_process(self) -> None:
        """Ask the process to end, after `turn_off` or `stop`; where none runs, it counts as gone."""
        if self._start_timer is not None:
            self._start_timer.cancel()
        if self._process is None:
            self._move(LifeEvent.GONE)
        elif not self._process.is_ending:
            self._process.stop()
            self._heed_no_more()

    def kill(self) -> None:
        """End the process at once, by SIGKILL."""
        if self._process is not None:
            self._process.kill()

    def ask(self, command: SourceCommand) -> None:
        """Send `command` to the process, if one runs; log it when the command is lost."""
        if self._process is not None and not self._process.send(command):
            self._log.ignores_commands()

    # --- the process's life

    def _start(self) -> None:
        self._move(LifeEvent.DUE)
        self._failure = ""
        self._ended_for = None
        self._started_at = self._loop.now()
        self._has_been_up = False
        try:
            self._process = SourceProcess(self._loop, self.spec, self, self._on_message, self._log)
        except OSError as error:
            self._move(LifeEvent.GONE)
            self._plan_restart(RestartReason.FAILED, f"cannot start the source process: {error}")
            return
        self._log.started(self._process.pid, has_failed=self.has_failed)
        for output in self._outputs:
            output.on_started()
        self._watchdog.begin()

    def on_picture(self) -> None:
        """Called while STARTING when a viewer can be served: the source is up, and the silence limit replaces the start
        limit."""
        if self._move(LifeEvent.PICTURE):
            self.has_failed = False
            self._has_been_up = True
            self.reason = _NO_FRAME
            self._log.up()
            self._watchdog.on_up()

    def on_complaint(self, reason: str) -> None:
        """Called when the process reports why it cannot go on; its end follows."""
        self.reason = self._failure = reason

    def _on_silent(self, output: SourceOutput) -> None:
        liveness = output.liveness
        if liveness.is_unservable(self._loop.now()):
            self.on_failed(RestartReason.UNSERVABLE, self._failure or liveness.why_unservable())
        else:
            no_first_frame = f"no first frame within {self._watchdog.start_limit_s:.0f} s"
            has_begun = liveness.is_live or liveness.unservable_since is not None
            self.on_failed(RestartReason.SILENT, self._failure or ("" if has_begun else no_first_frame))

    def on_failed(self, reason: RestartReason, text: str) -> None:
        """End the process, which has failed; `text` is empty where `reason` says all."""
        if self._process is not None and not self._process.is_ending:
            self._move(LifeEvent.FAILED)
            self._ended_for = reason
            self._failure = text or self._failure
            self._process.terminate()
            self._heed_no_more()

    def _heed_no_more(self) -> None:
        self._watchdog.stop()
        for output in self._outputs:
            output.on_ended()

    def on_ended(self, exit_code: int) -> None:
        """Called when the process has ended; start the next one if the table says so, at once or after a back-off."""
        self._process = None
        self._heed_no_more()
        self._move(LifeEvent.GONE)
        if self.state is LifeState.STARTING:
            self._start()
        elif self.state is not LifeState.BACKING_OFF:
            self._log.ended(exit_code)
        elif self._ended_for is not None:
            self._plan_restart(self._ended_for, self._failure or WHY_ENDED[self._ended_for])
        elif exit_code < 0:
            self._plan_restart(RestartReason.KILLED, self._failure or f"ended by signal {-exit_code}")
        else:
            self._plan_restart(RestartReason.EXITED, self._failure or f"ended with exit code {exit_code}")

    def _plan_restart(self, reason: RestartReason, text: str) -> None:
        self.reason = text
        self.has_failed = True
        last_frame_at = max(output.stream.last_frame_at for output in self._outputs)
        backoff_s = self._backoff.after(last_frame_at - self._started_at if self._has_been_up else 0.0)
        self._log.down(reason, text, backoff_s)
        self.restarts[reason] += 1
        for output in self._outputs:
            output.on_failed(text)
        self._start_timer = self._loop.call_later(backoff_s, self._start)

    # --- status

    @property
    def is_stuck(self) -> bool:
        """Whether a process is to run, but no timer is set that would start or watch one: a bug must have caused this.

        A source that fails again and again is not stuck; neither is one whose killed process hangs in a driver.
        """
        is_start_ahead = self._start_timer is not None and self._start_timer.callback is not None
        return self.state in _MUST_RUN and not (is_start_ahead or self._watchdog.is_watching)

    @property
    def pid(self) -> int | None:
        """The process's id, if one runs."""
        return self._process.pid if self._process else None
