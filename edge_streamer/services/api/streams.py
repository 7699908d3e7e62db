"""`/api/v1/streams`: each stream's status, a snapshot of it, and changes of its bit rate and frame rate.

A finder of `services.http`. A response that needs the source is deferred until the source has answered. `http.access`
has checked the client's role before: PATCH needs an operator.
"""

from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Final, Protocol

import msgspec
from msgspec import UNSET

from edge_streamer.protocol.http.messages import HttpRequest, HttpResponse
from edge_streamer.protocol.source.ranges import BITRATE_BPS, FPS, STREAM_NAME_PATTERN
from edge_streamer.services.api.documents import StreamDocument, stream_document, streams_document
from edge_streamer.services.http.answers import JSON, DeferredResponse, Respond, ok, refuse
from edge_streamer.services.http.routes import Answer, Operation, PathParameter, Resource, Route
from edge_streamer.services.status import TakeStatus
from edge_streamer.services.supervision.questions import OnChange, OnSnapshot, SourceFailure, StreamChange

STREAMS_PATH: Final = "/api/v1/streams"
_ALLOWED: Final = (
    f"Allowed: bitrate_bps (a whole number, {BITRATE_BPS.ge} to {BITRATE_BPS.le}), fps ({FPS.ge} to {FPS.le}), at "
    "least one of them."
)
_SAME_ORIGIN: Final = ("cross-origin-resource-policy", "same-origin")  # no page of another site may show the picture
STREAM_NAME: Final = PathParameter("name", "A stream's name.", STREAM_NAME_PATTERN)
_NO_STREAM: Final = {HTTPStatus.NOT_FOUND: "There is no stream of this name."}
_CHANGE: Final = Annotated[StreamChange, msgspec.Meta(extra_json_schema={"minProperties": 1})]
_LISTED: Final = {
    HTTPStatus.OK: Answer(
        "In the order of the sources.",
        list[StreamDocument],
        links=dict.fromkeys(("getStream", "changeStream", "getSnapshot"), "$response.body#/0/name"),
    )
}
_SHOWN: Final = {HTTPStatus.OK: Answer("The stream.", StreamDocument)}
_CHANGED: Final = {HTTPStatus.OK: Answer("The change is in effect; this is the stream now.", StreamDocument)}
_PICTURED: Final = {HTTPStatus.OK: Answer("The picture.", bytes, ("image/jpeg",))}


class StreamSource(Protocol):
    """What feeds a stream: the supervisor of its source."""

    def snapshot(self, stream: str, callback: OnSnapshot, /) -> None:
        """Call `callback` with a JPEG, or with the reason why there is none."""

    def change(self, stream: str, change: StreamChange, callback: OnChange, /) -> None:
        """Call `callback` with None when the change is in effect, or with the reason why it is not."""


class StreamRoutes:
    """The resources of the streams for which `source_of` returns a source, by their names."""

    def __init__(self, take_status: TakeStatus, source_of: Callable[[str], StreamSource | None]) -> None:
        self._take_status = take_status
        self._source_of = source_of
        self.routes: Final = (
            Route(STREAMS_PATH, {"GET": Operation("listStreams", "All streams.", self._list, _LISTED)}),
            Route(f"{STREAMS_PATH}/{{name}}", {"GET": self._showing(), "PATCH": self._changing()}, STREAM_NAME),
            Route(f"{STREAMS_PATH}/{{name}}/snapshot.jpg", {"GET": self._picturing()}, STREAM_NAME),
        )

    def _showing(self) -> Operation:
        return Operation("getStream", "One stream.", self._show, _SHOWN, _NO_STREAM)

    def _changing(self) -> Operation:
        problems = {
            HTTPStatus.BAD_REQUEST: f"The body is not a valid change. {_ALLOWED}",
            HTTPStatus.CONFLICT: "The source cannot do that, or is not up, or another change is under way.",
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE: f"The body is not {JSON}.",
            HTTPStatus.GATEWAY_TIMEOUT: "The source did not answer in time.",
        }
        summary = "Change a stream's bit rate or frame rate, where its source can."
        return Operation("changeStream", summary, self._change, _CHANGED, _NO_STREAM | problems, _CHANGE)

    def _picturing(self) -> Operation:
        problems = {HTTPStatus.SERVICE_UNAVAILABLE: "The source has no picture now, or did not send one in time."}
        summary = "A snapshot of the stream, never more than a second old."
        return Operation("getSnapshot", summary, self._snapshot, _PICTURED, _NO_STREAM | problems)

    def find(self, path: str) -> Resource | None:
        """Return the resource at `path`; None when there is none."""
        every, *of_one = self.routes
        if (resource := every.resource_at(path)) is not None:
            return resource
        name = path.removeprefix(f"{STREAMS_PATH}/").partition("/")[0]
        is_one = self._source_of(name) is not None
        return next((resource for route in of_one if is_one and (resource := route.resource_at(path))), None)

    def _list(self, _request: HttpRequest) -> HttpResponse:
        return ok(JSON, streams_document(self._take_status()))

    def _show(self, name: str, _request: HttpRequest) -> HttpResponse:
        return self._shown(name)

    def _shown(self, name: str) -> HttpResponse:
        document = stream_document(self._take_status(), name)
        if document is None:
            return refuse(HTTPStatus.NOT_FOUND, _NO_STREAM[HTTPStatus.NOT_FOUND])
        return ok(JSON, document)

    def _source(self, name: str) -> StreamSource:
        source = self._source_of(name)
        assert source is not None, "`find` has found it in the same turn"
        return source

    # --- a picture

    def _snapshot(self, name: str, _request: HttpRequest) -> DeferredResponse:
        def begin(respond: Respond) -> None:
            self._source(name).snapshot(name, lambda answer: respond(_picture(answer)))

        return DeferredResponse(begin)

    # --- a change

    def _change(self, name: str, request: HttpRequest) -> HttpResponse | DeferredResponse:
        # A page of another site must send a CORS preflight for this type, which is refused: no route has OPTIONS.
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
            # RFC 5789 section 2.2: a 415 says which types are accepted.
            return refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"The body must be {JSON}.", ("accept-patch", JSON))
        try:
            change = _read_change(request.body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return refuse(HTTPStatus.BAD_REQUEST, f"{error}. {_ALLOWED}")
        if change.bitrate_bps is UNSET and change.fps is UNSET:
            return refuse(HTTPStatus.BAD_REQUEST, f"The body changes nothing. {_ALLOWED}")
        return DeferredResponse(partial(self._begin_change, name, change))

    def _begin_change(self, name: str, change: StreamChange, respond: Respond) -> None:
        def on_answer(failure: SourceFailure | None) -> None:
            if failure is None:
                respond(self._shown(name))  # 404 if a reload has removed the stream meanwhile
            else:
                status = HTTPStatus.GATEWAY_TIMEOUT if failure.is_late else HTTPStatus.CONFLICT
                respond(refuse(status, failure.reason))

        self._source(name).change(name, change, on_answer)


def _read_change(body: bytes) -> StreamChange:
    """Return the change that a JSON body asks for: JSON may write a whole number as 500000.0 (RFC 8259 section 6)."""
    written = msgspec.json.decode(body, type=dict[str, Any])
    return msgspec.convert({key: _whole(value) for key, value in written.items()}, StreamChange)


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _picture(answer: bytes | SourceFailure) -> HttpResponse:
    if isinstance(answer, SourceFailure):
        return refuse(HTTPStatus.SERVICE_UNAVAILABLE, answer.reason)
    return ok("image/jpeg", answer, _SAME_ORIGIN)
