"""The time stamps of a file as times of one continuous clip, in 90 kHz ticks, pass after pass.

A file's stamps are judged by the file itself: a step is as long as its frames last, or it is a break. At a break the
clip goes on as if nothing had happened, one frame later. So decode times always advance, and a pass never takes less
time than its frames last, whatever the stamps say. Arithmetic only; `clip` calls it for each frame.
"""

from enum import Enum
from fractions import Fraction
from typing import Final, NamedTuple

from edge_streamer.codec.frame import CLOCK_HZ

MAX_HOLE_S: Final = 600
"""A hole of a recording up to this long is kept; a longer one is a jump of its clock, and is left out."""
LONG_FRAMES: Final = 4
"""In a file whose frames are minutes apart, a hole of this many frames is kept."""
MIN_STEP: Final = CLOCK_HZ // 1000
"""Frames that are less than a millisecond apart have no times of their own: no camera is as fast."""
MAX_RATE_HZ: Final = CLOCK_HZ // MIN_STEP
MIN_PASS: Final = CLOCK_HZ // 25
"""A pass takes no less: the file is opened for each, and a lone frame of a millisecond took a whole core for that."""

_NEVER: Final = 1 << 62


class Order(Enum):
    """Which frames a frame is shown after."""

    AS_CODED = (
        "after all that came before it: the codec does not reorder, so a presentation time that goes back is wrong"
    )
    REORDERED = "perhaps before one that came earlier"
    AFTER_ALL = "an IDR, after all that came before it"


class ClipTimes(NamedTuple):
    """When a frame is decoded and shown, and how long it lasts."""

    decode: int
    presentation: int
    duration: int


class Timeline:
    """Places the frames of a clip; `breaks` counts the stamps that do not go on, `leaps` those that go on too far."""

    def __init__(self, time_base: Fraction, rate_hz: Fraction) -> None:
        """`time_base`: seconds a tick of the file; `rate_hz`: frames a second where frames do not say how long they
        last."""
        media_ticks = CLOCK_HZ * time_base
        self._numerator, self._denominator = media_ticks.numerator, media_ticks.denominator
        self._frame_ticks: Final = round(CLOCK_HZ / rate_hz)
        self._longest_step: Final = max(MAX_HOLE_S * CLOCK_HZ, LONG_FRAMES * self._frame_ticks)
        self._shift = self._pass_shift = 0
        self._decode = -_NEVER
        self._duration = 0
        self._newest = -_NEVER
        self._begin, self._end = _NEVER, -_NEVER
        self.breaks = self.leaps = 0

    @property
    def longest_step_s(self) -> float:
        """The longest hole that is kept."""
        return self._longest_step / CLOCK_HZ

    def begin_pass(self) -> None:
        """Go on where the last frame of the pass before was over: its stamps come again."""
        if self._end > self._begin:
            self._pass_shift = self._shift = self._pass_shift + max(self._end - self._begin, MIN_PASS)
        self._begin, self._end = _NEVER, -_NEVER

    def place(self, decode_stamp: int, presentation_stamp: int | None, stamps_long: int, order: Order) -> ClipTimes:
        """Return the times of a frame with these stamps of the file; `stamps_long` is its duration, 0 if unknown."""
        numerator, denominator = self._numerator, self._denominator
        stamp = decode_stamp * numerator // denominator
        duration = stamps_long * numerator // denominator
        if not MIN_STEP <= duration <= self._longest_step:
            duration = self._frame_ticks
        decode = stamp + self._shift
        if not MIN_STEP <= decode - self._decode <= self._longest_step:
            decode = self._mend(stamp)
        presentation = decode
        if presentation_stamp is not None and presentation_stamp > decode_stamp:
            presentation = min(presentation_stamp * numerator // denominator + self._shift, decode + self._longest_step)
        if presentation <= self._newest and order is not Order.REORDERED:
            ahead = self._newest - presentation + (self._duration if order is Order.AFTER_ALL else 1)
            presentation += ahead
            if order is Order.AFTER_ALL:
                decode += ahead
                self._shift += ahead
        self._decode, self._duration = decode, duration
        self._newest = max(self._newest, presentation)
        self._begin = min(self._begin, presentation)
        self._end = max(self._end, presentation + duration)
        return ClipTimes(decode, presentation, duration)

    def _mend(self, stamp: int) -> int:
        """Return the decode time of a frame whose stamp is no step on from the last; the stamps after it follow."""
        if self._decode == -_NEVER:
            return stamp + self._shift  # the first frame
        if stamp + self._shift > self._decode + MIN_STEP:
            self.leaps += 1
        else:
            self.breaks += 1
        decode = self._decode + self._duration
        self._shift = decode - stamp
        return decode
