"""Our answers over HTTP: responses with the headers that all of them have, and those that come later.

Used by the routes, by `http_access` and by `http_service`, which begins what is deferred, and answers by itself when
nothing comes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, TypeAlias

from edge_streamer.protocol.http.messages import HttpResponse, problem

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


def ok(content_type: str, body: bytes, *headers: tuple[str, str]) -> HttpResponse:
    """Return 200 with `body`."""
    return HttpResponse(HTTPStatus.OK, (("content-type", content_type), *headers, *SECURITY_HEADERS), body)


def refuse(status: HTTPStatus, detail: str, *headers: tuple[str, str]) -> HttpResponse:
    """Return an error that says `detail`, one sentence."""
    return problem(status, detail, (*headers, *SECURITY_HEADERS))
