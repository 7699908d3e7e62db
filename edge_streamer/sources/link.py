"""The connection to the server: frames and notes out, commands in, over one inherited socketpair.

The link never blocks the source: bytes that the kernel does not take are queued up to a limit, and beyond the limit
whole access units are dropped up to the next key frame; their number is reported when the server reads again. A message
is completed before the next begins, so the server never sees a torn frame. The end of the socket, in either direction,
raises `SourceStopped`: a source ends with its server. Wire format: `protocol.source.messages`. Used by `__main__` and
the kinds.
"""

import select
import socket
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Protocol

from edge_streamer.codec.frame import MAX_ACCESS_UNIT_BYTES, EncodedFrame
from edge_streamer.protocol.source.messages import (
    MAX_NOTE_BYTES,
    MAX_SNAPSHOT_BYTES,
    SourceCommand,
    encode_frame_header,
    encode_note,
    encode_snapshot_header,
)
from edge_streamer.sources.ending import SourceStopped

SEND_BUFFER_BYTES: Final = 1 << 20
MAX_UNSENT_BYTES: Final = 1 << 20
"""Frames are queued while fewer bytes than this wait, because SO_SNDBUF may be capped at 208 KiB (net.core.wmem_max):
then one key frame of `main` fills it at the instant when the key frame of `sub` is due."""
MAX_UNSENT_WITH_NOTES_BYTES: Final = MAX_UNSENT_BYTES + max(MAX_ACCESS_UNIT_BYTES, MAX_SNAPSHOT_BYTES) + MAX_NOTE_BYTES
"""Notes, above all the reason of a failure, still find room behind the largest message that the first limit admits."""
MAX_COMMAND_BYTES: Final = 4096
_MAX_BUFFERS_A_CALL: Final = 64  # far below IOV_MAX (1024)


class Link(Protocol):
    """The receiver of a source's frames: the server, or a pipe."""

    def wait(self, until_ns: int, wake_fd: int | None = None, /) -> list[SourceCommand]:
        """Return the commands that came, or none at `until_ns` of CLOCK_MONOTONIC or when `wake_fd` is readable (a
        camera's descriptor, an encoder thread's eventfd); SourceStopped at the end."""

    def send_frame(self, output: int, frame: EncodedFrame, /) -> None:
        """Send a frame, or drop and count it; the link to a server never blocks."""

    def send_note(self, output: int, **values: Any) -> None:
        """Report what happened to the receiver; `event` names it."""

    def send_snapshot(self, output: int, jpeg: bytes, /) -> None:
        """Send a JPEG that the command `snapshot` asked for."""

    def wants_key_frame(self, output: int, /) -> bool:
        """Whether a key frame now would end a gap of dropped frames."""

    def finish(self, within_s: float, /) -> None:
        """Deliver the bytes that wait, for at most `within_s` seconds."""


@dataclass(slots=True)
class _Gate:
    """One output's gap: it begins with a frame that found no room and ends with the next key frame that finds room."""

    dropped_frames: int = 0
    is_closed: bool = False


class ServerLink:
    """The source process's end of the socketpair."""

    def __init__(self, fd: int, outputs: int) -> None:
        self._socket = socket.socket(fileno=fd)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self._unsent: deque[memoryview] = deque()
        self._unsent_bytes = 0
        self._line = bytearray()
        self._gates = [_Gate() for _ in range(outputs)]

    def wait(self, until_ns: int, wake_fd: int | None = None) -> list[SourceCommand]:
        """Return the commands that came, or none at `until_ns` of CLOCK_MONOTONIC or when `wake_fd` is readable;
        SourceStopped at the end."""
        while ready := self._poll_until(until_ns, select.POLLIN, wake_fd):
            events = ready.get(self._socket.fileno(), 0)
            if events & select.POLLOUT:
                self._flush()
            if events & ~select.POLLOUT and (commands := self._read_commands()):
                return commands
            if wake_fd in ready:
                return []
        return []

    def send_frame(self, output: int, frame: EncodedFrame) -> None:
        """Queue a frame, or drop it when too much is queued, and then every frame up to the output's next key frame."""
        gate = self._gates[output]
        if not self._has_room() or (gate.is_closed and not frame.is_key_frame):
            gate.is_closed = True
            gate.dropped_frames += 1
            return
        if gate.is_closed:
            self.send_note(output, event="dropped", frames=gate.dropped_frames)
            self._gates[output] = _Gate()
        self._put(encode_frame_header(output, frame), frame.data)

    def send_note(self, output: int, **values: Any) -> None:
        """Send a note; it is lost only if the server has not read for so long that the queue is full for notes too."""
        if self._unsent_bytes < MAX_UNSENT_WITH_NOTES_BYTES:
            self._put(encode_note(output, **values))

    def send_snapshot(self, output: int, jpeg: bytes) -> None:
        """Send a JPEG, or a note `unsupported` when there is no room for it or its size is not allowed."""
        if not 0 < len(jpeg) <= MAX_SNAPSHOT_BYTES:
            reason = f"the JPEG has {len(jpeg)} bytes (allowed: 1 to {MAX_SNAPSHOT_BYTES})"
        elif not self._has_room():
            reason = "the server does not read"
        else:
            self._put(encode_snapshot_header(output, jpeg), jpeg)
            return
        self.send_note(output, event="unsupported", command="snapshot", reason=reason)

    def wants_key_frame(self, output: int) -> bool:
        """Whether the server reads again after frames of this output were dropped."""
        return self._gates[output].is_closed and self._has_room()

    def finish(self, within_s: float) -> None:
        """Write the bytes that wait, for at most `within_s` seconds, and close."""
        until_ns = time.monotonic_ns() + int(within_s * 1e9)
        try:
            while self._unsent and self._poll_until(until_ns, 0):
                self._flush()
        except SourceStopped:
            pass
        self._unsent.clear()
        self._socket.close()

    def _has_room(self) -> bool:
        return self._unsent_bytes < MAX_UNSENT_BYTES

    def _put(self, *parts: bytes) -> None:
        size_bytes = sum(map(len, parts))
        sent_bytes = 0 if self._unsent else self._send(parts)
        if sent_bytes != size_bytes:  # rare: the server reads as fast as a source writes
            self._unsent.extend(map(memoryview, parts))
            self._unsent_bytes += size_bytes
            self._forget(sent_bytes)
            self._flush()

    def _flush(self) -> None:
        while self._unsent and (sent_bytes := self._send(list(islice(self._unsent, _MAX_BUFFERS_A_CALL)))):
            self._forget(sent_bytes)

    def _send(self, parts: Sequence[bytes | memoryview]) -> int:
        """Return how many bytes the kernel took, 0 when it takes none now."""
        try:
            return self._socket.sendmsg(parts)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise SourceStopped(f"the server is gone: {error}") from None

    def _forget(self, sent_bytes: int) -> None:
        self._unsent_bytes -= sent_bytes
        while self._unsent and sent_bytes >= len(self._unsent[0]):
            sent_bytes -= len(self._unsent.popleft())
        if sent_bytes:
            self._unsent[0] = self._unsent[0][sent_bytes:]

    def _poll_until(self, until_ns: int, events: int, wake_fd: int | None = None) -> dict[int, int]:
        """Return the ready descriptors with their events, none when `until_ns` came first. `poll` rounds up to a
        millisecond."""
        poll = select.poll()
        poll.register(self._socket, events | (select.POLLOUT if self._unsent else 0))
        if wake_fd is not None:
            poll.register(wake_fd, select.POLLIN | select.POLLPRI)
        left_ms = max(0.0, (until_ns - time.monotonic_ns()) / 1e6)
        return dict(poll.poll(left_ms))

    def _read_commands(self) -> list[SourceCommand]:
        try:
            data = self._socket.recv(MAX_COMMAND_BYTES)
        except BlockingIOError:
            return []
        except OSError as error:
            raise SourceStopped(f"the server is gone: {error}") from None
        if not data:
            raise SourceStopped("the server closed the socket")
        self._line += data
        *lines, self._line = self._line.split(b"\n")
        if len(self._line) > MAX_COMMAND_BYTES:
            raise SourceStopped("the server wrote a command without an end")
        return [command for line in lines if (command := self._decode(bytes(line)))]

    def _decode(self, line: bytes) -> SourceCommand | None:
        try:
            command = SourceCommand.decode(line)
        except ValueError:
            self.send_note(
                0,
                event="unsupported",
                command=line[:64].decode(errors="replace"),
                reason="it is no command of a source",
            )
            return None
        if command.command == "stop":
            raise SourceStopped("the server said stop")
        if not 0 <= command.output < len(self._gates):
            self.send_note(0, event="unsupported", command=command.command, reason="there is no such output")
            return None
        return command
