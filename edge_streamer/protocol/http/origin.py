"""Whether the page that sent a request is this server's: its Origin against the Host, as URLs (RFC 6454 section 5).

Called for requests that no page of another site may send: the WebSocket handshake and a POST without a body. The server
does not know under which scheme the browser reached it, because a proxy may terminate TLS; so the scheme is the
Origin's, `http` or `https`, and it gives the port where the Host names none. What decides is the Host header alone, so
a proxy has to pass on the browser's; no `X-Forwarded-` header is read.
"""

from ipaddress import IPv6Address
from re import compile as pattern
from typing import Final, NamedTuple

from edge_streamer.protocol.http.messages import HttpRequest

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_AUTHORITY: Final = pattern(r"(?:\[(?P<literal>[0-9A-Fa-f:.]+)\]|(?P<name>[^\s:/?#@\[\]]+))(?::(?P<port>[0-9]{0,5}))?")
"""Host and port of a URL (RFC 3986 section 3.2), without user information, which neither header has."""


class _Place(NamedTuple):
    host: str
    port: int


def foreign_origin(request: HttpRequest) -> str:
    """Return what is wrong with the Origin of a request and what was expected; empty when it is this server's.

    A request without an Origin is no browser's, or one that a browser sends for its own page.
    """
    origin, host = request.headers.get("origin"), request.headers.get("host", "")
    if origin is None or _is_same(origin, host):
        return ""
    return f"The request is from a page of {origin or 'no origin'}; expected: http://{host} or https://{host}."


def _is_same(origin: str, host: str) -> bool:
    scheme, _, authority = origin.partition("://")
    default_port = _DEFAULT_PORTS.get(scheme.lower())
    if default_port is None:
        return False
    place = _place_of(authority, default_port)
    return place is not None and place == _place_of(host, default_port)


def _place_of(authority: str, default_port: int) -> _Place | None:
    """Return host and port in the one form that is compared; None when `authority` is none."""
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        return None
    port = int(match["port"] or default_port)
    if match["literal"] is None:
        return _Place(match["name"].lower().removesuffix("."), port)
    try:
        return _Place(str(IPv6Address(match["literal"])), port)
    except ValueError:
        return None
