"""A TCP connection on the loop: bytes read go to a delegate, writes are queued within a budget, closing is posted.

It knows nothing of RTSP or HTTP; services give it a delegate and bytes. The write side has two entries:

- `send` for replies: they wait only for the frame that is partly on the wire, never for the backlog behind it;
- `send_frame` for media, `send_frame_to_all` for the same media to many readers: one `send()` when nothing waits, else
  the image itself is queued, without a copy.

`write_queue` holds the bytes that wait. The backlog (these bytes and the kernel's unacknowledged ones, SIOCOUTQ) is
limited by the sum of the viewers' write budgets; above it the connection ends, unless `on_overflow` drops frames. `end`
is the table of a connection's end.
"""

import socket
from collections.abc import Callable, Iterable
from itertools import count
from struct import pack
from typing import Any, Final, Protocol

from edge_streamer.runtime.address import host_of, undressed
from edge_streamer.runtime.loop import Loop, Registration, Timer
from edge_streamer.runtime.tcp.close_reason import CloseReason, reason_of
from edge_streamer.runtime.tcp.dead_peer import DeadPeerClock
from edge_streamer.runtime.tcp.end import EndEvent, EndState, after
from edge_streamer.runtime.tcp.info import TcpInfo, held_bytes, read_tcp_info
from edge_streamer.runtime.tcp.write_queue import DrainClock, WriteQueue

READ_BYTES: Final = 4096
"""One read per turn and connection limits the time that one peer's flood costs the others in a turn. The most expensive
bytes to parse are empty `$` frames and pipelined OPTIONS: this many of them take about 10 ms."""
FLUSH_LIMIT_S: Final = 8.0
"""How long the last replies may wait to be sent: as long as a live reader may stall."""
LINGER_S: Final = 1.0
"""How long a connection waits, after its last reply and a half-close, for the peer to close first (a close with unread
bytes would reset the connection, and the reply could be lost)."""
DEAD_AFTER_S: Final = 8.0
WOULD_BLOCK: Final = (BlockingIOError, InterruptedError)
"""The socket takes no bytes, or has none, now; any other OSError is the connection's end. A TLS socket reports the same
by `ssl.SSLWantWriteError`, which is an OSError but not a BlockingIOError: add it here before TLS is added."""

_connection_ids = count(1)
_GIVEN_UP: Final = {CloseReason.STALLED, CloseReason.BACKLOG}
_MAY_WAIT: Final = {EndState.OPEN, EndState.LINGERING}
_RESET: Final = pack("ii", 1, 0)
"""SO_LINGER 0: close with a reset. A FIN to a dead peer would keep the unsent data in the kernel for long."""


class ConnectionDelegate(Protocol):
    """The protocol object that a connection belongs to."""

    def on_data(self, data: bytes) -> None:
        """Handle bytes from the peer."""

    def on_sent_all(self) -> None:
        """Called when a backlog has drained: no bytes wait any more."""

    def on_closed(self, reason: CloseReason) -> None:
        """Release the connection: it is over and its descriptor is closed. Called exactly once."""


class TcpConnection:
    """One accepted connection; `connection_id` is never reused. `queue` holds the bytes that wait, and their limit."""

    __slots__ = (
        "_at_end",
        "_close_reason",
        "_dead_after_s",
        "_dead_peer",
        "_delegate",
        "_drain",
        "_idle_socket",
        "_loop",
        "_registration",
        "_socket",
        "_state",
        "_timer",
        "connection_id",
        "local_address",
        "on_over",
        "on_overflow",
        "on_waiting",
        "peer_address",
        "queue",
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
        self.on_overflow: Callable[[], None] | None = None  # None: an overflow ends the connection
        self.on_over: Callable[[], None] | None = None  # called last, after the delegate of that time
        self.on_waiting: Callable[[bool], None] | None = None  # called when it begins or ends to wait for the peer
        self._dead_after_s = dead_after_s
        self._dead_peer = DeadPeerClock(accepted, dead_after_s, loop.now())
        self._drain = DrainClock()
        self._loop = loop
        self._socket = accepted
        self.queue = WriteQueue()
        self._idle_socket: socket.socket | None = accepted  # set while it is open and nothing waits
        self._state = EndState.OPEN
        self._close_reason: CloseReason | None = None
        self._at_end: tuple[TcpInfo, int] | None = None  # the last info, and the bytes in the kernel
        self._timer: Timer | None = None
        self._registration: Registration = loop.register(accepted, self)  # first: an OSError leaves no delegate behind
        try:
            self._delegate: ConnectionDelegate = delegate_for(self)
        except BaseException:
            self._registration.close()
            raise

    @property
    def peer_host(self) -> str:
        """The peer's address without its port."""
        return host_of(self.peer_address)

    @property
    def is_open(self) -> bool:
        """False as soon as the end is decided: nothing more is accepted for sending, and read bytes are dropped."""
        return self._state is EndState.OPEN

    def hand_over(self, delegate: ConnectionDelegate) -> None:
        """Belong to `delegate` from now on, since the protocol changes (an upgrade). The earlier delegate is not called
        again, not even at the end. Not for a closed connection."""
        assert self._state is not EndState.CLOSED, "its delegate has been told of the end"
        self._delegate = delegate

    def set_waiting(self, is_waiting: bool) -> None:
        """Take note that the connection waits for its peer and so may be closed to make room for another one, or that
        it is served. Without effect when its end is decided."""
        if self.on_waiting is not None and self._state in _MAY_WAIT:
            self.on_waiting(is_waiting)

    # --- reading

    def on_readable(self) -> None:
        """Read once (the loop is level-triggered) and pass the bytes to the delegate."""
        try:
            data = self._socket.recv(READ_BYTES)
        except WOULD_BLOCK:
            return
        except OSError as error:
            self._finish(reason_of(error))
            return
        if not data:
            self._finish(CloseReason.PEER_CLOSED)
        elif self.is_open:  # after FINISH bytes are still read, and dropped: left unread, they cause a reset
            self._delegate.on_data(data)

    # --- writing

    def send(self, data: bytes) -> None:
        """Send a reply: at once if no frame is partly on the wire, else right after that frame."""
        if not self.is_open or not data:
            return
        self.queue.add_reply(data)
        if not self.queue.is_in_chunk:
            self.on_writable()
        if self.queue.is_in_chunk and self.backlog_bytes > self.queue.limit_bytes:
            self._overflow()

    def send_frame(self, image: bytes) -> None:
        """Send media. `image` is shared: it is queued by reference, never copied."""
        for _connection, error in send_frame_to_all((self,), image):
            raise error

    def _queue_frame(self, image: bytes, sent_bytes: int) -> None:
        """Queue the rest of an image that was sent in part, or a whole image behind others that wait."""
        if not self.is_open:
            return
        now = self._loop.now()
        if self._idle_socket is None:
            self.queue.add_frame(image, now)
            if self.backlog_bytes > self.queue.limit_bytes:
                self._overflow()
        else:
            self.queue.add_rest(memoryview(image)[sent_bytes:], now)
            self._wait_for_room(now)

    def _wait_for_room(self, now: float) -> None:
        if self._idle_socket is not None:
            self._idle_socket = None
            self._drain.begin(now)
        self._registration.want_write(True)

    def _overflow(self) -> None:
        """The backlog exceeds the limit: call `on_overflow`, or end the connection."""
        if self.on_overflow is not None:
            self.on_overflow()
        else:
            self.close(CloseReason.BACKLOG)

    def on_writable(self) -> None:
        """Send what waits until the kernel takes no more: first the unfinished chunk, then replies, then frames."""
        queue, now = self.queue, self._loop.now()
        try:
            while (chunk := queue.next_chunk(now)) is not None:
                sent_bytes = self._socket.send(chunk)
                self.sent_bytes += sent_bytes
                queue.sent(sent_bytes)
        except WOULD_BLOCK:
            self._wait_for_room(now)
        except OSError as error:
            self.close(reason_of(error))
        else:
            self._registration.want_write(False)
            if self.is_open:
                self._idle_socket = self._socket
                self._delegate.on_sent_all()
            elif self._move(EndEvent.DRAINED):
                self._shut_down_writing()

    # --- what waits

    @property
    def backlog_bytes(self) -> int:
        """Bytes that the peer has not acknowledged: those in the queue and those in the kernel."""
        return self.queue.waiting_bytes + self._kernel_bytes()

    def _kernel_bytes(self) -> int:
        return self._at_end[1] if self._at_end is not None else held_bytes(self._socket)

    def info(self) -> TcpInfo:
        """Return the kernel's view of the path to the peer; after the end, the view at the end."""
        return self._at_end[0] if self._at_end is not None else read_tcp_info(self._socket)

    def drop_frames(self) -> int:
        """Drop the frames that wait whole and return their number; a frame that is partly on the wire is finished, and
        its age starts again at 0."""
        return self.queue.drop_frames(self._loop.now())

    def look_for_death(self, now: float, *, is_sending: bool) -> None:
        """End the connection to a peer that has died silently; call it a few times a second. `is_sending`: media flows
        to the peer.

        Age counts beside bytes, since a static scene has a tenth of its nominal rate: bytes that wait for longer than
        `dead_after_s` are an overflow, and if none of them moved in the second half of that time, the reader is dead.
        """
        if self._state is EndState.CLOSED:
            return
        if self.queue.is_in_chunk:
            self._drain.note(self.sent_bytes - self._kernel_bytes(), now)
        if self._dead_peer.look(now, is_sending=is_sending):
            self.close(CloseReason.STALLED)
        elif self.queue.oldest_age_s(now) > self._dead_after_s:
            if self._drain.still_s(now) > self._dead_after_s / 2:  # even the slowest live peer acknowledges more often
                self.close(CloseReason.STALLED)
            else:
                self._overflow()

    def set_send_buffer(self, size_bytes: int) -> None:
        """Limit the kernel's send buffer: auto-tuned, it can hold 16 s of a 2 Mbit/s stream."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size_bytes)

    # --- ending

    def close(self, reason: CloseReason) -> None:
        """End the connection in the next turn, without sending the bytes that still wait. The first reason counts."""
        self._close_reason = self._close_reason or reason
        if self._move(EndEvent.CLOSE):
            self._loop.post(self._finish, self)

    def close_when_sent(self, reason: CloseReason) -> None:
        """Send the replies that wait (for `FLUSH_LIMIT_S` at most), half-close, and end when the peer closes or after
        `LINGER_S`."""
        if self._move(EndEvent.FINISH):
            self._close_reason = reason
            self._end_within(FLUSH_LIMIT_S)
            self.queue.clear_frames()  # only replies are still sent; media would delay the end
            if self.queue.is_empty and self._move(EndEvent.DRAINED):
                self._shut_down_writing()

    def _move(self, event: EndEvent) -> bool:
        """Follow the table; return whether the state has changed."""
        before, self._state = self._state, after(self._state, event)
        if not self.is_open:
            self._idle_socket = None  # no frame is sent any more
        return self._state is not before

    def on_fault(self, error: Exception) -> None:
        """End: a callback raised (the loop has logged and counted it)."""
        del error
        self.close(CloseReason.INTERNAL_ERROR)

    def _shut_down_writing(self) -> None:
        self.set_waiting(True)  # for the peer to close
        self._end_within(LINGER_S)
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError as error:  # the peer reset the connection first
            self.close(reason_of(error))

    def _end_within(self, delay_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(delay_s, self._finish, self)

    def _finish(self, reason: CloseReason = CloseReason.LOCAL) -> None:
        """End now; `reason` counts if no earlier reason was given."""
        if not self._move(EndEvent.OVER):
            return
        self._at_end = self.info(), self._kernel_bytes()
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
            self.queue.clear()
            del self._delegate  # a cycle with the delegate would wait for the garbage collector
            on_over, self.on_over, self.on_overflow, self.on_waiting = self.on_over, None, None, None
            if on_over is not None:
                on_over()


DelegateFactory = Callable[[TcpConnection], ConnectionDelegate]


def send_frame_to_all(connections: Iterable[TcpConnection], image: bytes) -> list[tuple[TcpConnection, Exception]]:
    """Send media to many connections: one `send()` for each, and no other call while nothing waits, since each `send()`
    displaces the processor's caches. Return the connections whose handling raised, with the exceptions: a fault of one
    connection does not affect the others.
    """
    size_bytes = len(image)
    faults: list[tuple[TcpConnection, Exception]] = []
    for connection in connections:
        try:
            idle_socket = connection._idle_socket
            if idle_socket is None:  # bytes wait, or the connection ends
                connection._queue_frame(image, 0)
                continue
            try:
                sent_bytes = idle_socket.send(image)
            except WOULD_BLOCK:
                sent_bytes = 0
            connection.sent_bytes += sent_bytes
            if sent_bytes != size_bytes:
                connection._queue_frame(image, sent_bytes)
        except OSError as error:
            connection.close(reason_of(error))
        except Exception as error:  # noqa: BLE001 - the boundary between readers: a fault must stay with one
            faults.append((connection, error))
    return faults
