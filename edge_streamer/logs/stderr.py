"""The handler that writes log records to standard error without blocking: a full pipe must not stop the service.

`app` makes it. O_NONBLOCK would do, but it belongs to the open file, which a terminal shares with the shell. So each
write is preceded by `poll`, and is no larger than what a writable pipe takes at once (pipe(7)).
"""

import logging
import os
import select
from typing import Final

CHUNK_BYTES: Final = select.PIPE_BUF
MAX_RECORD_BYTES: Final = 8 * CHUNK_BYTES
"""A traceback of some two hundred frames, and half of what a pipe holds."""


class StderrHandler(logging.Handler):
    """Writes to `descriptor` as far as it has room; dropped records are counted and reported with the next one."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)
        self._dropped_records = 0
        self._is_torn = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record, or count it as dropped. An exception in formatting is the caller's mistake and reaches
        it."""
        line = self.format(record).encode(errors="backslashreplace")[:MAX_RECORD_BYTES] + b"\n"
        data = self._apology() + line
        for start in range(0, len(data), CHUNK_BYTES):
            if not self._write(data[start : start + CHUNK_BYTES]):
                self._dropped_records += 1
                return
            if start == 0:
                self._dropped_records = 0
                self._is_torn = True
        self._is_torn = False

    def _apology(self) -> bytes:
        end_of_torn_line = b"\n" if self._is_torn else b""
        if not self._dropped_records:
            return end_of_torn_line
        return end_of_torn_line + f"{self._dropped_records} log lines dropped: standard error took none\n".encode()

    def _write(self, chunk: bytes) -> bool:
        if not any(events & select.POLLOUT for _descriptor, events in self._poll.poll(0)):
            return False
        try:
            os.write(self._descriptor, chunk)
        except OSError:  # the reader of the pipe is gone
            return False
        return True
