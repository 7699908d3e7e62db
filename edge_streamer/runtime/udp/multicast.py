"""The sender's side of a multicast group: a socket for RTP and a socket for RTCP.

Any-source multicast (RFC 1112, RFC 2710): viewers join the group themselves and report to it (RFC 3550 section 6.2), so
the RTCP socket joins it too. This module does not know how many viewers there are.

Both sockets are bound to the group's address. So packets leave from the port that they go to, which SETUP announces:
gortsplib drops packets from any other port. The RTCP socket receives packets to the group, not those to this machine;
its own packets come back, and the owner recognizes them by their SSRC. The RTP socket is connected to the group and so
receives nothing. Ports are shared (SO_REUSEADDR) with viewers on this machine.

Opened and closed by `services.rtsp.transports.multicast`. `pair` is the counterpart for one viewer; both send with
`runs`.
"""

import logging
import socket
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from struct import pack
from typing import Any

from edge_streamer.runtime.address import host_of
from edge_streamer.runtime.loop import Loop, Registration
from edge_streamer.runtime.udp.runs import MAX_DATAGRAM_BYTES, RunSender, datagram_socket

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GroupAddress:
    """The destination of a stream: a literal multicast address, an even port for RTP and the next one for RTCP.

    `interface` is a network device (`eth0`); empty leaves the choice to the routing table.
    """

    host: str
    rtp_port: int
    ttl: int = 1
    interface: str = ""

    @property
    def ports(self) -> tuple[int, int]:
        """The RTP and the RTCP port."""
        return self.rtp_port, self.rtp_port + 1


class MulticastGroup:
    """The two sockets of one stream's group; `sender` counts the RTP packets sent, `source_host` is the address that
    they leave from. OSError when this machine has no route to the group or no such device."""

    def __init__(self, address: GroupAddress) -> None:
        self.address = address
        self._has_warned = False
        self._registration: Registration | None = None
        device = socket.if_nametoindex(address.interface) if address.interface else 0
        rtp_target, self._rtcp_target = (_sockaddr(address.host, port, device) for port in address.ports)
        with ExitStack() as undo:
            self._rtp = undo.enter_context(_group_socket(address, device))
            self._rtcp = undo.enter_context(_group_socket(address, device))
            self.source_host = _source_host(address, device, rtp_target)
            self._rtp.bind(rtp_target)
            self._rtp.connect(rtp_target)
            self._rtcp.bind(self._rtcp_target)
            _join(self._rtcp, self._rtcp_target, device)
            undo.pop_all()
        self.sender = RunSender(self._rtp, self._warn)
        self.send_runs = self.sender.send_runs  # bound once: no call in between, per frame

    def start(self, loop: Loop, on_rtcp: Callable[[bytes, str], None], on_failed: Callable[[], None]) -> None:
        """Read the reports to the group, which include this server's: `on_rtcp` is given a packet and its sender's
        host. `on_failed` is called when `on_rtcp` raised."""

        def fail() -> None:
            self._stop_reading()
            on_failed()

        self._registration = loop.register(self._rtcp, _ReportReader(self._rtcp, on_rtcp, fail))

    def send_rtcp(self, packet: bytes) -> None:
        """Send a compound RTCP packet to the group."""
        try:
            self._rtcp.sendto(packet, self._rtcp_target)
        except BlockingIOError:
            pass  # the next report comes in five seconds
        except OSError as error:
            self._warn(error)

    def _warn(self, error: OSError) -> None:
        """Log the first failure: without a link or a route packets are lost, but the viewers may still be there."""
        if not self._has_warned:
            self._has_warned = True
            log.warning("multicast to %s failed: %s (said once for this group)", self.address.host, error)

    def close(self) -> None:
        """Leave the group and free both ports."""
        self._stop_reading()
        self._rtp.close()
        self._rtcp.close()
        self.sender.let_go()

    def _stop_reading(self) -> None:
        if self._registration is not None:
            self._registration.close()


class _ReportReader:
    """Passes the datagrams of the group's RTCP socket on."""

    def __init__(self, rtcp: socket.socket, take: Callable[[bytes, str], None], on_failed: Callable[[], None]) -> None:
        self._rtcp = rtcp
        self._take = take
        self._on_failed = on_failed

    def on_readable(self) -> None:
        """Read one datagram and pass it on."""
        try:
            packet, source = self._rtcp.recvfrom(MAX_DATAGRAM_BYTES)
        except OSError:
            return  # the kernel dropped it (a wrong checksum), or the interface went away
        self._take(packet, host_of(source))

    def on_writable(self) -> None:
        raise AssertionError("the reader never asks to write")

    def on_fault(self, error: Exception) -> None:
        """Stop reading: `take` raised (the loop has logged it)."""
        del error
        self._on_failed()


def _group_socket(address: GroupAddress, device: int) -> socket.socket:
    """Return an open socket whose packets reach `ttl` hops, `device` first, and viewers on this machine too."""
    made = datagram_socket(address.host)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for option, value in _sending_options(made.family, address.ttl, device):
            made.setsockopt(_LEVEL[made.family], option, value)
    except OSError:
        made.close()
        raise
    return made


def _source_host(address: GroupAddress, device: int, target: Any) -> str:
    """Return the address that the kernel sends from to `target`, without a zone. A socket that is bound to the group
    names the group as its own address, so an unbound one is asked."""
    with _group_socket(address, device) as unbound:
        unbound.connect(target)
        return host_of(unbound.getsockname()).partition("%")[0]


_LEVEL = {socket.AF_INET: socket.IPPROTO_IP, socket.AF_INET6: socket.IPPROTO_IPV6}


def _sending_options(family: int, ttl: int, device: int) -> tuple[tuple[int, Any], ...]:
    """ip(7) and ipv6(7); device 0 is the choice of the routing table."""
    if family == socket.AF_INET6:
        return (
            (socket.IPV6_MULTICAST_HOPS, ttl),
            (socket.IPV6_MULTICAST_LOOP, 1),
            (socket.IPV6_MULTICAST_IF, device),
        )
    return (
        (socket.IP_MULTICAST_TTL, ttl),
        (socket.IP_MULTICAST_LOOP, 1),
        (socket.IP_MULTICAST_IF, _ip_mreqn("0.0.0.0", device)),  # noqa: S104 - "no address", not a bind
    )


def _join(rtcp: socket.socket, sockaddr: Any, device: int) -> None:
    if rtcp.family == socket.AF_INET6:
        membership = socket.inet_pton(socket.AF_INET6, sockaddr[0]) + pack("=I", device)  # struct ipv6_mreq
        rtcp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, membership)
    else:
        rtcp.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, _ip_mreqn(sockaddr[0], device))


def _ip_mreqn(group: str, device: int) -> bytes:
    """Return linux/in.h's struct ip_mreqn: group, local address (none), device."""
    return socket.inet_aton(group) + bytes(4) + pack("=i", device)


def _sockaddr(host: str, port: int, device: int) -> Any:
    return (host, port, 0, device) if ":" in host else (host, port)
