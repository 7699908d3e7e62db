"""A TCP connection on the loop: reads are handed on, writes are queued within a budget, closing is posted.

It knows nothing of RTSP or HTTP; services give it a delegate and bytes. The write side has two ways in:

- `send` for replies: they wait only for the frame that is partly on the wire, never for the backlog behind it;
- `send_frame` for media, `send_frame_to_all` for many readers of the same: one `send()` when nothing waits, else the
  image itself is queued, without a copy. The images belong to the stream's frame and are shared by all its readers; a
  queue holds references and, for the one image that is partly on the wire, a memoryview.

What waits counts against `write_limit_bytes`, together with what the kernel still holds (SIOCOUTQ): past it the reader
is dead. Whoever finds a connection dead deep in a call stack calls `close`: the end itself happens in the next turn,
when no frame of the stack can still hold the object.
"""

import socket
from collections import deque
from collections.abc import Callable, Iterable
from itertools import count
from struct import pack
from typing import Any, Final, Protocol

from edge_streamer.runtime.address import host_of, undressed
from edge_streamer.runtime.loop import Loop, Registration, Timer
from edge_streamer.runtime.tcp.close_reason import CloseReason, reason_of
from edge_streamer.runtime.tcp.dead_peer import DeadPeerClock
from edge_streamer.runtime.tcp.info import TcpInfo, held_bytes, read_tcp_info

READ_BYTES: Final = 4096
"""One read per turn and connection: what a flood of one peer can cost the others in a turn. The dearest bytes to parse
are empty `$` frames and pipelined OPTIONS: this many of them take about 10 ms."""
DEFAULT_WRITE_LIMIT_BYTES: Final = 1 << 20
FLUSH_LIMIT_S: Final = 8.0
"""How long the last reply may take to leave: as long as a live reader may stall."""
LINGER_S: Final = 1.0
"""How long a connection that has said its last word waits for the peer to hang up first (a close with unread bytes
would reset the connection and could take the reply with it)."""
DEAD_AFTER_S: Final = 8.0

_connection_ids = count(1)
_GIVEN_UP: Final = {CloseReason.STALLED, CloseReason.BACKLOG}
_RESET: Final = pack("ii", 1, 0)
"""Linger for no time: a FIN to a peer that does not answer would stay in the kernel, with its unsent data, for long."""


class ConnectionDelegate(Protocol):
    """Who a connection belongs to."""

    def on_data(self, data: bytes) -> None:
        """Take bytes of the peer."""

    def on_sent_all(self) -> None:
        """Nothing waits any more; called after a backlog has drained."""

    def on_closed(self, reason: CloseReason) -> None:
        """Let go: the connection is over and its descriptor closed. Called exactly once."""


class TcpConnection:
    """One accepted connection; `connection_id` is never reused."""

    __slots__ = (
        "_acked_bytes",
        "_close_reason",
        "_dead_after_s",
        "_dead_peer",
        "_delegate",
        "_frames",
        "_frames_bytes",
        "_info_at_end",
        "_is_close_posted",
        "_is_closed",
        "_is_finishing",
        "_kernel_bytes_at_end",
        "_loop",
        "_progress_at",
        "_registration",
        "_replies",
        "_socket",
        "_timer",
        "_unfinished",
        "_unfinished_since",
        "_write_limits",
        "connection_id",
        "local_address",
        "on_overflow",
        "peer_address",
        "sent_bytes",
    )

    def __init__(
        self,
        loop: Loop,
        accepted: socket.socket,
        delegate_for: "DelegateFactory",
        dead_after_s: float = DEAD_AFTER_S,
    ) -> None:
        accepted.setblocking(False)
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection_id = next(_connection_ids)
        self.peer_address: Any = undressed(accepted.getpeername())
        self.local_address: Any = undressed(accepted.getsockname())
        self.sent_bytes = 0
        self.on_overflow: Callable[[], None] | None = None  # None: it ends
        self._dead_after_s = dead_after_s
        self._dead_peer = DeadPeerClock(accepted, dead_after_s, loop.now())
        self._acked_bytes = 0
        self._progress_at = 0.0  # when we last saw that more was acknowledged, while something waited
        self._write_limits: list[Callable[[], int]] = []
        self._loop = loop
        self._socket = accepted
        self._replies: deque[bytes] = deque()
        self._frames: deque[tuple[bytes, float]] = deque()
        self._frames_bytes = 0
        self._unfinished: memoryview | None = None  # the rest of the chunk that is partly on the wire
        self._unfinished_since = 0.0
        self._close_reason: CloseReason | None = None
        self._is_close_posted = False
        self._is_finishing = False
        self._is_closed = False
        self._kernel_bytes_at_end = 0
        self._info_at_end: TcpInfo | None = None
        self._timer: Timer | None = None
        self._delegate: ConnectionDelegate = delegate_for(self)
        self._registration: Registration = loop.register(accepted, self)

    @property
    def peer_host(self) -> str:
        """The peer's address without its port."""
        return host_of(self.peer_address)

    @property
    def is_open(self) -> bool:
        """False as soon as the end is decided: nothing is sent or read any more."""
        return self._close_reason is None

    # --- reading

    def on_readable(self) -> None:
        """Read once (the loop is level-triggered) and hand it on."""
        try:
            data = self._socket.recv(READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._finish(reason_of(error))
            return
        if not data:
            self._finish(CloseReason.PEER_CLOSED)
        elif self.is_open:  # one that is finishing reads on, so that its last words are not cut off by a reset
            self._delegate.on_data(data)

    # --- writing

    def send(self, data: bytes) -> None:
        """Send a reply: at once if no frame is partly on the wire, else right after that frame."""
        if not self.is_open or not data:
            return
        self._replies.append(data)
        if self._unfinished is None:
            self.on_writable()
        self._check_backlog()

    def send_frame(self, image: bytes) -> None:
        """Send media. `image` is shared: it is queued by reference, never copied."""
        for _connection, error in send_frame_to_all((self,), image):
            raise error

    def _queue_frame(self, image: bytes) -> None:
        if self.is_open:
            self._frames.append((image, self._loop.now()))
            self._frames_bytes += len(image)
            self._check_backlog()

    def _check_backlog(self) -> None:
        if self._unfinished is not None and self.backlog_bytes > self._write_limit_bytes():
            self._overflow()

    def _overflow(self) -> None:
        """The reader owes more than its budget: it ends, unless a wire knows better."""
        if self.on_overflow is not None:
            self.on_overflow()
        else:
            self.close(CloseReason.BACKLOG)

    def _keep(self, rest: memoryview, since: float) -> None:
        self._unfinished = rest
        self._unfinished_since = self._progress_at = since
        self._registration.want_write(True)

    def on_writable(self) -> None:
        """Send what waits until the kernel takes no more: first the unfinished chunk, then replies, then frames."""
        try:
            while self._next_chunk():
                self._send_unfinished()
        except (BlockingIOError, InterruptedError):
            self._registration.want_write(True)
        except OSError as error:
            self.close(reason_of(error))
        else:
            self._registration.want_write(False)
            self._on_drained()

    def _next_chunk(self) -> bool:
        if self._unfinished is None:
            if self._replies:
                self._unfinished = memoryview(self._replies.popleft())
                self._unfinished_since = self._loop.now()
            elif self._frames:
                image, self._unfinished_since = self._frames.popleft()
                self._frames_bytes -= len(image)
                self._unfinished = memoryview(image)
        return self._unfinished is not None

    def _send_unfinished(self) -> None:
        assert self._unfinished is not None
        sent = self._socket.send(self._unfinished)
        self.sent_bytes += sent
        self._unfinished = self._unfinished[sent:] if sent < len(self._unfinished) else None

    def _on_drained(self) -> None:
        if self._is_finishing:
            self._shut_down_writing()
        elif self.is_open:
            self._delegate.on_sent_all()

    # --- what waits

    @property
    def queued_bytes(self) -> int:
        """Bytes that wait here, not counting the kernel's."""
        unfinished = len(self._unfinished) if self._unfinished is not None else 0
        return unfinished + self._frames_bytes + sum(map(len, self._replies))

    @property
    def backlog_bytes(self) -> int:
        """Bytes that the peer has not acknowledged: those that wait here and those in the kernel."""
        return self.queued_bytes + self._kernel_bytes()

    def _kernel_bytes(self) -> int:
        return self._kernel_bytes_at_end if self._is_closed else held_bytes(self._socket)

    def info(self) -> TcpInfo:
        """Ask the kernel about the path to the peer; after the end, what was true then."""
        return self._info_at_end or read_tcp_info(self._socket)

    def oldest_unsent_age_s(self, now: float) -> float:
        """Age of the oldest byte that waits here; 0 when none does."""
        if self._unfinished is None:
            return 0.0
        if self._frames:  # a reply that overtook them is younger
            return now - min(self._unfinished_since, self._frames[0][1])
        return now - self._unfinished_since

    def add_write_limit(self, limit_bytes: Callable[[], int]) -> None:
        """Let as many bytes more wait as `limit_bytes` returns at the time: what one viewer may owe."""
        self._write_limits.append(limit_bytes)

    def remove_write_limit(self, limit_bytes: Callable[[], int]) -> None:
        """Take an added limit back: a viewer has left. What waits for the last one is dropped with it."""
        self._write_limits.remove(limit_bytes)
        if not self._write_limits:
            self._drop_frames()

    @property
    def has_one_viewer(self) -> bool:
        """Whether all frames that wait are one viewer's."""
        return len(self._write_limits) == 1

    def _write_limit_bytes(self) -> int:
        return sum(limit_bytes() for limit_bytes in self._write_limits) or DEFAULT_WRITE_LIMIT_BYTES

    def drop_frames(self) -> int:
        """Forget the frames that wait whole and return how many; one that is partly on the wire is finished, and has
        its time anew."""
        dropped = len(self._frames)
        self._drop_frames()
        self._unfinished_since = self._loop.now()
        return dropped

    def look_for_death(self, now: float, *, is_sending: bool) -> None:
        """End a peer that is dead without a sign; call it a few times a second. `is_sending`: media flows to it.

        Seconds are counted beside the bytes, since a static scene sends a tenth of its nominal rate: what waits for
        longer than `dead_after_s` is over the budget, and where nothing of it moved meanwhile, the reader is dead.
        """
        if self._is_closed:
            return
        self._note_progress(now)
        if self._dead_peer.look(now, is_sending=is_sending):
            self.close(CloseReason.STALLED)
        elif self.oldest_unsent_age_s(now) > self._dead_after_s:
            if now - self._progress_at > self._dead_after_s / 2:  # the slowest that is alive acknowledges more often
                self.close(CloseReason.STALLED)
            else:
                self._overflow()

    def _note_progress(self, now: float) -> None:
        """Progress is what the peer acknowledged: the kernel takes more only when a third of its buffer is free."""
        if self._unfinished is not None:
            acked_bytes = self.sent_bytes - self._kernel_bytes()
            if acked_bytes != self._acked_bytes:
                self._acked_bytes = acked_bytes
                self._progress_at = now

    def set_send_buffer(self, size_bytes: int) -> None:
        """Bound what the kernel holds: auto-tuned, it alone can hold 16 s of a 2 Mbit/s stream."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size_bytes)

    # --- ending

    def close(self, reason: CloseReason) -> None:
        """End the connection in the next turn, whatever still waits. The first reason counts."""
        self._close_reason = self._close_reason or reason
        if not self._is_close_posted:
            self._is_close_posted = True
            self._loop.post(self._finish, self)

    def close_when_sent(self, reason: CloseReason) -> None:
        """Send replies that wait (for `FLUSH_LIMIT_S` at most), tell the peer that no more comes, and end when it hangs
        up or after `LINGER_S`."""
        if self.is_open:
            self._is_finishing = True
            self._close_reason = reason
            self._end_within(FLUSH_LIMIT_S)
            self._drop_frames()  # the last word is a reply; media behind it would only delay the end
            if self._unfinished is None and not self._replies:
                self._shut_down_writing()

    def on_fault(self, error: Exception) -> None:
        """End: a callback raised (the loop has logged and counted it)."""
        del error
        self.close(CloseReason.INTERNAL_ERROR)

    def _shut_down_writing(self) -> None:
        self._end_within(LINGER_S)
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError as error:  # the peer was faster
            self.close(reason_of(error))

    def _end_within(self, delay_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(delay_s, self._finish, self)

    def _drop_frames(self) -> None:
        self._frames.clear()
        self._frames_bytes = 0

    def _finish(self, reason: CloseReason = CloseReason.LOCAL) -> None:
        """End now; `reason` counts if nobody has named one before."""
        if self._is_closed:
            return
        self._kernel_bytes_at_end = self._kernel_bytes()
        self._info_at_end = self.info()
        self._is_closed = True
        self._close_reason = self._close_reason or reason
        if self._timer is not None:
            self._timer.cancel()
        self._registration.close()
        if self._close_reason in _GIVEN_UP:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._socket.close()
        try:
            self._delegate.on_closed(self._close_reason)
        finally:
            self._unfinished = None
            self._replies.clear()
            self._drop_frames()
            del self._delegate  # whoever holds us would wait for the collector with us
            self.on_overflow = None


DelegateFactory = Callable[[TcpConnection], ConnectionDelegate]


def send_frame_to_all(connections: Iterable[TcpConnection], image: bytes) -> list[tuple[TcpConnection, Exception]]:
    """Send media to many: one `send()` a connection, and no other call while nothing waits, since after each the
    processor finds its caches taken by the kernel. Return whose handling raised, and what: it ends nobody else's.
    """
    size_bytes = len(image)
    faults: list[tuple[TcpConnection, Exception]] = []
    for connection in connections:
        try:
            if connection._unfinished is not None:  # with nothing unfinished, nothing waits behind it
                connection._queue_frame(image)
            elif connection._close_reason is None:
                try:
                    sent_bytes = connection._socket.send(image)
                except (BlockingIOError, InterruptedError):
                    sent_bytes = 0
                connection.sent_bytes += sent_bytes
                if sent_bytes != size_bytes:
                    connection._keep(memoryview(image)[sent_bytes:], connection._loop.now())
        except OSError as error:
            connection.close(reason_of(error))
        except Exception as error:  # noqa: BLE001 - the boundary between readers: one must not end the others
            faults.append((connection, error))
    return faults
