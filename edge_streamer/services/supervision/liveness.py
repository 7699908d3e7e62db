"""Whether a source's process gives pictures with which the viewers of one output can be served, and since when not.

Such a picture is a start point (an IDR or a recovery point), with SPS and PPS known, or follows one. `output` takes
note of what comes; `watchdog`, `survey` and status ask. Arithmetic on `now` only: no timer.
"""

from typing import Final

from edge_streamer.media.stream import Stream
from edge_streamer.protocol.rtp.packets import PacketizedFrame
from edge_streamer.services.supervision.encoder import OutputEncoder
from edge_streamer.services.supervision.restarts import SILENCE_EXTRA_S, SILENCE_FRAMES

UNKNOWN_FPS: Final = 1.0
UNSERVABLE_LIMIT_S: Final = 30.0
"""How long frames may come with which no viewer can be served: three groups of pictures of a camera that sends its
parameter sets every 10 s."""
FIRST_PICTURE_S: Final = 3.0
"""A camera that is off needs up to three seconds for its first picture: only then is it overdue. DESCRIBE waits 5 s."""
SETTLE_S: Final = 0.75
"""A picture is overdue when the source has been silent for this long beyond its limit: the watchdog has ended a silent
process by then, so the reason is known, and a process that was killed has usually been replaced."""
_NO_PARAMETER_SETS: Final = "its frames come without SPS and PPS, so that no viewer can be served"
_NO_START_POINT: Final = "its frames have no IDR picture and no recovery point, so that no viewer can start"


class Liveness:
    """`is_live`: since the process was started, a picture has come with which a viewer can be served.
    `unservable_since`: when the first picture came, while none of them was such; else None. `prepared_at`: when a
    process that serves no viewer yet last gave a picture, or reported that it waits for its first; `waited_at`: when it
    last reported that its next frame is not due yet."""

    def __init__(self, stream: Stream, encoder: OutputEncoder) -> None:
        self.is_live = False
        self.unservable_since: float | None = None
        self.prepared_at = 0.0
        self.waited_at = 0.0
        self._stream = stream
        self._encoder = encoder
        self._served_until = 0.0  # by the processes before the present one

    # --- what happens

    def on_ended(self) -> None:
        """Called when the process has ended, or was told to end: nothing of it is taken any more."""
        if self.is_live:
            self._served_until = self._stream.last_frame_at
        self.is_live = False
        self.unservable_since = None

    def on_waiting(self, now: float) -> None:
        """Note that the process waits: its next frame, or its first, is not due yet."""
        if self.is_live:
            self.waited_at = now
        else:
            self.prepared_at = now

    def take(self, published: PacketizedFrame, now: float) -> bool:
        """Note a picture that was published; return whether viewers can be served."""
        if not self.is_live and published.is_key_frame and self._stream.track.parameter_sets is not None:
            self.is_live, self.unservable_since = True, None
        self.take_useless(now)
        return self.is_live

    def take_useless(self, now: float) -> None:
        """Note a picture with which a viewer cannot begin; without effect when viewers can be served."""
        if not self.is_live:
            self.unservable_since = self.unservable_since or now
            self.prepared_at = now

    # --- silence

    @property
    def heard_at(self) -> float:
        """When the source last sent a frame for viewers of this output, or reported that none is due."""
        return max(self._stream.last_frame_at if self.is_live else self._served_until, self.waited_at)

    def silence_limit_s(self) -> float:
        """Return how long the output may be silent before its process counts as failed."""
        return SILENCE_FRAMES / (self._encoder.nominal_fps or UNKNOWN_FPS) + SILENCE_EXTRA_S

    def is_up(self, now: float) -> bool:
        """Whether viewers can be served, and the source is not silent."""
        return self.is_live and now - self.heard_at <= self.silence_limit_s()

    def missing_since(self, now: float, awaited_from: float, *, has_failed: bool) -> float | None:
        """Return since when a picture is missing that is overdue by now; None when none is. `awaited_from`: when a
        picture began to be wanted; `has_failed`: the process has, since it was last up."""
        heard_at = self.heard_at
        if heard_at >= awaited_from:
            return heard_at if now - heard_at > self.silence_limit_s() + SETTLE_S else None
        return awaited_from if has_failed or now - awaited_from >= FIRST_PICTURE_S else None

    # --- pictures with which no viewer can be served

    def start_deadline(self) -> float | None:
        """Return until when a process that has given pictures must have given one with which a viewer can be served, or
        another one at all; None before its first picture."""
        if self.unservable_since is None:
            return None
        return min(self.unservable_since + UNSERVABLE_LIMIT_S, self.prepared_at + self.silence_limit_s())

    def is_unservable(self, now: float) -> bool:
        """Whether pictures have come for too long with which no viewer can be served."""
        return self.unservable_since is not None and now >= self.unservable_since + UNSERVABLE_LIMIT_S

    def why_unservable(self) -> str:
        """Return why no viewer can be served although pictures come; empty when they do not, or one can."""
        if self.unservable_since is None:
            return ""
        return _NO_PARAMETER_SETS if self._stream.track.parameter_sets is None else _NO_START_POINT
