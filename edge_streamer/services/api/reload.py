"""`POST /api/v1/reload`: have the changed configuration applied, as SIGHUP does, and be told what came of it.

A finder of `services.http`. What reloading is stands in `reload`, who does it is the application's; here it is asked
for. Who may ask is decided before (`http.access`): an operator.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Final, TypeAlias

import msgspec

from edge_streamer.protocol.http.messages import HttpRequest, HttpResponse
from edge_streamer.protocol.http.websocket import is_own_origin
from edge_streamer.services.http.answers import JSON, DeferredResponse, Respond, ok, refuse
from edge_streamer.services.http.routes import Answer, Operation, Resource, Route, resource_among
from edge_streamer.services.status import OnReloaded, ReloadOutcome


class ReloadDocument(msgspec.Struct, frozen=True):
    """What was applied: the streams that were added, removed, replaced or paused, and the keys that are other than they
    were and wait for a restart of the service."""

    changed: tuple[str, ...]
    needs_restart: tuple[str, ...]


Reload: TypeAlias = Callable[[OnReloaded], None]
"""Reloads, and calls back with what came of it."""

_APPLIED: Final = {HTTPStatus.OK: Answer("It is in effect; replaced streams come up now.", ReloadDocument)}
_PROBLEMS: Final = {
    HTTPStatus.FORBIDDEN: "A page of another site asked for it, or the user may not.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "The configuration has a mistake, which `detail` tells; nothing was changed.",
    HTTPStatus.GATEWAY_TIMEOUT: "It takes long; the log will say what came of it.",
}


class ControlRoutes:
    """See the module."""

    def __init__(self, reload: Reload) -> None:
        self._reload = reload
        operation = Operation("reload", "Apply the changed configuration file.", self._post, _APPLIED, _PROBLEMS)
        self.routes: Final = (Route("/api/v1/reload", {"POST": operation}),)

    def find(self, path: str) -> Resource | None:
        """Return the resource at `path`; None when there is nothing."""
        return resource_among(self.routes, path)

    def _post(self, request: HttpRequest) -> HttpResponse | DeferredResponse:
        # An empty POST is what a page of elsewhere may send without asking (no CORS preflight), log-in and all.
        if not is_own_origin(request.headers.get("origin"), request.headers.get("host", "")):
            return refuse(HTTPStatus.FORBIDDEN, "This page is not of this server.")
        return DeferredResponse(lambda respond: self._reload(lambda outcome: _tell(outcome, respond)))


def _tell(outcome: ReloadOutcome, respond: Respond) -> None:
    if outcome.error:
        respond(refuse(HTTPStatus.UNPROCESSABLE_ENTITY, outcome.error))
    else:
        document = ReloadDocument(outcome.changed, outcome.needs_restart)
        respond(ok(JSON, msgspec.json.encode(document)))
