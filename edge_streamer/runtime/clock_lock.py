"""Whether the system's clock follows a time source, as the kernel knows it (adjtimex(2)).

A program that disciplines the clock (systemd-timesyncd, chrony, ntpd, ptp4l) tells the kernel; without news the kernel
takes it for unsynchronised after some hours. Asked by streams that put UTC into their pictures.
"""

import ctypes
from collections.abc import Callable
from typing import Final

READ_EVERY_S: Final = 1.0
_TIME_ERROR: Final = 5
"""The clock is not synchronised (STA_UNSYNC), or its hardware is at fault."""
_TIMEX_BYTES: Final = 256
"""More than struct timex has on any system: 208 bytes on 64-bit ones, 128 on 32-bit ones."""


def clock_state() -> bool | None:
    """Ask the kernel whether the clock is synchronised; None where it does not answer (a sandbox forbids the call)."""
    only_read = ctypes.create_string_buffer(_TIMEX_BYTES)  # modes 0 changes nothing
    state = int(ctypes.CDLL(None).adjtimex(only_read))
    return state < _TIME_ERROR if state >= 0 else None


def is_synchronised() -> bool:
    """Ask the kernel; False as well where it does not answer."""
    return clock_state() is True


class ClockLock:
    """The answer of `ask`, which is called at most once every `READ_EVERY_S`."""

    def __init__(self, ask: Callable[[], bool] = is_synchronised) -> None:
        self._ask = ask
        self._is_locked = False
        self._read_at = float("-inf")

    def is_locked(self, now: float) -> bool:
        """Return whether the clock follows a time source, as of a second ago at most; `now` in monotonic seconds."""
        if now - self._read_at >= READ_EVERY_S:
            self._read_at = now
            self._is_locked = self._ask()
        return self._is_locked
