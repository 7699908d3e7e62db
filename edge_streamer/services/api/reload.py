"""`POST /api/v1/reload`: applies the changed configuration, as SIGHUP does, and answers with the outcome.

A finder of `services.http`. This module only requests the reload: `app` carries it out, by the rules of
`app.reload_plan`. `http.access` has checked before that the client is an operator.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Final, TypeAlias

import msgspec

from edge_streamer.protocol.http.messages import HttpRequest, HttpResponse
from edge_streamer.protocol.http.origin import foreign_origin
from edge_streamer.services.http.answers import JSON, DeferredResponse, Respond, ok, refuse
from edge_streamer.services.http.routes import Answer, Operation, Resource, Route, resource_among
from edge_streamer.services.status import OnReloaded, ReloadOutcome


class ReloadDocument(msgspec.Struct, frozen=True):
    """The outcome: the streams that were added, removed, replaced or paused, and the changed keys that wait for a
    restart of the service."""

    changed: tuple[str, ...]
    needs_restart: tuple[str, ...]


Reload: TypeAlias = Callable[[OnReloaded], None]
"""Reloads, and calls back with the outcome."""

_APPLIED: Final = {HTTPStatus.OK: Answer("The file is in effect; replaced streams come up now.", ReloadDocument)}
_PROBLEMS: Final = {
    HTTPStatus.FORBIDDEN: "A page of another site sent the request, or the user's role may not reload.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "The configuration has a mistake, which `detail` names; nothing was changed.",
    HTTPStatus.GATEWAY_TIMEOUT: "The reload is still under way; the log will have its outcome.",
}


class ControlRoutes:
    """The resource `/api/v1/reload`. `reload` carries the reload out."""

    def __init__(self, reload: Reload) -> None:
        self._reload = reload
        operation = Operation("reload", "Apply the changed configuration file.", self._post, _APPLIED, _PROBLEMS)
        self.routes: Final = (Route("/api/v1/reload", {"POST": operation}),)

    def find(self, path: str) -> Resource | None:
        """Return the resource at `path`; None when there is none."""
        return resource_among(self.routes, path)

    def _post(self, request: HttpRequest) -> HttpResponse | DeferredResponse:
        # A page of another site may send an empty POST without a CORS preflight, and the browser adds the log-in.
        if detail := foreign_origin(request):
            return refuse(HTTPStatus.FORBIDDEN, detail)
        return DeferredResponse(lambda respond: self._reload(lambda outcome: _tell(outcome, respond)))


def _tell(outcome: ReloadOutcome, respond: Respond) -> None:
    if outcome.error:
        respond(refuse(HTTPStatus.UNPROCESSABLE_ENTITY, outcome.error))
    else:
        document = ReloadDocument(outcome.changed, outcome.needs_restart)
        respond(ok(JSON, msgspec.json.encode(document)))
