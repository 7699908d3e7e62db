"""A small blocking RTSP client for tests: plays a stream over TCP or UDP, keeps arrival times and sequence gaps.

    with RtspReader(service.rtsp_url("main"), "udp") as reader:
        reader.start()
        for packet in reader.packets(seconds=2):
            ...
    assert not reader.gaps

Called by the runtime and interop tests. It is no load client (`benchmarks.readers`) and knows no authentication:
`request()` sends any method with any header. It shares no line with the product.
"""

import select
import socket
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, Self
from urllib.parse import urlsplit

from tests.support.rtsp.wire import (
    ClientParser,
    InterleavedPacket,
    Response,
    Transport,
    aggregate_control_url,
    encode_request,
    video_control_url,
)
from tests.support.udp_pair import open_udp_pair

DEFAULT_TIMEOUT_S: Final = 5.0
READ_BYTES: Final = 256 << 10
_UDP_BUFFER_BYTES: Final = 4 << 20
_SEQUENCE_MASK: Final = 0xFFFF
_TRANSPORT_HEADERS: Final = {"tcp": "RTP/AVP/TCP;unicast;interleaved=0-1", "udp": "RTP/AVP;unicast;client_port={}-{}"}


@dataclass(frozen=True, slots=True)
class MediaPacket:
    """One RTP or RTCP packet and when it was read (monotonic seconds)."""

    kind: Literal["rtp", "rtcp"]
    data: bytes
    arrived: float

    @property
    def sequence(self) -> int:
        """RTP sequence number (RFC 3550 section 5.1)."""
        return int.from_bytes(self.data[2:4])

    @property
    def rtp_timestamp(self) -> int:
        """RTP timestamp, 90 kHz for H.264."""
        return int.from_bytes(self.data[4:8])

    @property
    def ssrc(self) -> int:
        """Synchronization source of an RTP packet."""
        return int.from_bytes(self.data[8:12])

    @property
    def has_marker(self) -> bool:
        """Whether this RTP packet ends an access unit."""
        return bool(self.data[1] & 0x80)

    @property
    def payload(self) -> bytes:
        """What follows a fixed RTP header without CSRC, extension or padding."""
        return self.data[12:]


@dataclass(frozen=True, slots=True)
class SequenceGap:
    """A break in the RTP sequence: this one came instead of that."""

    expected: int
    got: int
    arrived: float


class RtspReader:
    """One RTSP connection and at most one session; every wait is bounded by `timeout_s` and ends in TimeoutError.

    `ConnectionError` when the server closes. Media that comes while a response is awaited is kept for `packets()`.
    """

    def __init__(self, url: str, transport: Transport = "tcp", *, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        address = urlsplit(url)
        self.url = url
        self.timeout_s = timeout_s
        self.session_id = ""
        self.description: Response | None = None
        self.gaps: list[SequenceGap] = []
        self.rtp_packets = 0
        self.received_bytes = 0
        self.socket = socket.create_connection((address.hostname, address.port or 554), timeout_s)
        self.socket.setblocking(False)
        self._transport: Transport = transport
        local_host = self.socket.getsockname()[0]
        self._udp: tuple[socket.socket, ...] = open_udp_pair(local_host) if transport == "udp" else ()
        for sock in self._udp:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _UDP_BUFFER_BYTES)
            sock.setblocking(False)
        self._rtp_channel = 0
        self._server_rtcp_port = 0
        self._parser = ClientParser()
        self._cseq = 0
        self._responses: deque[Response] = deque()
        self._media: deque[MediaPacket] = deque()
        self._expected_sequence: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close without a TEARDOWN, as a client that crashed; a second call does nothing."""
        self.socket.close()
        for sock in self._udp:
            sock.close()

    # --- requests

    def request(self, method: str, url: str | None = None, headers: Mapping[str, str] | None = None) -> Response:
        """Send one request (of this session, if there is one) and return the response with its CSeq, any status."""
        self._cseq += 1
        session = {"Session": self.session_id} if self.session_id else {}
        self.send(encode_request(method, url or self.url, self._cseq, session | dict(headers or {})))
        return self.response(self._cseq)

    def send(self, data: bytes) -> None:
        """Send bytes as they are, a broken request or an RTCP packet with its `$` header."""
        self.socket.settimeout(self.timeout_s)
        self.socket.sendall(data)
        self.socket.setblocking(False)

    def options(self) -> Response:
        """Ask what the server can do."""
        return self.request("OPTIONS")

    def describe(self) -> Response:
        """Fetch the SDP; kept as `description`."""
        self.description = self.request("DESCRIBE", headers={"Accept": "application/sdp"})
        return self.description

    def setup(self) -> Response:
        """Set up the first video over the reader's transport; remembers the session. AssertionError before DESCRIBE."""
        assert self.description is not None, "DESCRIBE comes first"
        response = self.request(
            "SETUP", video_control_url(self.description, self.url), {"Transport": self._transport_header()}
        )
        self.session_id = response.session_id
        self._rtp_channel = int(response.transport.get("interleaved", "0-1").partition("-")[0])
        self._server_rtcp_port = int(response.transport.get("server_port", "0-0").partition("-")[2])
        return response

    def play(self, headers: Mapping[str, str] | None = None) -> Response:
        """Start the media, also after a pause; what was missed before it is no gap."""
        self._expected_sequence = None
        return self.request("PLAY", self._aggregate_url(), {"Range": "npt=0.000-"} | dict(headers or {}))

    def pause(self) -> Response:
        """Pause the media; what is on its way still comes."""
        return self.request("PAUSE", self._aggregate_url())

    def keep_alive(self) -> Response:
        """Renew the session as most clients do: GET_PARAMETER without a body (RFC 2326 section 10.8)."""
        return self.request("GET_PARAMETER", self._aggregate_url())

    def teardown(self) -> Response:
        """End the session; the connection stays."""
        response = self.request("TEARDOWN", self._aggregate_url())
        self.session_id = ""
        return response

    def start(self) -> Response:
        """Say all of it up to PLAY and return its response; AssertionError at the first status that is not 200."""
        for step in (self.options, self.describe, self.setup, self.play):
            response = step()
            assert response.status == 200, f"{step.__name__} answered {response.status} {response.reason}"
        return response

    # --- media

    def packets(self, *, seconds: float | None = None, count: int | None = None) -> Iterator[MediaPacket]:
        """Yield RTP and RTCP packets in order of arrival until `seconds` have passed or `count` were yielded.

        With `seconds` alone silence is no error; without it TimeoutError after `timeout_s` without a packet.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        yielded = 0
        while count is None or yielded < count:
            packet = self._next_packet(deadline)
            if packet is None:
                return
            yield packet
            yielded += 1

    def next_rtp(self) -> MediaPacket:
        """Return the next RTP packet; TimeoutError if none comes."""
        return next(packet for packet in self.packets() if packet.kind == "rtp")

    def send_rtcp(self, data: bytes) -> None:
        """Send an RTCP packet the way the session does: interleaved, or to the server's RTCP port."""
        if self._udp:
            self._udp[1].sendto(data, (self.socket.getpeername()[0], self._server_rtcp_port))
        else:
            self.send(b"$" + bytes([self._rtp_channel + 1]) + len(data).to_bytes(2) + data)

    def wait_closed(self) -> float:
        """Drain until the server closes and return when that was (monotonic); TimeoutError if it does not."""
        deadline = time.monotonic() + self.timeout_s
        try:
            while True:
                self._wait(deadline)
        except ConnectionError:
            return time.monotonic()

    def _next_packet(self, deadline: float | None) -> MediaPacket | None:
        """Return the next packet, or None at the deadline; without one, TimeoutError after the reader's time-out."""
        latest = time.monotonic() + self.timeout_s if deadline is None else deadline
        while not self._media:
            try:
                self._wait(latest)
            except TimeoutError:
                if deadline is None:
                    raise
                return None
            except ConnectionError:
                if not self._media:
                    raise
        return self._media.popleft()

    # --- sockets

    def _transport_header(self) -> str:
        ports = [sock.getsockname()[1] for sock in self._udp]
        return _TRANSPORT_HEADERS[self._transport].format(*ports)

    def _aggregate_url(self) -> str:
        return self.url if self.description is None else aggregate_control_url(self.description, self.url)

    def response(self, cseq: int) -> Response:
        """Return the next response, to a request that was sent before; AssertionError when its CSeq is another."""
        deadline = time.monotonic() + self.timeout_s
        while not self._responses:
            self._wait(deadline)
        response = self._responses.popleft()
        assert response.headers.get("cseq") == str(cseq), f"asked {cseq}, answered {response}"
        return response

    def _wait(self, deadline: float) -> None:
        """Read whatever is readable; TimeoutError if nothing is by the deadline."""
        left_s = max(0.0, deadline - time.monotonic())
        readable, _writable, _failed = select.select([self.socket, *self._udp], [], [], left_s)
        if not readable or not left_s:
            raise TimeoutError(f"{self.url}: nothing came in time")
        for sock in self._udp:  # first: what was sent before the server closed is there when the end is
            self._read_datagrams(sock)
        if self.socket in readable:
            self._read_connection()

    def _read_datagrams(self, sock: socket.socket) -> None:
        try:
            while True:
                self._take_media(sock is self._udp[0], sock.recv(READ_BYTES))
        except BlockingIOError:
            return

    def _read_connection(self) -> None:
        data = self.socket.recv(READ_BYTES)
        if not data:
            raise ConnectionError(f"{self.url}: the server closed the connection")
        self._parser.receive(data)
        while (message := self._parser.next_message()) is not None:
            if isinstance(message, InterleavedPacket):
                self._take_media(message.channel == self._rtp_channel, message.data)
            else:
                self._responses.append(message)

    def _take_media(self, is_rtp: bool, data: bytes) -> None:
        packet = MediaPacket("rtp" if is_rtp else "rtcp", data, time.monotonic())
        self._media.append(packet)
        self.received_bytes += len(data)
        if is_rtp:
            self.rtp_packets += 1
            self._check_sequence(packet)

    def _check_sequence(self, packet: MediaPacket) -> None:
        expected = self._expected_sequence
        if expected is not None and packet.sequence != expected:
            self.gaps.append(SequenceGap(expected, packet.sequence, packet.arrived))
        self._expected_sequence = (packet.sequence + 1) & _SEQUENCE_MASK
