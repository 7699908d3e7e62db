"""A listener to a multicast group on this machine's loopback device; nothing leaves the machine.

Each process has groups of its own, so that test runs side by side do not hear each other. IPv4 only: the loopback
device of most machines has no way to an IPv6 group.
"""

import os
import socket
from typing import Final, Self

from edge_streamer.runtime.udp.multicast import GroupAddress

DEVICE: Final = "lo"
FIRST_PORT: Final = 52000
_IP_RECVTTL: Final = 12  # linux/in.h


def own_group(number: int = 0, *, ttl: int = 1) -> GroupAddress:
    """Return a group that no other process uses, number 0 to 9 of ours."""
    high, low = divmod(os.getpid() % 50_000 + 256, 256)
    return GroupAddress(f"239.{high}.{low}.{number + 1}", FIRST_PORT + 2 * number, ttl, DEVICE)


class Listener:
    """One viewer's two sockets: RTP and RTCP."""

    def __init__(self, group: GroupAddress) -> None:
        self._group = group
        self._sockets = [_joined(group, port) for port in group.ports]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        for end in self._sockets:
            end.close()

    def received(self, port: int = 0) -> list[bytes]:
        """Return and forget what came to the RTP port (0) or the RTCP port (1)."""
        return [datagram for datagram, _source, _ttl in self.received_from(port)]

    def received_from(self, port: int = 0) -> list[tuple[bytes, tuple[str, int], int]]:
        """As `received`, with who sent it and the TTL that was left."""
        found = []
        try:
            while True:
                datagram, ancillary, _flags, source = self._sockets[port].recvmsg(65535, 64)
                ttl = next(int.from_bytes(value, "little") for _level, _kind, value in ancillary)
                found.append((datagram, source, ttl))
        except BlockingIOError:
            return found

    def report(self, packet: bytes) -> None:
        """Send RTCP to the group."""
        self._sockets[1].sendto(packet, (self._group.host, self._group.ports[1]))


def _joined(group: GroupAddress, port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.IPPROTO_IP, _IP_RECVTTL, 1)
    made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
    made.bind((group.host, port))
    membership = socket.inet_aton(group.host) + socket.inet_aton("127.0.0.1")
    made.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
    return made
