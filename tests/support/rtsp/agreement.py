"""What a client can compare: a reply to SETUP with the packets that follow it.

    heard = Ears(Place(host, port), ...)      # two sockets, which note where each datagram came from and went to
    assert disagreements(reply, server_host, heard.rtp(), heard.rtcp()) == []

It is as strict as the strictest client: gortsplib drops packets from another address or port than announced, retina
those of another SSRC. It shares no line with the product.
"""

import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Self

from tests.support.rtsp.wire import Response

_IP_RECVTTL: Final = 12  # linux/in.h
_IP_PKTINFO: Final = 8  # linux/in.h
_FORMAT_V4: Final = "i4s4s"  # struct in_pktinfo: device, local address, destination
_SENDER_REPORT: Final = 200


@dataclass(frozen=True, slots=True)
class Datagram:
    """A packet as it arrived. For interleaved packets, addresses are empty and the ports are the channel."""

    data: bytes
    source: tuple[str, int]
    destination: tuple[str, int]
    ttl: int

    @property
    def ssrc(self) -> int:
        """The SSRC of RTP, or of the sender of RTCP."""
        start = 8 if self.data[1] != _SENDER_REPORT else 4
        return int.from_bytes(self.data[start : start + 4])


class Ears:
    """An RTP and an RTCP socket on one machine's address, or members of a group on `device`."""

    def __init__(self, host: str, ports: tuple[int, int] = (0, 0), device: str = "") -> None:
        self._ends = [_bound(host, port, device) for port in ports]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        for end in self._ends:
            end.close()

    @property
    def ports(self) -> tuple[int, int]:
        """The ports that they are bound to."""
        return self._ends[0].getsockname()[1], self._ends[1].getsockname()[1]

    def rtp(self) -> list[Datagram]:
        """Return and forget the datagrams at the RTP port."""
        return _received(self._ends[0])

    def rtcp(self) -> list[Datagram]:
        """Return and forget the datagrams at the RTCP port."""
        return _received(self._ends[1])


def disagreements(
    reply: Response, server_host: str, ears: tuple[int, int], rtp: Iterable[Datagram], rtcp: Iterable[Datagram]
) -> list[str]:
    """Return every difference between the reply and the packets. `ears` are the client's own ports (or channels),
    `server_host` the address that it sent SETUP to."""
    told = reply.transport
    found = []
    for what, datagrams, number in (("RTP", rtp, 0), ("RTCP", rtcp, 1)):
        datagrams = list(datagrams)
        if not datagrams:
            found.append(f"no {what}")
        for datagram in datagrams:
            found += [f"{what}: {fault}" for fault in _faults(told, server_host, ears, datagram, number)]
    return found


def _faults(
    told: dict[str, str], server_host: str, ears: tuple[int, int], datagram: Datagram, number: int
) -> list[str]:
    expected: dict[str, Any] = {"ssrc": int(told["ssrc"], 16)}
    if "interleaved" in told:
        expected["channel"] = _pair(told["interleaved"])[number]
        seen: dict[str, Any] = {"ssrc": datagram.ssrc, "channel": datagram.source[1]}
    else:
        is_group = "multicast" in told
        expected["source address"] = told.get("source", server_host)
        expected["source port"] = _pair(told["port" if is_group else "server_port"])[number]
        expected["destination port"] = _pair(told["port" if is_group else "client_port"])[number]
        expected["client's port"] = ears[number]
        seen = {"ssrc": datagram.ssrc, "source address": datagram.source[0], "source port": datagram.source[1]}
        seen |= {"destination port": datagram.destination[1], "client's port": datagram.destination[1]}
        if is_group:
            expected |= {"destination": told["destination"], "ttl": int(told["ttl"])}
            seen |= {"destination": datagram.destination[0], "ttl": datagram.ttl}
    return [f"{name} is {seen[name]}, announced {value}" for name, value in expected.items() if seen[name] != value]


def _pair(text: str) -> tuple[int, int]:
    first, _dash, second = text.partition("-")
    return int(first), int(second)


def _bound(host: str, port: int, device: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_DGRAM)
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    else:
        made.setsockopt(socket.IPPROTO_IP, _IP_RECVTTL, 1)
        made.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
    made.bind((host, port))
    if device:
        number = socket.if_nametoindex(device)
        if family == socket.AF_INET6:
            membership = socket.inet_pton(family, host) + struct.pack("=I", number)
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, membership)
        else:
            membership = socket.inet_aton(host) + bytes(4) + struct.pack("=i", number)
            made.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
    return made


def _received(end: socket.socket) -> list[Datagram]:
    found = []
    try:
        while True:
            data, ancillary, _flags, source = end.recvmsg(65535, 256)
            told = {(level, kind): value for level, kind, value in ancillary}
            found.append(_datagram(data, told, source, end.getsockname()[1]))
    except BlockingIOError:
        return found


def _datagram(data: bytes, told: dict[tuple[int, int], bytes], source: Any, port: int) -> Datagram:
    if (socket.IPPROTO_IP, _IP_PKTINFO) in told:
        _device, _local, there = struct.unpack(_FORMAT_V4, told[socket.IPPROTO_IP, _IP_PKTINFO])
        host = socket.inet_ntoa(there)
        ttl = told[socket.IPPROTO_IP, socket.IP_TTL]
    else:
        host = socket.inet_ntop(socket.AF_INET6, told[socket.IPPROTO_IPV6, socket.IPV6_PKTINFO][:16])
        ttl = told[socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT]
    return Datagram(data, (source[0].partition("%")[0], source[1]), (host, port), int.from_bytes(ttl, "little"))
