"""Our answers over HTTP: responses with the headers that all of them have, those that come later, and the one after
which the connection speaks another protocol.

Used by the routes, by `access` and by `service`, which begins what is deferred, and answers by itself when
nothing comes.
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
"""Takes the response, once: whatever comes after the first, or too late, is ignored."""


@dataclass(frozen=True, slots=True)
class DeferredResponse:
    """A response for which somebody has to be asked first: `begin` is called once, with what takes it. It must be quick
    and may respond at once."""

    begin: Callable[[Respond], None]


class Successor(ServedConnection, Protocol):
    """The delegate of a connection after HTTP: a WebSocket. `close` says goodbye in its protocol and hangs up."""


@dataclass(frozen=True, slots=True)
class SwitchAnswer:
    """A 101 with `headers`, which name the protocol. `begin` is given the connection once that is sent, and returns
    who has it from now on; it may send at once."""

    headers: tuple[tuple[str, str], ...]
    begin: Callable[[TcpConnection], Successor]


HttpAnswer: TypeAlias = HttpResponse | DeferredResponse | SwitchAnswer


def ok(content_type: str, body: bytes, *headers: tuple[str, str]) -> HttpResponse:
    """Return 200 with `body`."""
    return HttpResponse(HTTPStatus.OK, (("content-type", content_type), *headers, *SECURITY_HEADERS), body)


def refuse(status: HTTPStatus, detail: str, *headers: tuple[str, str]) -> HttpResponse:
    """Return an error that says `detail`, one sentence."""
    return problem(status, detail, (*headers, *SECURITY_HEADERS))
