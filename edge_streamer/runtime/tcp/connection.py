"""A TCP connection on the loop: reads are handed on, writes are queued within a budget, closing is posted.

It knows nothing of RTSP or HTTP; services give it a delegate and bytes. The write side has two ways in:

- `send` for replies: they wait only for the frame that is partly on the wire, never for the backlog behind it;
- `send_frame` for media, `send_frame_to_all` for many readers of the same: one `send()` when nothing waits, else the
  image itself is queued, without a copy.

`write_queue` is what waits. It counts against the sum of the viewers' limits, together with what the kernel still holds
(SIOCOUTQ): past it the reader is dead. `end` is the table of a connection's end.
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
"""One read per turn and connection: what a flood of one peer can cost the others in a turn. The dearest bytes to parse
are empty `$` frames and pipelined OPTIONS: this many of them take about 10 ms."""
FLUSH_LIMIT_S: Final = 8.0
"""How long the last reply may take to leave: as long as a live reader may stall."""
LINGER_S: Final = 1.0
"""How long a connection that has said its last word waits for the peer to hang up first (a close with unread bytes
would reset the connection and could take the reply with it)."""
DEAD_AFTER_S: Final = 8.0
WOULD_BLOCK: Final = (BlockingIOError, InterruptedError)
"""The socket takes or has nothing now; any other OSError is the connection's end. A TLS socket says the same with
`ssl.SSLWantWriteError`, which is an OSError and no BlockingIOError: it belongs here before one is wrapped."""

_connection_ids = count(1)
_GIVEN_UP: Final = {CloseReason.STALLED, CloseReason.BACKLOG}
_RESET: Final = pack("ii", 1, 0)
"""SO_LINGER 0: close with a reset. A FIN to a dead peer would keep the unsent data in the kernel for long."""


class ConnectionDelegate(Protocol):
    """Who a connection belongs to."""

    def on_data(self, data: bytes) -> None:
        """Take bytes of the peer."""

    def on_sent_all(self) -> None:
        """Nothing waits any more; called after a backlog has drained."""

    def on_closed(self, reason: CloseReason) -> None:
        """Let go: the connection is over and its descriptor closed. Called exactly once."""


class TcpConnection:
    """One accepted connection; `connection_id` is never reused. `queue` is what waits and how much may wait."""

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
        self.on_overflow: Callable[[], None] | None = None  # None: it ends
        self.on_over: Callable[[], None] | None = None  # told last of all, whoever has the connection then
        self._dead_after_s = dead_after_s
        self._dead_peer = DeadPeerClock(accepted, dead_after_s, loop.now())
        self._drain = DrainClock()
        self._loop = loop
        self._socket = accepted
        self.queue = WriteQueue()
        self._idle_socket: socket.socket | None = accepted  # while a frame may go straight to it: open, nothing waits
        self._state = EndState.OPEN
        self._close_reason: CloseReason | None = None
        self._at_end: tuple[TcpInfo, int] | None = None  # what was true then, and the bytes that the kernel held
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
        return self._state is EndState.OPEN

    def hand_over(self, delegate: ConnectionDelegate) -> None:
        """Belong to `delegate` from now on: the peer speaks another protocol. The delegate before is not called again,
        not even at the end. Not for a connection that is closed."""
        assert self._state is not EndState.CLOSED, "its delegate has been told of the end"
        self._delegate = delegate

    # --- reading

    def on_readable(self) -> None:
        """Read once (the loop is level-triggered) and hand it on."""
        try:
            data = self._socket.recv(READ_BYTES)
        except WOULD_BLOCK:
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
        """Keep what could not be sent at once: the rest of an image, or one behind others that wait."""
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
        """The reader owes more than its budget: it ends, unless a wire knows better."""
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
        """Bytes that the peer has not acknowledged: those that wait here and those in the kernel."""
        return self.queue.waiting_bytes + self._kernel_bytes()

    def _kernel_bytes(self) -> int:
        return self._at_end[1] if self._at_end is not None else held_bytes(self._socket)

    def info(self) -> TcpInfo:
        """Ask the kernel about the path to the peer; after the end, what was true then."""
        return self._at_end[0] if self._at_end is not None else read_tcp_info(self._socket)

    def drop_frames(self) -> int:
        """Forget the frames that wait whole and return how many; one that is partly on the wire is finished, and has
        its time anew."""
        return self.queue.drop_frames(self._loop.now())

    def look_for_death(self, now: float, *, is_sending: bool) -> None:
        """End a peer that is dead without a sign; call it a few times a second. `is_sending`: media flows to it.

        Seconds are counted beside the bytes, since a static scene sends a tenth of its nominal rate: what waits for
        longer than `dead_after_s` is over the budget, and where nothing of it moved meanwhile, the reader is dead.
        """
        if self._state is EndState.CLOSED:
            return
        if self.queue.is_in_chunk:
            self._drain.note(self.sent_bytes - self._kernel_bytes(), now)
        if self._dead_peer.look(now, is_sending=is_sending):
            self.close(CloseReason.STALLED)
        elif self.queue.oldest_age_s(now) > self._dead_after_s:
            if self._drain.still_s(now) > self._dead_after_s / 2:  # the slowest that is alive acknowledges more often
                self.close(CloseReason.STALLED)
            else:
                self._overflow()

    def set_send_buffer(self, size_bytes: int) -> None:
        """Bound what the kernel holds: auto-tuned, it alone can hold 16 s of a 2 Mbit/s stream."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size_bytes)

    # --- ending

    def close(self, reason: CloseReason) -> None:
        """End the connection in the next turn, whatever still waits. The first reason counts."""
        self._close_reason = self._close_reason or reason
        if self._move(EndEvent.CLOSE):
            self._loop.post(self._finish, self)

    def close_when_sent(self, reason: CloseReason) -> None:
        """Send replies that wait (for `FLUSH_LIMIT_S` at most), tell the peer that no more comes, and end when it hangs
        up or after `LINGER_S`."""
        if self._move(EndEvent.FINISH):
            self._close_reason = reason
            self._end_within(FLUSH_LIMIT_S)
            self.queue.clear_frames()  # the last word is a reply; media behind it would only delay the end
            if self.queue.is_empty and self._move(EndEvent.DRAINED):
                self._shut_down_writing()

    def _move(self, event: EndEvent) -> bool:
        """Follow the table; return whether the state is another one now."""
        before, self._state = self._state, after(self._state, event)
        if not self.is_open:
            self._idle_socket = None  # no frame goes out any more
        return self._state is not before

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

    def _finish(self, reason: CloseReason = CloseReason.LOCAL) -> None:
        """End now; `reason` counts if nobody has named one before."""
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
            del self._delegate  # whoever holds us would wait for the collector with us
            on_over, self.on_over, self.on_overflow = self.on_over, None, None
            if on_over is not None:
                on_over()


DelegateFactory = Callable[[TcpConnection], ConnectionDelegate]


def send_frame_to_all(connections: Iterable[TcpConnection], image: bytes) -> list[tuple[TcpConnection, Exception]]:
    """Send media to many: one `send()` a connection, and no other call while nothing waits, since after each the
    processor finds its caches taken by the kernel. Return whose handling raised, and what: it ends nobody else's.
    """
    size_bytes = len(image)
    faults: list[tuple[TcpConnection, Exception]] = []
    for connection in connections:
        try:
            idle_socket = connection._idle_socket
            if idle_socket is None:  # something waits, or it is ending
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
        except Exception as error:  # noqa: BLE001 - the boundary between readers: one must not end the others
            faults.append((connection, error))
    return faults
