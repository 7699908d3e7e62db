"""Maps a source's capture clock onto a stream's 90 kHz timeline. Arithmetic only; `media.track` calls it per frame.

A source's clock has an arbitrary origin, restarts with its process, and may jump. The timeline must not: timestamps
that step backward or leap end recordings (ffmpeg: non-monotonous DTS; Home Assistant: timestamp discontinuity).
"""

from typing import Final

from edge_streamer.codec.frame import CLOCK_HZ

MAX_STEP_S: Final = 10.0
"""Largest step between two frames that is believed whatever time has passed: a clock that moves further was set, or is
another clock."""
MAX_DISAGREEMENT_S: Final = 1.0
"""A larger step is believed where as much time has passed, give or take this: a time-lapse has frames that are minutes
apart. A source catches up after a delay of up to a second, and so a step may differ from the time that passed."""
MAX_JITTER_S: Final = 0.1
"""A timestamp that steps back by no more is jitter; one that steps back further is of another clock."""

_MAX_STEP: Final = round(MAX_STEP_S * CLOCK_HZ)
_MAX_JITTER: Final = round(MAX_JITTER_S * CLOCK_HZ)
_MAX_DISAGREEMENT: Final = MAX_DISAGREEMENT_S * CLOCK_HZ


class MediaClock:
    """Maps `media_time` by adding an offset, which changes only where the source's clock jumped.

    The timeline starts at 0 and does not wrap: the stream adds its random RTP offset (RFC 3550 5.1).
    """

    def __init__(self) -> None:
        self._offset: int | None = None  # position = media_time + offset; None before the first frame
        self._latest = 0  # the greatest position handed out
        self._before_latest = 0  # what it was before
        self._previous_now = 0.0

    def advance(self, media_time: int, now: float, *, reordered: bool = False, restarted: bool = False) -> int:
        """Return a frame's position on the timeline, in 90 kHz ticks; `now` is in monotonic seconds.

        The increments of a regular source are kept exactly. If the source `restarted`, or its clock stepped back or
        leapt more than MAX_STEP_S ahead in less time, the position advances from the latest one by the time that passed
        in `now`, at least one tick. If the timestamp repeats or steps back by jitter, the position advances by one
        tick. So positions always increase, except that of a `reordered` frame (shown before one that came earlier),
        which stays where its timestamp puts it.
        """
        elapsed_s, self._previous_now = now - self._previous_now, now
        if self._offset is None:
            self._offset = -media_time
            return 0
        position = media_time + self._offset
        step = position - self._latest
        earliest = self._before_latest - _MAX_STEP if reordered else self._latest - _MAX_JITTER
        is_ahead = step > _MAX_STEP and abs(step - elapsed_s * CLOCK_HZ) > _MAX_DISAGREEMENT
        if restarted or is_ahead or position < earliest:
            position = self._latest + max(1, round(elapsed_s * CLOCK_HZ))
            self._offset = position - media_time
        elif step <= 0 and not reordered:
            position = self._latest + 1
        if position > self._latest:
            self._before_latest, self._latest = self._latest, position
        return position
