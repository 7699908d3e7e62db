"""The way of log records to standard error, which never waits: a pipe that nobody drains must not stop the service.

Made by `app`. O_NONBLOCK would do, but it belongs to the open file, not to us: a terminal shares it with the shell. So
each write is asked for with `poll` and no larger than what a pipe that is writable takes at once (pipe(7)).
"""

import logging
import os
import select
from typing import Final

CHUNK_BYTES: Final = select.PIPE_BUF
MAX_RECORD_BYTES: Final = 8 * CHUNK_BYTES
"""A traceback of some two hundred frames, and half of what a pipe holds."""


class StderrHandler(logging.Handler):
    """Writes to `descriptor` what it takes; counts the records it does not take, and says so when it does again."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)
        self._dropped_records = 0
        self._is_torn = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record, or count it. What formatting raises is a mistake of the caller and goes to it."""
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
        return end_of_torn_line + f"{self._dropped_records} log lines dropped: nobody read them\n".encode()

    def _write(self, chunk: bytes) -> bool:
        if not any(events & select.POLLOUT for _descriptor, events in self._poll.poll(0)):
            return False
        try:
            os.write(self._descriptor, chunk)
        except OSError:  # whoever read it is gone
            return False
        return True
