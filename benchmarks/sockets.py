"""The load client's sockets: one epoll, and a reader of each kind that registers with it.

Called by `benchmarks.readers`. All readers share one receive buffer: what is read is counted before the next read.
"""

import select
import socket
import struct
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final, Self
from urllib.parse import urlsplit

from benchmarks.dialogue import JoinError, join
from benchmarks.tally import (
    DatagramTally,
    InterleavedTally,
    RawTally,
    RtpTally,
    TimedDatagramTally,
    TimedInterleavedTally,
)
from tests.support.rtsp.wire import ClientParser, Response, WireError
from tests.support.udp_pair import open_udp_pair

BUFFER_BYTES: Final = 256 << 10
UDP_RECEIVE_BUFFER_BYTES: Final = 4 << 20
"""A second of a 4 Mbit/s stream with room: what is lost must be the server's fault."""
CONNECT_TIMEOUT_S: Final = 5.0
HELLO: Final = b"hello"
"""What a raw UDP reader sends so that the floor knows its address."""

_SOL_UDP: Final = 17
_UDP_GRO: Final = 104
_SO_RCVBUFFORCE: Final = 33
_GRO_SEGMENT: Final = struct.Struct("=i")
_ANCILLARY_BYTES: Final = socket.CMSG_SPACE(_GRO_SEGMENT.size)


class Drain:
    """The one epoll: calls a socket's handler when it is readable. A handler reads once and returns."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._handlers: dict[int, Callable[[], None]] = {}
        self._sockets: list[socket.socket] = []
        self.buffer = bytearray(BUFFER_BYTES)
        self.view = memoryview(self.buffer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        for sock in self._sockets:
            sock.close()
        self._epoll.close()

    def watch(self, sock: socket.socket, handler: Callable[[], None]) -> None:
        """Call `handler` whenever `sock` is readable, and close the socket in the end."""
        sock.setblocking(False)
        self._sockets.append(sock)
        self._handlers[sock.fileno()] = handler
        self._epoll.register(sock, select.EPOLLIN)

    def hand_over(self, sock: socket.socket, handler: Callable[[], None]) -> None:
        """Let another handler have a watched socket."""
        self._handlers[sock.fileno()] = handler

    def ignore(self, sock: socket.socket) -> None:
        """Stop watching; the socket stays open, so its number is not given to another."""
        self._epoll.unregister(sock)

    def run_for(self, seconds: float) -> None:
        """Serve all sockets until `seconds` have passed."""
        deadline = time.monotonic() + seconds
        handlers = self._handlers
        while (left_s := deadline - time.monotonic()) > 0:
            for descriptor, _events in self._epoll.poll(left_s):
                handlers[descriptor]()


class Reader:
    """What the run needs to know of a reader of any kind; `first_packet_s` counts from sending PLAY."""

    tally: RtpTally

    def __init__(self, drain: Drain) -> None:
        self.failure: str | None = None
        self.first_packet_s: float | None = None
        self._drain = drain

    @property
    def arrivals(self) -> list[tuple[int, float]]:
        """RTP timestamp and arrival of each frame, where the reader was asked to note them."""
        match self.tally:
            case TimedInterleavedTally() | TimedDatagramTally() as timed:
                return timed.arrivals
            case _:
                return []

    @property
    def is_receiving(self) -> bool:
        """Whether media has come and nothing has failed."""
        return self.tally.bytes > 0 and self.failure is None

    def _read(self, sock: socket.socket, view: memoryview) -> int:
        """Read once from a connection; 0 when there is nothing to count, because it was a false alarm or the end."""
        try:
            received_bytes = sock.recv_into(view)
        except BlockingIOError:
            return 0
        except OSError as error:
            self._fail(sock, str(error))
            return 0
        if not received_bytes:
            self._fail(sock, "closed by the server")
        return received_bytes

    def _fail(self, sock: socket.socket, reason: str) -> None:
        self.failure = reason
        self._drain.ignore(sock)


class RtspReader(Reader, ABC):
    """The dialogue until PLAY is answered; what follows is the transport's."""

    def __init__(self, drain: Drain, url: str, transport: str) -> None:
        super().__init__(drain)
        self._socket = connect(url)
        self._parser = ClientParser()
        self._requests = join(url, transport)
        self._requested_now = 0.0
        drain.watch(self._socket, self._on_dialogue)
        self._send(next(self._requests))

    @abstractmethod
    def _on_playing(self, rtp_channel: int) -> None:
        """PLAY was answered: hand the connection over. Over UDP the channel means nothing."""

    def _send(self, request: bytes) -> None:
        self._requested_now = time.monotonic()
        self._socket.sendall(request)

    def _on_dialogue(self) -> None:
        received_bytes = self._read(self._socket, self._drain.view)
        self._parser.receive(self._drain.view[:received_bytes])
        try:
            while (message := self._parser.next_message()) is not None:
                if isinstance(message, Response):
                    self._send(self._requests.send(message))
        except StopIteration as answered:
            self._on_playing(answered.value)
        except (JoinError, WireError) as error:
            self._fail(self._socket, str(error))

    def _note_first_packet(self) -> None:
        if self.first_packet_s is None and self.tally.packets:
            self.first_packet_s = time.monotonic() - self._requested_now


class RtspTcpReader(RtspReader):
    """A reader of RTP interleaved in its RTSP connection (RFC 2326 section 10.12)."""

    tally: InterleavedTally

    def __init__(self, drain: Drain, url: str, *, is_timed: bool = False) -> None:
        self.tally = InterleavedTally(0)
        self._is_timed = is_timed
        super().__init__(drain, url, "RTP/AVP/TCP;unicast;interleaved=0-1")

    def _on_playing(self, rtp_channel: int) -> None:
        timed = self._is_timed
        self.tally = TimedInterleavedTally(rtp_channel, time.monotonic) if timed else InterleavedTally(rtp_channel)
        self._drain.hand_over(self._socket, self._on_media)
        rest = self._parser.take_rest()
        self._count(rest, len(rest))

    def _on_media(self) -> None:
        view, carry = self._drain.view, self.tally.carry
        kept_bytes = len(carry)
        received_bytes = self._read(self._socket, view[kept_bytes:] if kept_bytes else view)
        if received_bytes:
            view[:kept_bytes] = carry
            self._count(self._drain.buffer, kept_bytes + received_bytes)

    def _count(self, buffer: bytes | bytearray, end: int) -> None:
        try:
            self.tally.count(buffer, end)
        except WireError as error:
            self._fail(self._socket, str(error))
        self._note_first_packet()


class RtspUdpReader(RtspReader):
    """A reader of RTP over UDP that reads one datagram at a time, as players do; with `udp_gro` it reads whole runs."""

    tally: DatagramTally

    def __init__(self, drain: Drain, url: str, *, is_timed: bool = False, udp_gro: bool = False) -> None:
        self.tally = TimedDatagramTally(time.monotonic) if is_timed else DatagramTally()
        self._rtp, self._rtcp = open_udp_pair("127.0.0.1")
        prepare_udp(self._rtp, udp_gro=udp_gro)
        drain.watch(self._rtp, self._on_run if udp_gro else self._on_datagram)
        drain.watch(self._rtcp, self._on_rtcp)
        port = self._rtp.getsockname()[1]
        super().__init__(drain, url, f"RTP/AVP;unicast;client_port={port}-{port + 1}")

    def _on_playing(self, _rtp_channel: int) -> None:
        self._drain.hand_over(self._socket, self._on_control)

    def _on_control(self) -> None:
        self._read(self._socket, self._drain.view)

    def _on_rtcp(self) -> None:
        self._rtcp.recv_into(self._drain.view)

    def _on_datagram(self) -> None:
        end = self._rtp.recv_into(self._drain.view)
        if end:
            self.tally.count(self._drain.buffer, end, end)
            self._note_first_packet()

    def _on_run(self) -> None:
        end, ancillary, _flags, _address = self._rtp.recvmsg_into([self._drain.buffer], _ANCILLARY_BYTES)
        segment_bytes = _GRO_SEGMENT.unpack(ancillary[0][2])[0] if ancillary else end
        if end:
            self.tally.count(self._drain.buffer, end, segment_bytes)
            self._note_first_packet()


class RawTcpReader(Reader):
    """Drains a floor sender's connection."""

    tally: RawTally

    def __init__(self, drain: Drain, url: str, *, is_timed: bool = False) -> None:
        del is_timed  # bytes without a frame have no time
        super().__init__(drain)
        self.tally = RawTally()
        self._socket = connect(url)
        drain.watch(self._socket, self._on_media)

    def _on_media(self) -> None:
        self.tally.count(self._read(self._socket, self._drain.view))


class RawUdpReader(Reader):
    """Drains what a floor sender sends to the address that the hello came from."""

    tally: RawTally

    def __init__(self, drain: Drain, url: str, *, is_timed: bool = False, udp_gro: bool = False) -> None:
        del is_timed  # bytes without a frame have no time
        super().__init__(drain)
        self.tally = RawTally()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        prepare_udp(self._socket, udp_gro=udp_gro)
        drain.watch(self._socket, self._on_media)
        address = urlsplit(url)
        self._socket.sendto(HELLO, (address.hostname or "127.0.0.1", address.port or 0))

    def _on_media(self) -> None:
        self.tally.count(self._read(self._socket, self._drain.view))


def connect(url: str) -> socket.socket:
    """Return a TCP connection to the URL's host and port."""
    address = urlsplit(url)
    return socket.create_connection((address.hostname, address.port), CONNECT_TIMEOUT_S)


def prepare_udp(sock: socket.socket, *, udp_gro: bool) -> None:
    """Give a socket room for a second of datagrams, past the system's limit where that is allowed; with `udp_gro` it
    takes runs of datagrams whole."""
    if udp_gro:
        sock.setsockopt(_SOL_UDP, _UDP_GRO, 1)
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, UDP_RECEIVE_BUFFER_BYTES)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, UDP_RECEIVE_BUFFER_BYTES)
