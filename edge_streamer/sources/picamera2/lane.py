"""One run of one encoder, seen from both ends: which frames go in, and the event for each access unit that comes out.

`h264`'s encoders call `admit` for each frame of the camera, `h264.LaneOutput` calls `deliver` for each
access unit, both in picamera2's threads: neither blocks or waits. An encoder that is replaced keeps its lane, retired,
so that its last frames cannot mix with its successor's. Knows nothing of picamera2.
"""

import time
from collections import deque
from typing import Final

from edge_streamer.sources.picamera2.clock import CaptureInstant, capture_instant, read_clocks
from edge_streamer.sources.picamera2.mailbox import FrameEncoded, Mailbox
from edge_streamer.sources.timing.thinning import FramePace

MAX_UNDER_WAY: Final = 64
"""Frames that an encoder may hold; picamera2 gives the V4L2 encoder 16 buffers."""


class Lane:
    """The frames inside one encoder. A lane is closed until `open`, so that a successor can start beside it."""

    def __init__(self, output: int, fps: float, mailbox: Mailbox) -> None:
        self._output = output
        self._pace = FramePace(fps)
        self._mailbox = mailbox
        self._under_way: deque[tuple[int, CaptureInstant]] = deque(maxlen=MAX_UNDER_WAY)
        self._is_open = False
        self._waits_for_key_frame = False
        self._lost_frames = 0

    @property
    def frames_inside(self) -> int:
        """How many frames the encoder was given and has not answered."""
        return len(self._under_way)

    def take_lost_frames(self) -> int:
        """Return how many access units found no room since the last call."""
        lost, self._lost_frames = self._lost_frames, 0
        return lost

    def open(self) -> None:
        """Let frames in."""
        self._is_open = True

    def retire(self) -> None:
        """Retire: no frame goes in and no access unit comes out any more."""
        self._is_open = False

    def admit(self, sensor_ns: int, instant: CaptureInstant) -> bool:
        """Say whether to encode the camera's frame of the time stamp `sensor_ns`."""
        if not self._is_open or not self._pace.takes(sensor_ns):
            return False
        self._under_way.append((int(sensor_ns / 1000), instant))  # as picamera2 reckons: after 100 days `//` differs
        return True

    def deliver(self, data: bytes, *, is_key_frame: bool, sensor_us: int) -> None:
        """Post an access unit, with the instant of the frame that it was made of; microseconds as encoders count."""
        instant = self._instant_of(sensor_us)
        if not self._is_open or not self._has_room(is_key_frame=is_key_frame):
            return
        self._mailbox.post(FrameEncoded(self._output, data, is_key_frame, instant, time.monotonic_ns()))

    def _instant_of(self, sensor_us: int) -> CaptureInstant:
        """Forget the frames before: encoders keep the order, and leave one out when the bit rate is very low."""
        while self._under_way and self._under_way[0][0] <= sensor_us:
            frame_us, instant = self._under_way.popleft()
            if frame_us == sensor_us:
                return instant
        return capture_instant(sensor_us * 1000, None, read_clocks())

    def _has_room(self, *, is_key_frame: bool) -> bool:
        """A lost frame costs all up to the next key frame."""
        if self._mailbox.is_full or (self._waits_for_key_frame and not is_key_frame):
            self._waits_for_key_frame = True
            self._lost_frames += 1
            return False
        self._waits_for_key_frame = False
        return True
