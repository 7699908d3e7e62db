"""Restarts of a source's process: after what silence, the back-off before each, and texts for the reasons.

Used by the runner, which restarts the process, and by `output`, which knows the frame rate. Arithmetic and texts only.
"""

from typing import Final

from edge_streamer.services.status import RestartReason

SILENCE_FRAMES: Final = 3
SILENCE_EXTRA_S: Final = 1.0
"""A process is ended when a frame is missing for so many frame intervals and seconds."""
FIRST_BACKOFF_S: Final = 0.5
LONGEST_BACKOFF_S: Final = 30.0
PROVEN_AFTER_S: Final = 10.0
"""A process that delivered frames for this long had started well: its end resets the back-off."""
WHY_ENDED: Final = {
    RestartReason.SILENT: f"no frame for {SILENCE_FRAMES} frame intervals and {SILENCE_EXTRA_S:.0f} s",
    RestartReason.GARBAGE: "it violated the source protocol",
    RestartReason.FAULT: "the server failed to process its frames",
}
"""Why a process was ended, where it gave no reason."""


class RestartBackoff:
    """The pauses before the restarts of one source; they double up to `LONGEST_BACKOFF_S`."""

    def __init__(self) -> None:
        self._next_s = FIRST_BACKOFF_S

    def after(self, frames_for_s: float) -> float:
        """Return the seconds to wait after a process that delivered frames for `frames_for_s`."""
        backoff_s = FIRST_BACKOFF_S if frames_for_s >= PROVEN_AFTER_S else self._next_s
        self._next_s = min(2 * backoff_s, LONGEST_BACKOFF_S)
        return backoff_s
