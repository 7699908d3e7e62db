"""The demand for one stream: who wants it, since when a frame is awaited, and whether that has been given up.

Arithmetic on `now` only; held by `output`, asked by the survey.
"""

from typing import Final

from edge_streamer.services.supervision.spec import StreamPolicy


class Demand:
    """The demand for a stream under a `policy`."""

    def __init__(self, policy: StreamPolicy) -> None:
        self.policy: Final = policy
        self._wanted_at = 0.0
        self._demanded_at: float | None = None  # the demand that the first frame answers
        self._awaited_from = 0.0
        self._is_given_up = False

    def want(self, now: float) -> None:
        """A viewer asks for the stream."""
        self._wanted_at = now

    def lingers(self, now: float) -> bool:
        """Whether a viewer asked for it, or watched, less than `linger_s` ago."""
        return now - self._wanted_at < self.policy.linger_s

    def await_frames(self, now: float, *, demanded: bool) -> None:
        """From `now` on frames are due; `demanded` by a viewer who waits for the first."""
        self._awaited_from = now
        self._demanded_at = now if demanded else None

    def forget(self) -> None:
        """The source is off: the next frame answers no demand of before."""
        self._demanded_at = None

    def is_overdue(self, now: float, heard_at: float) -> bool:
        """Whether `give_up_after_s` has passed without a frame; then it begins again, for those who have come since."""
        is_overdue = now - max(heard_at, self._awaited_from) >= self.policy.give_up_after_s
        if is_overdue:
            self._awaited_from = now
        return is_overdue

    def give_up(self) -> bool:
        """Wait no longer; return whether that is new since the last picture."""
        is_first, self._is_given_up = not self._is_given_up, True
        return is_first

    def on_picture(self, now: float) -> float | None:
        """A picture came; return how many seconds after the demand that it answers first, None when it answers none."""
        self._is_given_up = False
        demanded_at, self._demanded_at = self._demanded_at, None
        return None if demanded_at is None else now - demanded_at
