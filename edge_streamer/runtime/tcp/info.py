"""The kernel's view of a TCP connection: bytes that it holds, and fields of `struct tcp_info`.

Called by `connection` and `dead_peer`. A query costs at most two system calls, and no frame causes one. The struct
(linux/tcp.h) has grown with every few kernels, and only at its end: a field that a kernel does not have yet is None.
"""

import socket
from fcntl import ioctl
from struct import Struct, calcsize, unpack, unpack_from
from termios import TIOCOUTQ
from typing import Final

import msgspec

UNACKED: Final = ("=I", 24)  # tcpi_unacked, packets
LAST_ACK_RECEIVED: Final = ("=I", 56)  # tcpi_last_ack_recv, milliseconds ago
BYTES_ACKED: Final = ("=Q", 120)  # tcpi_bytes_acked; Linux 4.1
_PATH: Final = Struct("=68xI28xI40xI12xQ")
"""The fields of `TcpInfo`, unpacked in one call, since a scrape asks for every viewer: at 68 tcpi_rtt, microseconds,
smoothed (RFC 6298 section 2); at 100 tcpi_total_retrans, segments; at 144 tcpi_notsent_bytes (Linux 4.6); at 160
tcpi_delivery_rate, bytes per second (Linux 4.9). Round trip and rate are 0 before the first was measured."""
_NOT_SENT_ENDS: Final = 148
_SIOCOUTQ: Final = TIOCOUTQ  # the same number on Linux: bytes the peer has not acknowledged yet


class TcpInfo(msgspec.Struct, frozen=True, gc=False):
    """One connection's path at one instant.

    `unacknowledged_bytes` were sent at least once and are not acknowledged yet. `delivery_bps` is the newest measured
    delivery rate; where little was sent, the network could deliver more.
    """

    round_trip_s: float | None
    retransmits: int  # segments, since the connection began
    unacknowledged_bytes: int | None
    delivery_bps: float | None

    def counted_from(self, retransmits: int) -> "TcpInfo":
        """Return the same values, with the retransmits counted beyond `retransmits`."""
        return msgspec.structs.replace(self, retransmits=self.retransmits - retransmits)


def read_tcp_info(connected: socket.socket) -> TcpInfo:
    """Query the kernel. OSError when the socket is not a TCP socket."""
    return parse_tcp_info(read_raw(connected), held_bytes(connected))


def held_bytes(connected: socket.socket) -> int:
    """Return how many bytes the kernel holds that the peer has not acknowledged, whether sent or not."""
    held: int = unpack("i", ioctl(connected, _SIOCOUTQ, b"\0\0\0\0"))[0]
    return held


def read_raw(connected: socket.socket) -> bytes:
    """Return the struct up to the last field that is read here, as far as this kernel fills it."""
    return connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _PATH.size)


def parse_tcp_info(raw: bytes, held_bytes: int) -> TcpInfo:
    """Return the values in `raw`, a struct of any length, for a connection of which the kernel holds `held_bytes`."""
    path = _PATH.unpack_from(raw.ljust(_PATH.size, b"\0"))
    round_trip_us, retransmits, not_sent_bytes, delivered_per_s = path
    return TcpInfo(
        round_trip_s=round_trip_us / 1e6 if round_trip_us else None,
        retransmits=retransmits,
        # never negative, though the two numbers are read at two instants
        unacknowledged_bytes=max(0, held_bytes - not_sent_bytes) if len(raw) >= _NOT_SENT_ENDS else None,
        delivery_bps=delivered_per_s * 8.0 if delivered_per_s else None,
    )


def field_of(raw: bytes, field: tuple[str, int]) -> int | None:
    """Return one field, or None where `raw` ends before it does."""
    layout, offset = field
    if offset + calcsize(layout) > len(raw):
        return None
    value: int = unpack_from(layout, raw, offset)[0]
    return value
