"""The survey of a source's streams, twice a second: which of them are wanted, and which have waited for too long.

Started and stopped by the supervisor, which decides what follows.
"""

from collections.abc import Sequence
from functools import partial
from typing import Final, Protocol

from edge_streamer.runtime.loop import FRAME_SLACK_S, Loop, Timer
from edge_streamer.services.supervision.output import SourceOutput
from edge_streamer.services.supervision.watchdog import LATE_LOOK_S

SURVEY_INTERVAL_S: Final = 0.5


class Surveyed(Protocol):
    """The supervisor."""

    @property
    def is_wanted(self) -> bool:
        """Whether a process is to run; a survey of a source that is off has nothing to find."""

    def on_overdue(self, output: SourceOutput) -> None:
        """An output has had no frame for `give_up_after_s`."""

    def on_unwanted(self) -> None:
        """No stream of an on-demand source has had a viewer for as long as it lingers."""


class Survey:
    """`is_on_demand`: all streams are; a source with another stream runs always."""

    def __init__(self, loop: Loop, outputs: Sequence[SourceOutput], surveyed: Surveyed) -> None:
        self.is_on_demand: Final = all(output.demand.policy.on_demand for output in outputs)
        self._loop = loop
        self._outputs = outputs
        self._surveyed = surveyed
        self._timer: Timer | None = None

    def start(self) -> None:
        """Look now, and from then on."""
        self._look(self._loop.now())

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self, due_at: float) -> None:
        now = self._loop.now()
        next_at = now + SURVEY_INTERVAL_S
        self._timer = self._loop.call_at(next_at, partial(self._look, next_at), slack_s=FRAME_SLACK_S)
        if self._surveyed.is_wanted and now - due_at <= LATE_LOOK_S:  # else there may be frames that have not been read
            for output in self._outputs:
                if output.is_overdue(now):
                    self._surveyed.on_overdue(output)
            are_wanted = [output.is_wanted(now) for output in self._outputs]
            if self.is_on_demand and not any(are_wanted):
                self._surveyed.on_unwanted()
