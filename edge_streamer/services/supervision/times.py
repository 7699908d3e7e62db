"""Latencies of frames and of starts over all sources, which the outputs measure and `app` exports.

The latency from encoder to loop, which is measured for each stream, is in `output`.
"""

from typing import Final

from edge_streamer.codec.frame import EncodedFrame
from edge_streamer.media.track import believed_age_s
from edge_streamer.runtime.turns import TimeHistogram

HANDOFF_BOUNDS_S: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
CAPTURE_BOUNDS_S: Final = (0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15, 0.2, 0.5, 1.0)
"""A frame at 30 fps takes up to 33 ms to expose and as long again to encode."""
FIRST_FRAME_BOUNDS_S: Final = (0.1, 0.2, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
"""A camera and its encoder take one to three seconds to start."""


class SourceTimes:
    """`capture_to_send`: from the exposure until the frame has been given to the socket of each viewer. `first_frame`:
    from the demand for a source that was off to its first frame."""

    __slots__ = ("capture_to_send", "first_frame")

    def __init__(self) -> None:
        self.capture_to_send = TimeHistogram(CAPTURE_BOUNDS_S)
        self.first_frame = TimeHistogram(FIRST_FRAME_BOUNDS_S)

    def note_sent(self, frame: EncodedFrame, now: float) -> None:
        """Count a frame that was just given to all its viewers."""
        add_age(self.capture_to_send, frame.captured_ns, now)


def add_age(times: TimeHistogram, instant_ns: int, now: float) -> None:
    """Count the age of a source's timestamp unless it is implausible, which would spoil the histogram's sum."""
    age_s = believed_age_s(instant_ns, now)
    if age_s is not None:
        times.add(age_s)
