"""A pair of UDP ports for RTP and RTCP: even and the next one (RFC 3550 section 11). Used by every UDP reader here."""

import socket
from typing import Final

ATTEMPTS: Final = 100


def open_udp_pair(host: str) -> tuple[socket.socket, socket.socket]:
    """Return two bound sockets on neighbouring ports, the first even; OSError when no pair was found."""
    for _ in range(ATTEMPTS):
        rtp = _bound(host, 0)
        port = rtp.getsockname()[1]
        if port % 2 == 0:
            try:
                return rtp, _bound(host, port + 1)
            except OSError:
                pass
        rtp.close()
    raise OSError(f"no free pair of UDP ports on {host} in {ATTEMPTS} attempts")


def _bound(host: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock
