"""The demand for one stream: when it was last wanted, since when a frame is due, and whether it has been given up.

Arithmetic on `now` only; held by `output`, which the survey asks.
"""

from typing import Final

from edge_streamer.services.supervision.spec import StreamPolicy


class Demand:
    """The demand for a stream under a `policy`. Frames are due from `awaited_from` on."""

    def __init__(self, policy: StreamPolicy) -> None:
        self.policy: Final = policy
        self._wanted_at = 0.0
        self._demanded_at: float | None = None  # the demand that the first frame answers
        self.awaited_from = 0.0
        self._overdue_from = 0.0  # the same, or the last time when it was overdue
        self._is_given_up = False

    def want(self, now: float) -> None:
        """Note that a viewer asks for the stream, or watches it."""
        self._wanted_at = now

    def lingers(self, now: float) -> bool:
        """Whether a viewer asked for the stream, or watched it, less than `linger_s` ago."""
        return now - self._wanted_at < self.policy.linger_s

    def await_frames(self, now: float, *, demanded: bool) -> None:
        """Note that frames are due from `now` on; `demanded`: a viewer waits for the first one."""
        self.awaited_from = self._overdue_from = now
        self._demanded_at = now if demanded else None

    def forget(self) -> None:
        """Forget the demand when the source is turned off: a later frame does not answer it."""
        self._demanded_at = None

    def is_overdue(self, now: float, heard_at: float) -> bool:
        """Whether `give_up_after_s` has passed without a frame; if so, the time starts again, for later viewers."""
        is_overdue = now - max(heard_at, self._overdue_from) >= self.policy.give_up_after_s
        if is_overdue:
            self._overdue_from = now
        return is_overdue

    def give_up(self) -> bool:
        """Note that the stream is given up; return whether this is the first time since the last picture."""
        is_first, self._is_given_up = not self._is_given_up, True
        return is_first

    def on_picture(self, now: float) -> float | None:
        """Note a picture; return the seconds since the demand, if this is the first picture after one, else None."""
        self._is_given_up = False
        demanded_at, self._demanded_at = self._demanded_at, None
        return None if demanded_at is None else now - demanded_at
