"""Socket addresses as the rest of the code wants them: a host without port, brackets or IPv4-in-IPv6 dress."""

import socket
from ipaddress import IPv6Address
from typing import Any, Final

_MAPPED: Final = "::ffff:"
_IPV6_NETWORK: Final = -1 << 64
_IPV6_LOOPBACK: Final = "::1"


def family_of(host: str) -> socket.AddressFamily:
    """Return the address family of a literal address."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def host_of(sockaddr: Any) -> str:
    """Return the host of a socket address: `::ffff:192.0.2.1` becomes `192.0.2.1`, a zone (`%eth0`) stays."""
    host = str(sockaddr[0])
    return host.removeprefix(_MAPPED) if "." in host else host


def undressed(sockaddr: Any) -> Any:
    """Return the socket address as an IPv4 socket has it, if one that takes both families (systemd's do) dressed it."""
    host = host_of(sockaddr)
    return sockaddr if host == sockaddr[0] else (host, sockaddr[1])


def network_key(host: str) -> str:
    """Return what `host` counts as where peers are limited each: an IPv6 peer can have 2^64 addresses, its /64 is one.

    An IPv4 address and loopback count as they are. A zone stays: the /64 of another link is another network.
    """
    if ":" not in host or host == _IPV6_LOOPBACK:
        return host
    address = IPv6Address(host)
    zone = f"%{address.scope_id}" if address.scope_id else ""
    return f"{IPv6Address(int(address) & _IPV6_NETWORK)}{zone}/64"


def with_port(sockaddr: Any, port: int) -> Any:
    """Return the same address with another port; IPv6 keeps flow and scope."""
    return (sockaddr[0], port, *sockaddr[2:])


def bracketed(host: str) -> str:
    """Return `host` as it stands in a URL."""
    return f"[{host}]" if ":" in host else host
