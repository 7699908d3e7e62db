"""What the status LED shows, and when.

STARTING   until every wanted stream is up, but for 30 s after the start at most.
STREAMING  every wanted stream is up. One on demand without viewers is not wanted: a device whose streams all rest
           is well too.
FAULT      a wanted stream is down, no stream is configured, the last reload was refused, or the settings on the card
           have a mistake. When the service has ended, its unit sets this state (`deploy/image`).

The state is looked at once a second and shown when it has changed. `app` makes the reporter for a board whose profile
names an LED; `device.status_led` blinks.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from edge_streamer.device.status_led import LedState, StatusLed
from edge_streamer.runtime.loop import Loop
from edge_streamer.services.status import StreamStatus

LOOK_EVERY_S: Final = 1.0
START_WITHIN_S: Final = 30.0
"""Enough for the slowest board, which loads picamera2 while the rest of the system starts."""


@dataclass(frozen=True, slots=True)
class LedFacts:
    """What the reporter does not know itself. `has_mistakes`: the settings on the card are not all in effect."""

    streams: Sequence[StreamStatus]
    has_mistakes: bool


def led_state(facts: LedFacts, *, is_starting: bool, is_refused: bool) -> LedState:
    """Return the state to show. While the service starts, a stream may be down without a fault; `is_refused`: the last
    reload was."""
    if facts.has_mistakes or is_refused or not facts.streams:
        return LedState.FAULT
    if not any(stream.is_failing for stream in facts.streams):
        return LedState.STREAMING
    return LedState.STARTING if is_starting else LedState.FAULT


class LedReporter:
    """Shows the state of the service on `led`. `observe` returns the present facts."""

    def __init__(self, loop: Loop, led: StatusLed, observe: Callable[[], LedFacts]) -> None:
        self._loop = loop
        self._led = led
        self._observe = observe
        self._shown: LedState | None = None
        self._starts_until = float("inf")
        self._is_refused = False
        self._has_left = False

    def start(self) -> None:
        """Show the state from now on. Called when the sources have been started."""
        self._starts_until = self._loop.now() + START_WITHIN_S
        self._show(LedState.STARTING)
        self._loop.call_later(LOOK_EVERY_S, self._look)

    def end_reload(self, *, is_refused: bool) -> None:
        """Note how a reload ended: a refused one is a fault until one is applied."""
        self._is_refused = is_refused

    def leave(self) -> None:
        """Show FAULT: the service ends, and its streams with it."""
        self._has_left = True
        self._show(LedState.FAULT)

    def _look(self) -> None:
        if self._has_left:
            return
        self._loop.call_later(LOOK_EVERY_S, self._look)
        is_starting = self._loop.now() < self._starts_until
        state = led_state(self._observe(), is_starting=is_starting, is_refused=self._is_refused)
        if state is LedState.STREAMING:
            self._starts_until = float("-inf")
        self._show(state)

    def _show(self, state: LedState) -> None:
        if state is not self._shown:
            self._shown = state
            self._led.show(state)
