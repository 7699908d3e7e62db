"""`/api/v1/sessions`: each session, its client, and how well media reaches it; DELETE ends a session.

A finder of `services.http`. `http.access` has checked the client's role before: DELETE needs an operator. The RTSP
service ends the sessions; this module stores nothing about them.
"""

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from edge_streamer.logs.events import SessionKicked, log_event
from edge_streamer.protocol.http.messages import HttpRequest, HttpResponse
from edge_streamer.services.api.documents import SessionDocument, session_document, sessions_document
from edge_streamer.services.http.answers import JSON, SECURITY_HEADERS, ok, refuse
from edge_streamer.services.http.routes import Answer, Operation, PathParameter, Resource, Route, resource_among
from edge_streamer.services.status import TakeStatus

log = logging.getLogger(__name__)

SESSIONS_PATH: Final = "/api/v1/sessions"
_ID: Final = PathParameter("id", "A session's id, as it is listed and logged.", "[0-9A-F]{16}")
_NO_SESSION: Final = {HTTPStatus.NOT_FOUND: "There is no session of this id; it may have ended."}
_LISTED: Final = {
    HTTPStatus.OK: Answer(
        "Every session that has been set up, whether it plays or not.",
        list[SessionDocument],
        links=dict.fromkeys(("getSession", "endSession"), "$response.body#/0/id"),
    )
}
_SHOWN: Final = {HTTPStatus.OK: Answer("The session.", SessionDocument)}
_ENDED: Final = {HTTPStatus.NO_CONTENT: Answer("The session has ended, with the reason `kicked`.")}


class SessionRoutes:
    """The resources of sessions. `kick` ends the session of an id, if there is one."""

    def __init__(self, take_status: TakeStatus, kick: Callable[[str], object]) -> None:
        self._take_status = take_status
        self._kick = kick
        self.routes: Final = (
            Route(SESSIONS_PATH, {"GET": Operation("listSessions", "All sessions.", self._list, _LISTED)}),
            Route(
                f"{SESSIONS_PATH}/{{id}}",
                {
                    "GET": Operation("getSession", "One session.", self._show, _SHOWN, _NO_SESSION),
                    "DELETE": Operation(
                        "endSession", "End a session: kick its viewer.", self._end, _ENDED, _NO_SESSION
                    ),
                },
                _ID,
            ),
        )

    def find(self, path: str) -> Resource | None:
        """Return the resource at `path`; None when there is none."""
        return resource_among(self.routes, path)

    def _list(self, _request: HttpRequest) -> HttpResponse:
        return ok(JSON, sessions_document(self._take_status()))

    def _show(self, session_id: str, _request: HttpRequest) -> HttpResponse:
        document = session_document(self._take_status(), session_id)
        return _no_session() if document is None else ok(JSON, document)

    def _end(self, session_id: str, request: HttpRequest) -> HttpResponse:
        if session_document(self._take_status(), session_id) is None:
            return _no_session()
        log_event(log, SessionKicked(session=session_id, user=request.user or None))  # before the line of its end
        self._kick(session_id)
        return HttpResponse(HTTPStatus.NO_CONTENT, SECURITY_HEADERS)


def _no_session() -> HttpResponse:
    return refuse(HTTPStatus.NOT_FOUND, _NO_SESSION[HTTPStatus.NOT_FOUND])
