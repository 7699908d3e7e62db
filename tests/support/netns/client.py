"""What the laboratory's reader processes are made of: a connection that never waits, and a player that measures.

They never block: `netns_reader` gives them its selector and calls `tick` a few times a second. Arrival times are the
kernel's (SO_TIMESTAMPNS), so that a reader that was scheduled late does not look like a server that sent late.
"""

import errno
import selectors
import socket
import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from tests.support.rtsp.wire import (
    ClientParser,
    InterleavedPacket,
    Response,
    WireError,
    aggregate_control_url,
    encode_request,
    video_control_url,
)
from tests.support.udp_pair import open_udp_pair

KEEP_ALIVE_INTERVAL_S: Final = 20.0
SIP_INTERVAL_S: Final = 1.0
READ_BYTES: Final = 256 << 10
_UDP_BUFFER_BYTES: Final = 4 << 20
_SO_TIMESTAMPNS: Final = 35  # asm-generic/socket.h
_TIMESPEC: Final = struct.Struct("@ll")
_LINGER: Final = struct.Struct("@ii")
_TRANSPORTS: Final = {"tcp": "RTP/AVP/TCP;unicast;interleaved=0-1", "udp": "RTP/AVP;unicast;client_port={}-{}"}


@dataclass(slots=True)
class Measured:
    """What a player has seen; times are monotonic seconds. This is what crosses the pipe to the test."""

    state: str = "connecting"
    status: int = 0  # of the last response
    session_id: str = ""
    packets: int = 0
    bytes: int = 0
    first_packet_at: float = 0.0
    last_packet_at: float = 0.0
    ended_at: float = 0.0
    ending: str = ""
    frames: list[tuple[float, int]] = field(default_factory=list)  # arrival of each frame's last packet, RTP time
    gaps: list[tuple[float, int, int]] = field(default_factory=list)  # arrival, expected sequence, what came


class Connection:
    """A TCP connection that is made, read and ended without waiting."""

    def __init__(self, selector: selectors.BaseSelector, url: str, receive_buffer_bytes: int = 0) -> None:
        address = urlsplit(url)
        self.measured = Measured()
        self._url = url
        self._selector = selector
        self._watched: set[socket.socket] = set()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        if receive_buffer_bytes:  # before connecting: it decides the window
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        self._socket.connect_ex((address.hostname, address.port))
        self._watch(self._socket, self._on_connected, selectors.EVENT_WRITE)

    def tick(self, now: float) -> None:
        """Do what time asks for."""

    def stop_reading(self) -> None:
        """Leave what comes in the kernel from now on."""
        self._unwatch(self._socket)

    def reset(self) -> None:
        """Close with RST, as a process that was killed with unread data."""
        if not self.measured.ending:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER.pack(1, 0))
            self._end("reset by us")

    def close(self) -> None:
        """Close as a process that ends."""
        self._end("closed by us")

    def _on_connected(self) -> None:
        error = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            self._end(errno.errorcode[error])
            return
        self._unwatch(self._socket)
        self._watch(self._socket, self._on_readable)
        self._begin()

    def _begin(self) -> None:
        """Say the first word."""

    def _on_readable(self) -> None:
        received = _receive(self._socket)
        if isinstance(received, str):
            self._end(received)
        elif received is not None:
            self._take(*received)

    def _take(self, data: bytes, arrived: float) -> None:
        """Take what the server says."""
        self.measured.bytes += len(data)

    def _send(self, data: bytes) -> None:
        """Send what the kernel takes now."""
        try:
            self._socket.send(data)
        except BlockingIOError:
            pass  # the server reads no more of us, which is its right
        except OSError as error:
            self._end(errno.errorcode[error.errno or 0])

    def _end(self, ending: str) -> None:
        if self.measured.ending:
            return
        self.measured.state, self.measured.ending, self.measured.ended_at = "ended", ending, time.monotonic()
        for sock in tuple(self._watched):
            self._unwatch(sock)
        self._socket.close()

    def _watch(self, sock: socket.socket, callback: Callable[[], None], events: int = selectors.EVENT_READ) -> None:
        self._selector.register(sock, events, callback)
        self._watched.add(sock)

    def _unwatch(self, sock: socket.socket) -> None:
        if sock in self._watched:
            self._selector.unregister(sock)
            self._watched.remove(sock)


class Player(Connection):
    """Plays one stream: DESCRIBE, SETUP, PLAY, keep-alives; counts gaps and keeps every frame's arrival."""

    def __init__(
        self,
        selector: selectors.BaseSelector,
        url: str,
        *,
        transport: str = "tcp",
        receive_buffer_bytes: int = 0,
        dump_path: str = "",
    ) -> None:
        super().__init__(selector, url, receive_buffer_bytes)
        self._transport = transport
        self._parser = ClientParser()
        self._udp: tuple[socket.socket, ...] = ()
        self._dump = Path(dump_path).open("wb") if dump_path else None  # noqa: SIM115 - closed with the connection
        self._cseq = 0
        self._aggregate_url = url
        self._on_response: Callable[[Response], None] = self._on_described
        self._expected_sequence: int | None = None
        self._is_sipping = False
        self._next_sip = 0.0
        self._next_keep_alive = time.monotonic() + KEEP_ALIVE_INTERVAL_S

    # --- what the test tells it

    def pause(self) -> None:
        """PAUSE, as a recorder that waits for an event."""
        self._ask("PAUSE", self._aggregate_url, self._on_paused)

    def sip(self) -> None:
        """Read one byte a second from now on."""
        self.stop_reading()
        self._is_sipping = True

    def leave(self) -> None:
        """TEARDOWN and close."""
        if self.measured.session_id and not self.measured.ending:
            self._ask("TEARDOWN", self._aggregate_url, self._on_torn_down)
        else:
            self.close()

    def tick(self, now: float) -> None:
        if self._is_sipping and now >= self._next_sip:
            self._next_sip = now + SIP_INTERVAL_S
            try:
                self._socket.recv(1)
            except OSError:
                pass  # nothing has come, or it is over: the server's side is what counts
        if self.measured.state == "playing" and now >= self._next_keep_alive:
            self._next_keep_alive = now + KEEP_ALIVE_INTERVAL_S
            self._ask("GET_PARAMETER", self._aggregate_url, _ignore)

    # --- the conversation

    def _begin(self) -> None:
        self._ask("DESCRIBE", self._url, self._on_described, {"Accept": "application/sdp"})

    def _on_described(self, response: Response) -> None:
        self._aggregate_url = aggregate_control_url(response, self._url)
        if self._transport == "udp":
            self._open_udp()
        ports = [sock.getsockname()[1] for sock in self._udp]
        transport = {"Transport": _TRANSPORTS[self._transport].format(*ports)}
        self._ask("SETUP", video_control_url(response, self._url), self._on_set_up, transport)

    def _on_set_up(self, response: Response) -> None:
        self.measured.session_id = response.session_id
        self._ask("PLAY", self._aggregate_url, self._on_played, {"Range": "npt=0.000-"})

    def _on_played(self, _response: Response) -> None:
        self.measured.state = "playing"

    def _on_paused(self, _response: Response) -> None:
        self.measured.state = "paused"

    def _on_torn_down(self, _response: Response) -> None:
        self._end("left")

    def _ask(
        self, method: str, url: str, then: Callable[[Response], None], headers: Mapping[str, str] | None = None
    ) -> None:
        self._cseq += 1
        session = {"Session": self.measured.session_id} if self.measured.session_id else {}
        self._on_response = then
        self._send(encode_request(method, url, self._cseq, session | dict(headers or {})))

    # --- what comes

    def _take(self, data: bytes, arrived: float) -> None:
        self.measured.bytes += len(data)
        self._parser.receive(data)
        try:
            while (message := self._parser.next_message()) is not None:
                if not isinstance(message, InterleavedPacket):
                    self._take_response(message)
                elif message.channel == 0:
                    self._take_rtp(message.data, arrived)
        except WireError as error:
            self._end(str(error))

    def _take_response(self, response: Response) -> None:
        self.measured.status = response.status
        if response.status == 200:
            self._on_response(response)
        else:
            self._end(f"refused with {response.status}")

    def _take_rtp(self, packet: bytes, arrived: float) -> None:
        measured = self.measured
        sequence = packet[2] << 8 | packet[3]
        if self._expected_sequence is not None and sequence != self._expected_sequence:
            measured.gaps.append((arrived, self._expected_sequence, sequence))
        self._expected_sequence = (sequence + 1) & 0xFFFF
        measured.packets += 1
        measured.first_packet_at = measured.first_packet_at or arrived
        measured.last_packet_at = arrived
        if packet[1] & 0x80:  # the marker: the frame's last packet
            measured.frames.append((arrived, int.from_bytes(packet[4:8])))
        if self._dump is not None:
            self._dump.write(len(packet).to_bytes(2) + packet)

    def _open_udp(self) -> None:
        self._udp = open_udp_pair(self._socket.getsockname()[0])
        for sock in self._udp:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _UDP_BUFFER_BYTES)
            sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._watch(self._udp[0], self._on_datagram)

    def _on_datagram(self) -> None:
        received = _receive(self._udp[0])
        if isinstance(received, tuple):
            self.measured.bytes += len(received[0])
            self._take_rtp(*received)

    def _end(self, ending: str) -> None:
        super()._end(ending)
        for sock in self._udp:
            sock.close()
        if self._dump is not None:
            self._dump.close()


def _receive(sock: socket.socket) -> tuple[bytes, float] | str | None:
    """Return data and the kernel's arrival time of its last packet, None when nothing is there, or how it ended."""
    try:
        data, ancillary, _flags, _address = sock.recvmsg(READ_BYTES, 64)
    except BlockingIOError:
        return None
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return (data, _arrival(ancillary)) if data else "eof"


def _arrival(ancillary: list[tuple[int, int, Any]]) -> float:
    now, wall = time.monotonic(), time.time()
    for level, kind, value in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS):
            seconds, nanoseconds = _TIMESPEC.unpack(value)
            ago_s: float = wall - seconds - nanoseconds / 1e9
            return now - ago_s
    return now


def _ignore(_response: Response) -> None:
    """A keep-alive was answered."""
