"""The survey of a source's streams, twice a second: are any of them wanted, which lack a picture, and which have had no
frame for too long.

Started and stopped by the supervisor, which acts on the result.
"""

from collections.abc import Sequence
from functools import partial
from typing import Final, Protocol

from edge_streamer.runtime.loop import FRAME_SLACK_S, Loop, Timer
from edge_streamer.services.supervision.output import SourceOutput
from edge_streamer.services.supervision.watchdog import LATE_LOOK_S

SURVEY_INTERVAL_S: Final = 0.5


class Surveyed(Protocol):
    """What a survey reports to: the supervisor."""

    @property
    def is_wanted(self) -> bool:
        """Whether a process is to run; a source that is off is not surveyed."""

    @property
    def has_failed(self) -> bool:
        """Whether the process has failed since it was last up."""

    def on_overdue(self, output: SourceOutput) -> None:
        """Called when an output has had no frame for `give_up_after_s`."""

    def on_missing(self, output: SourceOutput, since: float) -> None:
        """Called each time when an output lacks a picture that is overdue."""

    def on_unwanted(self) -> None:
        """Called when no stream of an on-demand source has had a viewer for `linger_s`."""


class Survey:
    """`is_on_demand`: all streams of the source are on demand; otherwise the source always runs."""

    def __init__(self, loop: Loop, outputs: Sequence[SourceOutput], surveyed: Surveyed) -> None:
        self.is_on_demand: Final = all(output.demand.policy.on_demand for output in outputs)
        self._loop = loop
        self._outputs = outputs
        self._surveyed = surveyed
        self._timer: Timer | None = None

    def start(self) -> None:
        """Look now, and then every `SURVEY_INTERVAL_S`."""
        self._look(self._loop.now())

    def stop(self) -> None:
        """End the survey."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self, due_at: float) -> None:
        now = self._loop.now()
        next_at = now + SURVEY_INTERVAL_S
        self._timer = self._loop.call_at(next_at, partial(self._look, next_at), slack_s=FRAME_SLACK_S)
        if self._surveyed.is_wanted and now - due_at <= LATE_LOOK_S:  # if later, frames may wait unread
            for output in self._outputs:
                if (since := output.missing_since(now, has_failed=self._surveyed.has_failed)) is not None:
                    self._surveyed.on_missing(output, since)
                if output.is_overdue(now):
                    self._surveyed.on_overdue(output)
            are_wanted = [output.is_wanted(now) for output in self._outputs]
            if self.is_on_demand and not any(are_wanted):
                self._surveyed.on_unwanted()
