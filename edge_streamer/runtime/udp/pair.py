"""UDP for one session: an RTP and an RTCP socket, connected to the client's ports before the first media leaves.

Connected sockets report the peer's ICMP errors at the next send, and accept datagrams from the peer only. `latch`
decides which ports these are, since a NAT may replace the announced ones.
"""

import errno
import logging
import socket
from collections.abc import Callable, Iterable
from typing import Any, Final

from edge_streamer.runtime.address import with_port
from edge_streamer.runtime.loop import Loop, Registration
from edge_streamer.runtime.udp.latch import PortLatch
from edge_streamer.runtime.udp.runs import MAX_DATAGRAM_BYTES, DatagramRun, RunSender, datagram_socket

log = logging.getLogger(__name__)

ERROR_DETAIL_BYTES: Final = 512
MAX_WAITING_DATAGRAMS: Final = 64
"""How many datagrams that came before the first media are read at once. GStreamer sends the most: five."""
_IP_RECVERR: Final = {socket.AF_INET: (socket.IPPROTO_IP, 11), socket.AF_INET6: (socket.IPPROTO_IPV6, 25)}
"""IP_RECVERR, IPV6_RECVERR (linux/in.h, linux/in6.h): the kernel reports unreachable hosts too, not only closed ports.
"""
REFUSED_LIMIT_S: Final = 1.0
"""ZoneMinder 1.36 (Remote, RTP/Unicast) opens its ports only after it has read the PLAY reply, so the first packets are
refused; Linux reports a closed port at least once a second (icmp(7), icmp_ratelimit)."""
REFUSED_PAUSE_S: Final = 30.0
"""A stream may have few frames, each of which is refused: only after a longer pause was the port open in between."""
UNREACHABLE_LIMIT_S: Final = 8.0
UNREACHABLE_PAUSE_S: Final = 5.0
"""The kernel reports "no route" again after every failed address resolution, about every three seconds; a longer pause
means that the host was reachable in between."""
_UNREACHABLE: Final = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTDOWN}
"""Errors that a stalled link causes, too, after some seconds: packets are lost, but the session continues."""


class NoPortLeftError(OSError):
    """Every pair of the configured UDP port range is in use."""


class UdpPortRange:
    """Even/odd port pairs (RFC 3550 section 11) out of a configured range, taken in turn so that late datagrams of an
    ended session do not meet a new one."""

    def __init__(self, first: int, last: int) -> None:
        self._first = first + first % 2
        self._pairs = (last + 1 - self._first) // 2
        self._next = 0

    def bind_pair(self, local_address: Any) -> tuple[socket.socket, socket.socket]:
        """Return sockets bound to an even port and the odd one above it; NoPortLeftError when all are taken."""
        for _ in range(self._pairs):
            port = self._first + 2 * self._next
            self._next = (self._next + 1) % self._pairs
            pair = _bound_pair(local_address, port)
            if pair is not None:
                return pair
        raise NoPortLeftError(errno.EADDRINUSE, f"all {self._pairs} UDP port pairs are in use")


class UdpPair:
    """The two sockets of one UDP session; `sender` counts the RTP packets sent."""

    def __init__(
        self,
        ports: UdpPortRange,
        local_address: Any,
        peer_address: Any,
        client_ports: tuple[int, int],
        is_report_on_stream: Callable[[bytes], bool],
    ) -> None:
        self._on_gone: Callable[[], None] = _ignore_end
        self._now: Callable[[], float] = float
        self._refused = _Outage(REFUSED_LIMIT_S, REFUSED_PAUSE_S)
        self._unreachable = _Outage(UNREACHABLE_LIMIT_S, UNREACHABLE_PAUSE_S)
        self._has_warned = False
        self._registrations: tuple[Registration, ...] = ()
        self._readers: tuple[_DatagramReader, ...] = ()
        self._rtp, self._rtcp = ports.bind_pair(local_address)
        self.sender = RunSender(self._rtp, self.fail)
        self.send_runs: Callable[[Iterable[DatagramRun]], bool] = self._send_first
        try:
            self._rtp_latch = PortLatch(self._rtp, with_port(peer_address, client_ports[0]))
            self._rtcp_latch = PortLatch(self._rtcp, with_port(peer_address, client_ports[1]), is_report_on_stream)
        except OSError:
            self.close()
            raise

    def start(
        self, loop: Loop, on_rtcp: Callable[[bytes], None], on_gone: Callable[[], None], on_failed: Callable[[], None]
    ) -> None:
        """Read the client's datagrams; `on_gone` is called when the network reports that the client is gone,
        `on_failed` when `on_rtcp` raised."""
        self._on_gone = on_gone
        self._now = loop.now
        rtp = _DatagramReader(self._rtp, self._rtp_latch, _ignore, self.fail, on_failed)
        rtcp = _DatagramReader(self._rtcp, self._rtcp_latch, on_rtcp, self._fail_rtcp, on_failed)
        self._readers = rtp, rtcp
        self._registrations = loop.register(self._rtp, rtp), loop.register(self._rtcp, rtcp)

    def _send_first(self, runs: Iterable[DatagramRun]) -> bool:
        """Connect the sockets and send the first frame's runs; the frames after it are sent by the sender itself, with
        no call in between. The client's datagrams may have arrived with its PLAY and not have been read yet."""
        for reader in self._readers:
            reader.read_waiting()
        try:
            self._rtp_latch.begin_media()
            self._rtcp_latch.begin_media()
        except OSError as error:
            self.fail(error)
            return False
        self.send_runs = self.sender.send_runs
        return self.send_runs(runs)

    @property
    def server_ports(self) -> tuple[int, int]:
        """The server's RTP and RTCP ports."""
        return self._rtp.getsockname()[1], self._rtcp.getsockname()[1]

    def send_rtcp(self, packet: bytes) -> None:
        """Send a compound RTCP packet."""
        try:
            if self._rtcp_latch.is_settled:
                self._rtcp.send(packet)
            else:
                self._rtcp.sendto(packet, self._rtcp_latch.target)
        except BlockingIOError:
            pass  # the next report comes in five seconds
        except OSError as error:
            self._fail_rtcp(error)

    def _fail_rtcp(self, error: OSError) -> None:
        """Handle an error of the RTCP socket: a closed RTCP port is ignored, since a viewer may bind its RTP port
        only."""
        if error.errno != errno.ECONNREFUSED:
            self.fail(error)

    def fail(self, error: OSError) -> None:
        """Call `on_gone` when `error` means that the client is gone: its port has been closed, or its host has been
        unreachable, for too long. After any other error the session continues, without the lost packets."""
        outage = self._refused if error.errno == errno.ECONNREFUSED else self._unreachable
        if outage is self._refused or error.errno in _UNREACHABLE:
            if outage.has_lasted(self._now()):
                self._on_gone()
        elif not self._has_warned:
            self._has_warned = True
            log.warning("UDP send failed: %s (said once for this viewer)", error)

    def close(self) -> None:
        """Free both ports."""
        for registration in self._registrations:
            registration.close()
        self._rtp.close()
        self._rtcp.close()
        self.sender.let_go()
        self.send_runs = self.sender.send_runs  # breaks a reference cycle, as the next lines do
        self._readers = ()
        self._on_gone = _ignore_end


class _Outage:
    """How long one kind of error has gone on: an error after a longer pause than `pause_s` begins a new outage."""

    def __init__(self, limit_s: float, pause_s: float) -> None:
        self._limit_s = limit_s
        self._pause_s = pause_s
        self._since = 0.0
        self._last_at = float("-inf")

    def has_lasted(self, now: float) -> bool:
        """Note an error at `now` (monotonic seconds); return whether the outage is longer than the limit."""
        if now - self._last_at > self._pause_s:
            self._since = now
        self._last_at = now
        return now - self._since > self._limit_s


class _DatagramReader:
    """Passes the client's datagrams to one of the pair's sockets on."""

    def __init__(
        self,
        source: socket.socket,
        latch: PortLatch,
        take: Callable[[bytes], None],
        on_error: Callable[[OSError], None],
        on_failed: Callable[[], None],
    ) -> None:
        self._source = source
        self._latch = latch
        self._take = take
        self._on_error = on_error
        self._on_failed = on_failed

    def on_readable(self) -> None:
        self._read()

    def read_waiting(self) -> None:
        """Read what has arrived."""
        for _ in range(MAX_WAITING_DATAGRAMS):
            if not self._read():
                return

    def _read(self) -> bool:
        """Read one datagram; False when there was none."""
        try:
            datagram, sender = self._source.recvfrom(MAX_DATAGRAM_BYTES)
            is_of_client = self._latch.hears(datagram, sender)
        except (BlockingIOError, InterruptedError):
            self._forget_details()
            return False
        except OSError as error:
            self._forget_details()
            self._on_error(error)
            return False
        if is_of_client:
            self._take(datagram)
        return True

    def _forget_details(self) -> None:
        """Empty the error queue, which keeps the descriptor ready; `recv` or a send has read the error itself."""
        try:
            while self._source.recvmsg(0, ERROR_DETAIL_BYTES, socket.MSG_ERRQUEUE):
                pass
        except OSError:
            pass

    def on_writable(self) -> None:
        raise AssertionError("never asked for")

    def on_fault(self, error: Exception) -> None:
        del error
        self._on_failed()


def _ignore(datagram: bytes) -> None:
    """Called for datagrams to the RTP port: Avigilon sends them to open its firewall; their content has no use."""


def _ignore_end() -> None:
    """Called when a send fails before `start` or after `close`: the session has not begun, or has ended."""


def _bound_pair(local_address: Any, port: int) -> tuple[socket.socket, socket.socket] | None:
    pair: list[socket.socket] = []
    try:
        for offset in range(2):
            pair.append(_unbound_socket(local_address[0]))
            pair[offset].bind(with_port(local_address, port + offset))
    except OSError as error:
        for end in pair:
            end.close()
        if error.errno == errno.EADDRINUSE:
            return None
        raise
    return pair[0], pair[1]


def _unbound_socket(host: str) -> socket.socket:
    unbound = datagram_socket(host)
    unbound.setsockopt(*_IP_RECVERR[unbound.family], 1)
    return unbound
