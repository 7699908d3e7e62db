"""Returns freed memory to the system.

A dead reader's backlog is megabytes of frames. After they are freed, glibc keeps their pages, because living objects
lie between them: measured, 43 MB of 75 were never returned. On a board with 512 MB the camera needs them.
"""

import ctypes
from typing import Final

from edge_streamer.runtime.loop import Loop, Timer

WORTH_BYTES: Final = 1 << 20
"""A backlog smaller than this is not worth the trim, which takes about 1 ms for 5 MB and 6 ms for 40 MB."""
DELAY_S: Final = 1.0
"""One trim for all readers of a link that died."""


class MemoryTrimmer:
    """Trims the heap a moment after something large was freed; does nothing where the C library is not glibc."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._timer: Timer | None = None
        self._trim = getattr(ctypes.CDLL(None), "malloc_trim", None)

    def note_freed(self, size_bytes: int) -> None:
        """Plan a trim if `size_bytes`, freed now or at the end of this turn, are worth one."""
        if size_bytes >= WORTH_BYTES and self._trim is not None and self._timer is None:
            self._timer = self._loop.call_later(DELAY_S, self._run)

    def _run(self) -> None:
        self._timer = None
        assert self._trim is not None
        self._trim(0)
