"""`/api/v1/streams`: what each stream is, its picture of now, and changes of its bit rate and frame rate.

Called by `services.http`, which knows the other routes and answers 405. What only the source can say is deferred until
it has said it. Who may do what is decided before (`http_access`): PATCH needs an operator.
"""

import re
from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from typing import Final, Protocol, TypeAlias

import msgspec
from msgspec import UNSET

from edge_streamer.protocol.http.messages import HttpRequest, HttpResponse
from edge_streamer.services.http_answers import JSON, DeferredResponse, Respond, ok, refuse
from edge_streamer.services.source_questions import OnChange, OnSnapshot, SourceFailure, StreamChange
from edge_streamer.services.status import ServiceStatus
from edge_streamer.services.status_document import stream_document, streams_document

STREAMS_PATH: Final = "/api/v1/streams"
_STREAM: Final = re.compile(rf"{STREAMS_PATH}/([^/]+)(/snapshot\.jpg)?")
_ALLOWED: Final = "Allowed: bitrate_bps (a whole number, 16000 to 200000000), fps (1 to 240), one of them at least."
_SAME_ORIGIN: Final = ("cross-origin-resource-policy", "same-origin")  # no page of elsewhere may show our pictures

Handler: TypeAlias = Callable[[HttpRequest], HttpResponse | DeferredResponse]
Resource: TypeAlias = Mapping[str, Handler]
"""Handlers by method; GET's answers HEAD as well."""


class StreamSource(Protocol):
    """What feeds a stream: the supervisor of its source."""

    def snapshot(self, stream: str, callback: OnSnapshot, /) -> None:
        """Call back with a JPEG, or with why there is none."""

    def change(self, stream: str, change: StreamChange, callback: OnChange, /) -> None:
        """Call back with None when the change is in effect, or with why it is not."""


class StreamRoutes:
    """The resources of the streams that `sources` names."""

    def __init__(self, take_status: Callable[[], ServiceStatus], sources: Mapping[str, StreamSource]) -> None:
        self._take_status = take_status
        self._sources = sources

    def find(self, path: str) -> Resource | None:
        """Return the resource at `path`; None when there is nothing."""
        if path == STREAMS_PATH:
            return {"GET": self._list}
        match = _STREAM.fullmatch(path)
        if match is None or match[1] not in self._sources:
            return None
        if match[2]:
            return {"GET": partial(self._snapshot, match[1])}
        return {"GET": partial(self._show, match[1]), "PATCH": partial(self._change, match[1])}

    def _list(self, _request: HttpRequest) -> HttpResponse:
        return ok(JSON, streams_document(self._take_status()))

    def _show(self, name: str, _request: HttpRequest) -> HttpResponse:
        return ok(JSON, stream_document(self._take_status(), name))

    # --- a picture

    def _snapshot(self, name: str, _request: HttpRequest) -> DeferredResponse:
        def begin(respond: Respond) -> None:
            self._sources[name].snapshot(name, lambda answer: respond(_picture(answer)))

        return DeferredResponse(begin)

    # --- a change

    def _change(self, name: str, request: HttpRequest) -> HttpResponse | DeferredResponse:
        # A page of elsewhere cannot send this type without asking first (CORS preflight), and nobody answers that.
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
            # RFC 5789 section 2.2: a 415 says which types are taken.
            return refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"The body must be {JSON}.", ("accept-patch", JSON))
        try:
            change = msgspec.json.decode(request.body, type=StreamChange)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return refuse(HTTPStatus.BAD_REQUEST, f"{error}. {_ALLOWED}")
        if change.bitrate_bps is UNSET and change.fps is UNSET:
            return refuse(HTTPStatus.BAD_REQUEST, f"Nothing is to be changed. {_ALLOWED}")
        return DeferredResponse(partial(self._begin_change, name, change))

    def _begin_change(self, name: str, change: StreamChange, respond: Respond) -> None:
        def on_answer(failure: SourceFailure | None) -> None:
            if failure is None:
                respond(ok(JSON, stream_document(self._take_status(), name)))
            else:
                status = HTTPStatus.GATEWAY_TIMEOUT if failure.is_late else HTTPStatus.CONFLICT
                respond(refuse(status, failure.reason))

        self._sources[name].change(name, change, on_answer)


def _picture(answer: bytes | SourceFailure) -> HttpResponse:
    if isinstance(answer, SourceFailure):
        return refuse(HTTPStatus.SERVICE_UNAVAILABLE, answer.reason)
    return ok("image/jpeg", answer, _SAME_ORIGIN)
