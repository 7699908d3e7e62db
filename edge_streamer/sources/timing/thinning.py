"""Which of a camera's frames an output takes, so that any rate up to the camera's is made by leaving frames out.

Arithmetic only, on the time stamps of the exposures; one pace for each output, used by `picamera2.lane` and `v4l2.raw`.
"""

from typing import Final

_PULL: Final = 16
"""A frame moves the schedule by a sixteenth of how early or late it is: a sensor that is up to 3 % faster than its
output is followed without a gap, and the rate stays true to a percent."""


SAME_RATE: Final = 0.005
"""Rates that differ by less are one: 29.97 and 30, and what a driver rounds."""


class FramePace:
    """The schedule of one output; a frame is taken when it is the nearest to its instant that the sensor will give."""

    def __init__(self, fps: float, camera_fps: float | None = None) -> None:
        """`camera_fps` where it is known: a camera that is no faster has every frame taken, however uneven they are."""
        self._interval_ns = round(1e9 / fps)
        self._takes_all = camera_fps is not None and fps >= camera_fps * (1 - SAME_RATE)
        self._due_ns: int | None = None
        self._newest_ns = 0

    def takes(self, sensor_ns: int) -> bool:
        """Say whether to encode the frame of this instant; frames come in the order of time."""
        if self._takes_all:
            return True
        sensor_interval_ns = sensor_ns - self._newest_ns
        self._newest_ns = sensor_ns
        if self._due_ns is None:
            self._due_ns = sensor_ns + self._interval_ns
            return True
        early_ns = self._due_ns - sensor_ns
        if early_ns > min(sensor_interval_ns, self._interval_ns) // 2:
            return False
        if -early_ns > self._interval_ns:  # the camera paused: no burst to make up for it
            self._due_ns = sensor_ns + self._interval_ns
        else:
            self._due_ns += self._interval_ns - early_ns // _PULL
        return True
