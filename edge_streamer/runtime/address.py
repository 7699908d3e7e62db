"""Addresses and ports: of sockets, in the form that the other modules use, and in the configuration.

`host_of` and `undressed` remove the port and the IPv4-in-IPv6 form from a socket's address, `without_zone` the zone,
which must not reach another machine. `ListenAddress` and
`PortRange` are values of settings sections and convert themselves from and to TOML.
"""

import re
import socket
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Any, Final, TypeAlias

_MAPPED: Final = "::ffff:"
_IPV6_NETWORK: Final = -1 << 64
_IPV6_LOOPBACK: Final = "::1"

MAX_LISTENERS: Final = 16
_ADDRESS: Final = re.compile(r"(?:\[(?P<v6>[0-9A-Za-z:.%_-]+)\]|(?P<v4>[0-9.]+)):(?P<port>[0-9]{1,5})")
ALLOWED_ADDRESS: Final = (
    "ADDR:PORT with a literal address (host names are not looked up), IPv6 in brackets, "
    "port 0 to 65535 (0 takes any free one)"
)


def family_of(host: str) -> socket.AddressFamily:
    """Return the address family of a literal address."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def host_of(sockaddr: Any) -> str:
    """Return the host of a socket address: `::ffff:192.0.2.1` becomes `192.0.2.1`, a zone (`%eth0`) stays."""
    host = str(sockaddr[0])
    return host.removeprefix(_MAPPED) if "." in host else host


def without_zone(host: str) -> str:
    """Return `host` without its zone: `fe80::1%eth0` becomes `fe80::1`.

    A zone has a meaning on this machine only (RFC 4007 section 11.2), and neither SDP nor the URLs of RFC 3986 can have
    one.
    """
    return host.partition("%")[0]


def undressed(sockaddr: Any) -> Any:
    """Return an IPv4-mapped socket address as an IPv4 socket would give it; a socket that accepts both families, as
    systemd's sockets do, maps the addresses of IPv4 peers."""
    host = host_of(sockaddr)
    return sockaddr if host == sockaddr[0] else (host, sockaddr[1])


def network_key(host: str) -> str:
    """Return the key under which limits per address count `host`: the /64 of an IPv6 address, as a peer can have 2^64.

    An IPv4 address and loopback are their own keys. A zone stays: the same /64 on another link is another network.
    """
    if ":" not in host or host == _IPV6_LOOPBACK:
        return host
    address = IPv6Address(host)
    zone = f"%{address.scope_id}" if address.scope_id else ""
    return f"{IPv6Address(int(address) & _IPV6_NETWORK)}{zone}/64"


def sockaddr_of(host: str, port: int) -> Any:
    """Return the socket address of a literal address; OSError for a zone that is no interface of this machine.

    `bind` and `connect` of Python take the zone from the fourth item alone and ignore one in the host.
    """
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)[0][4]


def with_port(sockaddr: Any, port: int) -> Any:
    """Return the same address with another port; IPv6 keeps flow and scope."""
    return (sockaddr[0], port, *sockaddr[2:])


def bracketed(host: str) -> str:
    """Return `host` as it stands in front of a port: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def in_url(host: str) -> str:
    """Return `host` as a URL for another machine writes it: IPv6 in brackets, and without a zone."""
    return bracketed(without_zone(host))


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Where a listener is bound: a literal IPv4 or IPv6 address and a port, 0 for any free one."""

    host: str
    port: int

    def __post_init__(self) -> None:
        ip_address(self.host)
        if not 0 <= self.port <= 65535:
            raise ValueError(f"no port: {self.port}")

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """True when no other machine can reach the address."""
        return ip_address(self.host).is_loopback

    def to_toml(self) -> str:
        """Return `ADDR:PORT`."""
        return str(self)

    @classmethod
    def from_toml(cls, value: object) -> "ListenAddress":
        """Return the address in `ADDR:PORT`; ValueError for any other text."""
        match = _ADDRESS.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise ValueError("not ADDR:PORT")
        address = ip_address(match["v6"] or match["v4"])
        if (address.version == 6) != (match["v6"] is not None):
            raise ValueError("brackets are for IPv6 only")
        return cls(str(address), int(match["port"]))


@dataclass(frozen=True, slots=True)
class PortRange:
    """UDP ports for media, `first` and `last` included: whole pairs, RTP even and RTCP the next odd one."""

    first: int
    last: int

    def __post_init__(self) -> None:
        is_range = 1024 <= self.first < self.last <= 65535
        if not is_range or self.first % 2 != 0 or self.last % 2 != 1:
            raise ValueError("not a range of port pairs")

    def to_toml(self) -> list[int]:
        """Return `[FIRST, LAST]`."""
        return [self.first, self.last]

    @classmethod
    def from_toml(cls, value: object) -> "PortRange":
        """Return the range in `[FIRST, LAST]`; ValueError for any other value."""
        match value:
            case [int() as first, int() as last]:
                return cls(first, last)
            case _:
                raise ValueError("not [FIRST, LAST]")


Listen: TypeAlias = tuple[ListenAddress, ...]


def _read_listen(value: object) -> Listen:
    addresses = [value] if isinstance(value, str) else value
    if not isinstance(addresses, list) or not 1 <= len(addresses) <= MAX_LISTENERS:
        raise ValueError("not a list of addresses")
    return tuple(ListenAddress.from_toml(address) for address in addresses)


LISTEN_EXTRA: Final = {
    "read": _read_listen,
    "allowed": f"{ALLOWED_ADDRESS}, or a list of 1 to {MAX_LISTENERS} of these",
}
"""`msgspec.Meta(extra=...)` of a settings field that holds a `Listen`: how its TOML is read, and what is allowed."""
PORT_RANGE_EXTRA: Final = {
    "read": PortRange.from_toml,
    "allowed": "[FIRST, LAST], both 1024 to 65535, FIRST even and LAST odd (RTP and RTCP come in pairs)",
}
"""The same for a field that holds a `PortRange`."""
