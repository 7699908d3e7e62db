"""The handler that sends log records with their fields to systemd's journal; the fallback is `stderr` with priorities.

`app` asks for a handler at its start. This module speaks the journal's native protocol in twenty lines. The protocol is
declared stable (systemd's "Native Journal Protocol"), and systemd-python's `sendv` blocks: when journald is stopped or
slow, its socket fills up, and the loop with every viewer on it would stand still. Here a datagram that finds no room is
dropped and counted, as `stderr` does with lines for a full pipe. The protocol sends messages larger than a datagram
through a sealed memfd; here they are cut well below that size instead.
"""

import logging
import os
import socket
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TextIO

from edge_streamer.logs.fields import Event
from edge_streamer.logs.stderr import StderrHandler
from edge_streamer.logs.text import PriorityFormatter, TerminalFormatter, priority, record_lines

JOURNAL_SOCKET: Final = "/run/systemd/journal/socket"
IDENTIFIER: Final = "edge_streamer"
"""SYSLOG_IDENTIFIER: what `journalctl -t` takes, the same as the unit's."""
MAX_MESSAGE_BYTES: Final = 16 << 10
"""A traceback of some hundred frames. An event's fields come to less, and both together fit in a datagram."""

_SIZE_BYTES: Final = 8


def new_log_handler(
    stderr: TextIO | None, environment: Mapping[str, str], journal_socket: str = JOURNAL_SOCKET
) -> logging.Handler:
    """Return the handler: for the journal where standard error is connected to it, else for standard error, else none.

    `stderr` is None where it was closed at the start: its descriptor number may then belong to any other file.
    """
    if stderr is None:
        return logging.NullHandler()
    is_journal = leads_to_journal(stderr.fileno(), environment)
    if is_journal and os.access(journal_socket, os.W_OK):
        return JournalHandler(journal_socket)
    handler = StderrHandler(stderr.fileno())
    handler.setFormatter(PriorityFormatter() if is_journal else TerminalFormatter())
    return handler


def leads_to_journal(descriptor: int, environment: Mapping[str, str]) -> bool:
    """Whether systemd connected `descriptor` to the journal: JOURNAL_STREAM is its device and inode (systemd.exec(5)).

    The variable alone proves nothing: a unit that starts this service with a pipe for its output hands the variable on.
    """
    status = os.fstat(descriptor)
    return environment.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


class JournalHandler(logging.Handler):
    """Sends records to the journal without blocking; dropped records are counted and reported with the next one."""

    def __init__(self, path: str = JOURNAL_SOCKET) -> None:
        super().__init__()
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._dropped_records = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Send the record, or count it as dropped. An exception in formatting is the caller's mistake and reaches
        it."""
        if self._send_apology() and self._send(_record_fields(record)):
            return
        self._dropped_records += 1

    def _send_apology(self) -> bool:
        if not self._dropped_records:
            return True
        text = f"{self._dropped_records} log records dropped: the journal did not take them"
        is_sent = self._send(_message_fields(text, logging.WARNING))
        if is_sent:
            self._dropped_records = 0
        return is_sent

    def _send(self, fields: Iterable[tuple[str, str]]) -> bool:
        try:
            # By its path each time: a journal that was started anew is another socket.
            self._socket.sendto(b"".join(_encoded(*field) for field in fields), self._path)
        except OSError:  # full, or journald is restarting
            return False
        return True

    def close(self) -> None:
        """Give back the descriptor."""
        self._socket.close()
        super().close()


def _record_fields(record: logging.LogRecord) -> Iterator[tuple[str, str]]:
    yield from _message_fields("\n".join(record_lines(record)), record.levelno)
    yield "LOGGER", record.name
    yield "CODE_FILE", record.pathname
    yield "CODE_LINE", str(record.lineno)
    yield "CODE_FUNC", record.funcName or ""
    if isinstance(record.msg, Event):
        yield "MESSAGE_ID", record.msg.message_id
        yield from record.msg.journal_fields()


def _message_fields(text: str, level: int) -> Iterator[tuple[str, str]]:
    yield "MESSAGE", text
    yield "PRIORITY", str(priority(level))
    yield "SYSLOG_IDENTIFIER", IDENTIFIER


def _encoded(name: str, value: str) -> bytes:
    """Return a field: a line, or with its size before it where the value has lines of its own."""
    data = value.encode(errors="backslashreplace")[:MAX_MESSAGE_BYTES]
    if b"\n" not in data:
        return b"%b=%b\n" % (name.encode(), data)
    return b"%b\n%b%b\n" % (name.encode(), len(data).to_bytes(_SIZE_BYTES, "little"), data)
