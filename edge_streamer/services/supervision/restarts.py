"""Starting a source's process again: how long it is left alone before, and why, in words.

Asked by the supervisor, which does it. Arithmetic and texts only.
"""

from typing import Final

from edge_streamer.services.status import RestartReason
from edge_streamer.services.supervision.output import SILENCE_EXTRA_S, SILENCE_FRAMES

FIRST_BACKOFF_S: Final = 0.5
LONGEST_BACKOFF_S: Final = 30.0
PROVEN_AFTER_S: Final = 10.0
"""A child that brought frames for this long was no failed start: the next back-off begins anew."""
WHY_ENDED: Final = {
    RestartReason.SILENT: f"no frame for {SILENCE_FRAMES} frame intervals and {SILENCE_EXTRA_S:.0f} s",
    RestartReason.GARBAGE: "it wrote what no source writes",
    RestartReason.FAULT: "what it wrote could not be published",
}
"""Why a child was ended that did not say it itself."""


class RestartBackoff:
    """The pauses before one source's starts."""

    def __init__(self) -> None:
        self._next_s = FIRST_BACKOFF_S

    def after(self, frames_for_s: float) -> float:
        """Return the seconds to wait, where the child that is gone brought frames for so long."""
        backoff_s = FIRST_BACKOFF_S if frames_for_s >= PROVEN_AFTER_S else self._next_s
        self._next_s = min(2 * backoff_s, LONGEST_BACKOFF_S)
        return backoff_s
