"""The watchdog of a source's process: it detects a process that gives no frames; the runner acts on that.

An output is silent when its first frame has not come within `start_limit_s`, or when it has missed a few frames
(`Liveness.silence_limit_s`). One whose pictures no viewer can be served with has until `start_deadline`. One timer
is set to the next instant at which that could be true; frames do not move it, so a frame costs the watchdog nothing.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from edge_streamer.runtime.loop import Loop, Timer
from edge_streamer.services.supervision.output import SourceOutput

START_LIMIT_S: Final = 10.0
"""A camera and its encoder take a second or two to start; a process without a first frame by then hangs."""
LONGEST_START_LIMIT_S: Final = 80.0
"""A slow machine that is busy with its own start can need longer: each process that had no first frame gives the next
one twice the time, up to this."""
LATE_LOOK_S: Final = 0.5
SECOND_LOOK_S: Final = 0.25
"""When the timer fires late, the loop was held up and may not have read what the process wrote: it reads for this long
before the watchdog judges."""


class Watchdog:
    """Watches from `begin` to `stop`, or until it has called `on_silent` with a silent output."""

    def __init__(self, loop: Loop, outputs: Sequence[SourceOutput], on_silent: Callable[[SourceOutput], None]) -> None:
        self._loop = loop
        self._outputs = outputs
        self._on_silent = on_silent
        self.start_limit_s = START_LIMIT_S
        self._started_at = 0.0
        self._timer: Timer | None = None

    @property
    def is_watching(self) -> bool:
        """Whether a look is ahead."""
        return self._timer is not None and self._timer.callback is not None

    def begin(self) -> None:
        """Start watching a process that was just started."""
        self._started_at = self._loop.now()
        self.watch()

    def on_up(self) -> None:
        """Called when the source is up: the silence limit replaces the start limit, which begins anew."""
        self.start_limit_s = START_LIMIT_S
        self.watch()

    def watch(self) -> None:
        """Set the timer to the instant when the first output could be silent."""
        deadline = min(map(self._deadline_of, self._outputs))
        self._set_timer(self._loop.call_at(deadline, partial(self._look, deadline)))

    def stop(self) -> None:
        """Stop watching: the process has ended, or was told to."""
        self._set_timer(None)

    def _set_timer(self, timer: Timer | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = timer

    def _look(self, due_at: float) -> None:
        if self._loop.now() - due_at > LATE_LOOK_S:
            self._set_timer(self._loop.call_later(SECOND_LOOK_S, self._judge))
        else:
            self._judge()

    def _judge(self) -> None:
        silent = [output for output in self._outputs if self._loop.now() >= self._deadline_of(output)]
        if silent:
            had_no_frame = not silent[0].liveness.is_live
            self._on_silent(silent[0])
            if had_no_frame:
                self.start_limit_s = min(2 * self.start_limit_s, LONGEST_START_LIMIT_S)
        else:
            self.watch()

    def _deadline_of(self, output: SourceOutput) -> float:
        liveness = output.liveness
        if liveness.is_live:
            return liveness.heard_at + liveness.silence_limit_s()
        deadline = liveness.start_deadline()
        return max(self._started_at, liveness.prepared_at) + self.start_limit_s if deadline is None else deadline
