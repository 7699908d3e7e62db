"""HTTP responses: immediate ones with the headers common to all, deferred ones, and upgrades to another protocol.

Used by the routes, `access` and `service`. `service` begins deferred responses and sends 504 when none comes in time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Protocol, TypeAlias

from edge_streamer.protocol.http.messages import HttpResponse, problem
from edge_streamer.runtime.tcp.connection import TcpConnection
from edge_streamer.runtime.tcp.listener_group import ServedConnection

SECURITY_HEADERS: Final = (
    ("x-content-type-options", "nosniff"),
    ("cache-control", "no-store"),
    ("referrer-policy", "no-referrer"),
)
JSON: Final = "application/json"

Respond: TypeAlias = Callable[[HttpResponse], None]
"""Takes the response. A second response, or one that comes too late, is ignored."""


@dataclass(frozen=True, slots=True)
class DeferredResponse:
    """A response that needs something that takes time, such as a source's answer. `begin` is called once, with the
    function that takes the response. It must be quick and may respond at once."""

    begin: Callable[[Respond], None]


class Successor(ServedConnection, Protocol):
    """The delegate of a connection after an upgrade: a WebSocket. `close` sends its protocol's close and hangs up."""


@dataclass(frozen=True, slots=True)
class SwitchAnswer:
    """An upgrade: a 101 with `headers`, which name the protocol. `begin` is called with the connection once the 101 is
    sent, and returns the connection's next delegate; it may send at once."""

    headers: tuple[tuple[str, str], ...]
    begin: Callable[[TcpConnection], Successor]


HttpAnswer: TypeAlias = HttpResponse | DeferredResponse | SwitchAnswer


def ok(content_type: str, body: bytes, *headers: tuple[str, str]) -> HttpResponse:
    """Return 200 with `body`."""
    return HttpResponse(HTTPStatus.OK, (("content-type", content_type), *headers, *SECURITY_HEADERS), body)


def refuse(status: HTTPStatus, detail: str, *headers: tuple[str, str]) -> HttpResponse:
    """Return an error response whose `detail` is one sentence."""
    return problem(status, detail, (*headers, *SECURITY_HEADERS))
