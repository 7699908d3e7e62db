"""What keeps a source's process running: it follows the table in `life` and does what entering a state asks for.

It starts the process, ends it when it has failed, and starts the next one after a pause. It knows no viewer and reads
no frame: `supervisor` says whether the source is wanted and takes what the process writes; `watchdog` finds the process
silent; `process` is one run of it.
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
from edge_streamer.services.supervision.watchdog import START_LIMIT_S, Watchdog

_STARTING: Final = "starting"
_NO_FRAME: Final = "no frame arrives"
_NO_FIRST_FRAME: Final = f"no first frame within {START_LIMIT_S:.0f} s"
_MUST_RUN: Final = {LifeState.STARTING, LifeState.UP, LifeState.BACKING_OFF}


class SourceRunner:
    """`spec` is what the next process is started with. `restarts` counts failures by their reason; `has_failed` says
    whether there was one since the last picture, or since the source was wanted. `reason` is why there is no picture,
    when there is none."""

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
        self._failure = ""  # why the process cannot go on, in its own words where it said so
        self._ended_for: RestartReason | None = None  # what the process was ended for, if it was

    def _move(self, event: LifeEvent) -> bool:
        """Follow the table; return whether the state is another one now."""
        before, self.state = self.state, after(self.state, event)
        if self.state is not before and self.state is LifeState.OVER:
            self._on_over()
        return self.state is not before

    # --- orders

    def begin(self, reason: str) -> None:
        """Run when wanted from now on; `reason` is why no process runs before."""
        self._move(LifeEvent.START)
        self.reason = reason

    def want(self, *, at_once: bool = False) -> bool:
        """Have a process run; return whether that is new. What is off starts by a timer, since a viewer asks from deep
        in a stack, or `at_once`."""
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
        """The process has no more to give and ends by itself; none follows."""
        self._move(LifeEvent.FINISHED)
        self.reason = reason

    def stop(self) -> None:
        """Have no process run any more."""
        self._move(LifeEvent.STOP)

    def end_process(self) -> None:
        """Have the process end by itself, after `turn_off` or `stop`; where there is none, it is gone already."""
        if self._start_timer is not None:
            self._start_timer.cancel()
        if self._process is None:
            self._move(LifeEvent.GONE)
        elif not self._process.is_ending:
            self._process.stop()
            self._heed_no_more()

    def kill(self) -> None:
        """End the process at once."""
        if self._process is not None:
            self._process.kill()

    def ask(self, command: SourceCommand) -> None:
        """Tell the process, if one runs."""
        if self._process is not None and not self._process.send(command):
            self._log.ignores_commands()

    # --- the process's life

    def _start(self) -> None:
        self._move(LifeEvent.DUE)
        self._failure = ""
        self._ended_for = None
        self._started_at = self._loop.now()
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
        """A picture came: the start is over, and from here on silence counts."""
        if self._move(LifeEvent.PICTURE):
            self.has_failed = False
            self.reason = _NO_FRAME
            self._log.up()
            self._watchdog.watch()

    def on_complaint(self, reason: str) -> None:
        """The process says why it cannot go on; its end follows."""
        self.reason = self._failure = reason

    def _on_silent(self, output: SourceOutput) -> None:
        self.on_failed(RestartReason.SILENT, self._failure or ("" if output.is_live else _NO_FIRST_FRAME))

    def on_failed(self, reason: RestartReason, text: str) -> None:
        """End the process, which cannot be left to run; `text` is empty where the reason says all."""
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
        """The process is gone; start the next one if the table says so, at once or after a pause."""
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
        backoff_s = self._backoff.after(last_frame_at - self._started_at)
        self._log.down(reason, text, backoff_s)
        self.restarts[reason] += 1
        for output in self._outputs:
            output.on_failed(text)
        self._start_timer = self._loop.call_later(backoff_s, self._start)

    # --- what is known

    @property
    def is_stuck(self) -> bool:
        """Whether a process is to run and nothing is ahead that would see to it: a fault of ours must have left it so.

        A source that fails again and again is not stuck; neither is one whose killed process a driver still holds.
        """
        is_start_ahead = self._start_timer is not None and self._start_timer.callback is not None
        return self.state in _MUST_RUN and not (is_start_ahead or self._watchdog.is_watching)

    @property
    def pid(self) -> int | None:
        """The process's id, if one runs."""
        return self._process.pid if self._process else None
