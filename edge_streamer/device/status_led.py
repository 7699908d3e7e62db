"""The board's status LED, blinked by the kernel: one pattern for each state of the service.

The kernel's `timer` trigger blinks by itself (Linux, Documentation/leds/leds-class.rst): a state costs two writes when
it begins, and nothing while it lasts. A board without that LED, or whose LED this user may not write, runs all the
same, and the journal is told once. On a device image, udev has set the trigger and given the files to group `video`
(`deploy/image/root`); elsewhere the service needs the right to write the LED's folder.

`services.led_reports` decides which state it is. The writes ask the LED's driver, which answers within microseconds.
"""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

_TRIGGER: Final = "timer"


class LedState(Enum):
    """The states that a person can tell apart from across a room."""

    STARTING = "starting"
    STREAMING = "streaming"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Blink:
    """How long the LED is lit and how long it is dark, again and again."""

    on_ms: int
    off_ms: int


BLINKS: Final[Mapping[LedState, Blink]] = {
    LedState.STARTING: Blink(500, 500),
    LedState.STREAMING: Blink(50, 2950),
    LedState.FAULT: Blink(100, 100),
}
"""Slow and even; a short flash every three seconds; fast. docs/boards.md has the table for people."""


class StatusLed:
    """The LED whose folder of sysfs is `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._is_refused = False

    def show(self, state: LedState) -> None:
        """Blink for this state. Called when the state changes, since a write begins the pattern anew."""
        blink = BLINKS[state]
        try:
            if f"[{_TRIGGER}]" not in (self._folder / "trigger").read_text().split():
                _write(self._folder / "trigger", _TRIGGER)
            _write(self._folder / "delay_on", str(blink.on_ms))
            _write(self._folder / "delay_off", str(blink.off_ms))
        except OSError as error:
            if not self._is_refused:
                log.info("the status LED %s is not used: %s", self._folder, error.strerror or error)
            self._is_refused = True


def _write(file: Path, text: str) -> None:
    """Write to a file that the kernel has; unlike `write_text`, create none."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
