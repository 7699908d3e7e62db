"""Socket addresses as the rest of the code wants them: a host without port, brackets or IPv4-in-IPv6 dress."""

import socket
from typing import Any


def family_of(host: str) -> socket.AddressFamily:
    """Return the address family of a literal address."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def host_of(sockaddr: Any) -> str:
    """Return the host of a socket address: `::ffff:192.0.2.1` becomes `192.0.2.1`, a zone (`%eth0`) stays."""
    host = str(sockaddr[0])
    return host.removeprefix("::ffff:") if "." in host else host


def with_port(sockaddr: Any, port: int) -> Any:
    """Return the same address with another port; IPv6 keeps flow and scope."""
    return (sockaddr[0], port, *sockaddr[2:])


def bracketed(host: str) -> str:
    """Return `host` as it stands in a URL."""
    return f"[{host}]" if ":" in host else host
