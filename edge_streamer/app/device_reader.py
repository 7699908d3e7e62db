"""What this device is, read again every half minute in a thread, and handed to the loop.

Reading may block on a slow or broken SD card, and the loop must not block. While a read hangs, no other begins, and
what was read before stays in effect. Called by `app`; `device.info` reads.
"""

import logging
from collections.abc import Callable
from typing import Final

import msgspec

from edge_streamer.app.in_thread import call_in_thread
from edge_streamer.device.info import DeviceInfo
from edge_streamer.runtime.loop import Loop

log = logging.getLogger(__name__)

READ_EVERY_S: Final = 30.0


class DeviceReader:
    """Keeps the newest answer of `read`, which is called in a thread."""

    def __init__(self, loop: Loop, read: Callable[[], DeviceInfo]) -> None:
        self._loop = loop
        self._read = read
        self._newest = DeviceInfo()
        self._read_at = loop.now()

    def start(self) -> None:
        """Read now, and again `READ_EVERY_S` after each answer. Until the first answer everything is unknown."""
        call_in_thread(self._loop, "device", self._read_once, self._take)

    def info(self) -> DeviceInfo:
        """Return what was read last, with the uptime of now."""
        uptime_s = self._newest.uptime_s
        if uptime_s is None:
            return self._newest
        return msgspec.structs.replace(self._newest, uptime_s=uptime_s + self._loop.now() - self._read_at)

    def _read_once(self) -> DeviceInfo | None:
        """In the thread."""
        try:
            return self._read()
        except Exception:
            log.exception("what this device is could not be read")
            return None

    def _take(self, found: DeviceInfo | None) -> None:
        if found is not None:
            self._newest = found
            self._read_at = self._loop.now()
        self._loop.call_later(READ_EVERY_S, self.start)
