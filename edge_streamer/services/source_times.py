"""How long frames and viewers have waited, over all sources: what the supervisors measure and `app` exports."""

from typing import Final

from edge_streamer.runtime.turns import TimeHistogram

HANDOFF_BOUNDS_S: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
CAPTURE_BOUNDS_S: Final = (0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15, 0.2, 0.5, 1.0)
"""A frame at 30 a second is exposed for up to 33 ms and encoded for as long again."""
FIRST_FRAME_BOUNDS_S: Final = (0.1, 0.2, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
"""A camera and its encoder take one to three seconds to start."""


class SourceTimes:
    """`handoff`: from the encoder to the loop. `capture_to_send`: from the exposure until the frame has been given to
    the socket of each viewer. `first_frame`: from the demand for a source that was off to its first frame."""

    __slots__ = ("capture_to_send", "first_frame", "handoff")

    def __init__(self) -> None:
        self.handoff = TimeHistogram(HANDOFF_BOUNDS_S)
        self.capture_to_send = TimeHistogram(CAPTURE_BOUNDS_S)
        self.first_frame = TimeHistogram(FIRST_FRAME_BOUNDS_S)
