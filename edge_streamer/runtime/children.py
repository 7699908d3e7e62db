"""A child process on the loop: a socketpair for its data, a pipe for its standard error, a pidfd for its end.

The child gets its end of the socketpair as `--fd N`. When the server dies, for whatever reason, the child reads end of
file from the socketpair and ends: no orphan survives. Nothing here waits for the child.
"""

import os
import signal
import socket
import subprocess
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from edge_streamer.logs.limits import LineBudget, printable
from edge_streamer.runtime.loop import Loop

READ_BYTES: Final = 1 << 16
"""Most frames arrive with one read; from 128 KiB on, the allocator would map and unmap pages for each."""
BUFFER_BYTES: Final = 1 << 20
MAX_LINE_BYTES: Final = 4096
PIPE_BYTES: Final = 1 << 16
"""As much as a pipe holds, so that a final traceback is read whole."""


class ChildDelegate(Protocol):
    """The callbacks of a child's owner."""

    def on_child_data(self, data: bytes) -> None:
        """Take bytes the child wrote to its socketpair."""

    def on_child_complaint(self, line: str) -> None:
        """Take a line of the child's standard error: printable, and within the `LineBudget`."""

    def on_child_ended(self, exit_code: int) -> None:
        """Called once, when the process is reaped and its descriptors are closed. Negative codes are signals."""

    def on_child_fault(self, error: Exception) -> None:
        """End the child: taking its data raised `error`."""


class ChildProcess:
    """One running child; starting it raises OSError when it cannot be started."""

    def __init__(self, loop: Loop, arguments: Sequence[str], delegate: ChildDelegate) -> None:
        self._loop = loop
        self._delegate = delegate
        self._socket, theirs = socket.socketpair()
        try:
            for end in (self._socket, theirs):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
            self._process, self._pidfd = _started(arguments, theirs.fileno())
        except OSError:
            self._socket.close()
            raise
        finally:
            theirs.close()
        assert self._process.stderr is not None
        self._stderr = self._process.stderr
        self._socket.setblocking(False)
        os.set_blocking(self._stderr.fileno(), False)
        self._line = b""
        self._budget = LineBudget(loop.now())
        self._dropped_lines = 0
        self._dropped_last = b""
        self._registrations = [
            loop.register(self._socket, _Callback(self._read_data, self._on_fault)),
            loop.register(self._stderr, _Callback(self._read_complaints, self._on_fault)),
            loop.register(self._pidfd, _Callback(self._reap, self._on_fault)),
        ]

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    def send(self, data: bytes) -> bool:
        """Write a command line; False when the child does not read (a hung child is the watchdog's business)."""
        try:
            return self._socket.send(data) == len(data)
        except OSError:
            return False

    def terminate(self) -> None:
        """Ask it to end (SIGTERM)."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it (SIGKILL): a stopped or hung process has no choice."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self._process.returncode is None:
            self._process.send_signal(number)

    def _read_data(self) -> None:
        try:
            data = self._socket.recv(READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except ConnectionError:
            data = b""
        if data:
            self._delegate.on_child_data(data)
        else:
            self._registrations[0].close()  # the pidfd tells the end; a child that only closes this is caught as silent

    def _read_complaints(self) -> None:
        data = os.read(self._stderr.fileno(), MAX_LINE_BYTES)
        if not data:
            self._registrations[1].close()
            data = b"\n" if self._line else b""  # a last line without its end is a line
        *lines, self._line = (self._line + data).split(b"\n")
        self._line = self._line[-MAX_LINE_BYTES:]
        self._complain(lines)

    def _complain(self, lines: Sequence[bytes]) -> None:
        """Hand on lines within the budget; of the dropped lines the last is kept, since a traceback's last line names
        the error."""
        allowed = self._budget.take(len(lines), self._loop.now())
        if allowed:
            self._tell_dropped_lines()
        for line in lines[:allowed]:
            self._delegate.on_child_complaint(_text(line))
        if allowed < len(lines):
            self._dropped_lines += len(lines) - allowed
            self._dropped_last = lines[-1]

    def _tell_dropped_lines(self) -> None:
        if self._dropped_lines:
            count, self._dropped_lines = self._dropped_lines, 0
            self._delegate.on_child_complaint(f"{count} more lines dropped, the last: {_text(self._dropped_last)}")

    def _reap(self) -> None:
        exit_code = self._process.wait()  # does not block: a readable pidfd is an ended process
        self._read_what_is_left()
        for registration in self._registrations:
            registration.close()
        self._socket.close()
        self._stderr.close()
        os.close(self._pidfd)
        self._tell_dropped_lines()
        self._delegate.on_child_ended(exit_code)

    def _read_what_is_left(self) -> None:
        """Read the child's last note, which says why it ended, before its descriptors are closed."""
        for _ in range(BUFFER_BYTES // READ_BYTES + 1):
            if self._registrations[0].is_open:
                self._read_data()
        try:
            for _ in range(PIPE_BYTES // MAX_LINE_BYTES + 1):
                if self._registrations[1].is_open:
                    self._read_complaints()
        except BlockingIOError:
            pass  # its own child still holds the pipe

    def _on_fault(self, error: Exception) -> None:
        self._delegate.on_child_fault(error)


def _started(arguments: Sequence[str], descriptor: int) -> tuple[subprocess.Popen[bytes], int]:
    """Return the process and its pidfd; when no descriptor is left for the pidfd, the process is ended."""
    process = subprocess.Popen(
        [*arguments, "--fd", str(descriptor)],
        pass_fds=[descriptor],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,  # a terminal's Ctrl-C is for the server, which then ends its children in order
    )
    try:
        return process, os.pidfd_open(process.pid)
    except OSError:
        with process:  # closes the pipe and reaps
            process.kill()
        raise


def _text(line: bytes) -> str:
    return printable(line.decode(errors="replace"))


class _Callback:
    """One readable descriptor, one function."""

    def __init__(self, on_readable: Callable[[], None], on_fault: Callable[[Exception], None]) -> None:
        self.on_readable = on_readable
        self.on_fault = on_fault

    def on_writable(self) -> None:
        raise AssertionError("never asked for")
