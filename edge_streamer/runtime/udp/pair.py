"""UDP for one session: an RTP and an RTCP socket, connected to the client's ports.

Connected sockets report the peer's ICMP errors at the next send, and accept datagrams from the peer only.
"""

import errno
import logging
import socket
from collections.abc import Callable
from typing import Any, Final

from edge_streamer.runtime.address import with_port
from edge_streamer.runtime.loop import Loop, Registration
from edge_streamer.runtime.udp.runs import MAX_DATAGRAM_BYTES, RunSender, datagram_socket

log = logging.getLogger(__name__)

ERROR_DETAIL_BYTES: Final = 512
_IP_RECVERR: Final = {socket.AF_INET: (socket.IPPROTO_IP, 11), socket.AF_INET6: (socket.IPPROTO_IPV6, 25)}
"""IP_RECVERR, IPV6_RECVERR (linux/in.h, linux/in6.h): the kernel reports unreachable hosts too, not only closed ports.
"""
REFUSED_LIMIT_S: Final = 1.0
"""ZoneMinder 1.36 (Remote, RTP/Unicast) opens its ports only after it has read the PLAY reply, so the first packets are
refused; Linux reports a closed port at least once a second (icmp(7), icmp_ratelimit)."""
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
        self, ports: UdpPortRange, local_address: Any, peer_address: Any, client_ports: tuple[int, int]
    ) -> None:
        self._on_gone: Callable[[], None] = _ignore_end
        self._now: Callable[[], float] = float
        self._refused = _Outage(REFUSED_LIMIT_S)
        self._unreachable = _Outage(UNREACHABLE_LIMIT_S)
        self._has_warned = False
        self._registrations: tuple[Registration, ...] = ()
        self._rtp, self._rtcp = ports.bind_pair(local_address)
        self.sender = RunSender(self._rtp, self.fail)
        self.send_runs = self.sender.send_runs  # bound once: no call in between, per frame
        try:
            self._rtp.connect(with_port(peer_address, client_ports[0]))
            self._rtcp.connect(with_port(peer_address, client_ports[1]))
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
        self._registrations = (
            loop.register(self._rtp, _DatagramReader(self._rtp, _ignore, self.fail, on_failed)),
            loop.register(self._rtcp, _DatagramReader(self._rtcp, on_rtcp, self._fail_rtcp, on_failed)),
        )

    @property
    def server_ports(self) -> tuple[int, int]:
        """The server's RTP and RTCP ports."""
        return self._rtp.getsockname()[1], self._rtcp.getsockname()[1]

    def send_rtcp(self, packet: bytes) -> None:
        """Send a compound RTCP packet."""
        try:
            self._rtcp.send(packet)
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
        self._on_gone = _ignore_end


class _Outage:
    """How long one kind of error has gone on: an error after a pause of `UNREACHABLE_PAUSE_S` begins a new outage."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._since = 0.0
        self._last_at = float("-inf")

    def has_lasted(self, now: float) -> bool:
        """Note an error at `now` (monotonic seconds); return whether the outage is longer than the limit."""
        if now - self._last_at > UNREACHABLE_PAUSE_S:
            self._since = now
        self._last_at = now
        return now - self._since > self._limit_s


class _DatagramReader:
    """Passes the datagrams of one of the pair's sockets on."""

    def __init__(
        self,
        source: socket.socket,
        take: Callable[[bytes], None],
        on_error: Callable[[OSError], None],
        on_failed: Callable[[], None],
    ) -> None:
        self._source = source
        self._take = take
        self._on_error = on_error
        self._on_failed = on_failed

    def on_readable(self) -> None:
        try:
            datagram = self._source.recv(MAX_DATAGRAM_BYTES)
        except (BlockingIOError, InterruptedError):
            self._forget_details()
            return
        except OSError as error:
            self._forget_details()
            self._on_error(error)
            return
        self._take(datagram)

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
