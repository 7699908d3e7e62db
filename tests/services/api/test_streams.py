"""`/api/v1/streams`: reading, pictures and changes, with a source that the test plays."""

import json

import pytest

from edge_streamer.protocol.http.messages import HttpRequest, HttpResponse
from edge_streamer.services.api.documents import YouDocument, status_document
from edge_streamer.services.api.streams import StreamRoutes
from edge_streamer.services.http.answers import DeferredResponse
from edge_streamer.services.http.router import HttpRoutes
from edge_streamer.services.supervision.questions import OnChange, OnSnapshot, SourceFailure, StreamChange
from tests.support.service_status import a_status, a_stream

MAIN = "/api/v1/streams/main"
PICTURE = f"{MAIN}/snapshot.jpg"


class Source:
    """Keeps what it is asked, and answers when the test says so."""

    def __init__(self) -> None:
        self.pictures: list[tuple[str, OnSnapshot]] = []
        self.changes: list[tuple[str, StreamChange, OnChange]] = []

    def snapshot(self, stream: str, callback: OnSnapshot) -> None:
        self.pictures.append((stream, callback))

    def change(self, stream: str, change: StreamChange, callback: OnChange) -> None:
        self.changes.append((stream, change, callback))


class Service:
    """The routes over one source, and the responses that were given later."""

    def __init__(self) -> None:
        self.status = a_status()
        self.source = Source()
        sources = {"main": self.source, "sub": self.source}
        self.routes = HttpRoutes([StreamRoutes(lambda: self.status, sources.get)])
        self.later: list[HttpResponse] = []

    def ask(self, path: str, method: str = "GET", body: bytes = b"", **headers: str) -> HttpResponse | None:
        """Return the response; None when it is deferred, and then begun."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        response = self.routes.handle(HttpRequest(method, path, headers=named, body=body))
        if isinstance(response, DeferredResponse):
            response.begin(self.later.append)
            return None
        return response

    def patch(self, body: object, path: str = MAIN, content_type: str = "application/json") -> HttpResponse | None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.ask(path, "PATCH", data, content_type=content_type)


@pytest.fixture
def service() -> Service:
    return Service()


def detail(response: HttpResponse) -> str:
    headers = dict(response.headers)
    assert headers["content-type"] == "application/problem+json"
    assert headers["x-content-type-options"] == "nosniff"
    return json.loads(response.body)["detail"]


# --- reading


def test_all_streams_are_those_of_the_status_document(service):
    listed = json.loads(service.ask("/api/v1/streams").body)
    assert listed == json.loads(status_document(service.status, YouDocument(None, "viewer")))["streams"]
    assert [each["name"] for each in listed] == ["main", "sub"]


def test_one_stream(service):
    response = service.ask("/api/v1/streams/sub")
    headers = dict(response.headers)
    assert (response.status, headers["content-type"], headers["cache-control"]) == (200, "application/json", "no-store")
    assert json.loads(response.body) == json.loads(service.ask("/api/v1/streams").body)[1]


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/streams/",
        "/api/v1/streams/yard",
        "/api/v1/streams/main/",
        "/api/v1/streams/main/snapshot.png",
        "/api/v1/streams/yard/snapshot.jpg",
        "/api/v1/streams//snapshot.jpg",
        "/api/v1/streams/snapshot.jpg",
        "/api/v1/streams/main/snapshot.jpg/x",
        "/api/v1/streams/ma%69n",
    ],
)
@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_what_is_not_there(service, path, method):
    response = service.ask(path, method, content_type="application/json")
    assert response.status == 404
    assert detail(response)


@pytest.mark.parametrize(
    ("path", "method", "allowed"),
    [
        ("/api/v1/streams", "POST", "GET, HEAD"),
        ("/api/v1/streams", "PATCH", "GET, HEAD"),
        (MAIN, "PUT", "GET, HEAD, PATCH"),
        (MAIN, "DELETE", "GET, HEAD, PATCH"),
        (MAIN, "OPTIONS", "GET, HEAD, PATCH"),
        (PICTURE, "PATCH", "GET, HEAD"),
        (PICTURE, "POST", "GET, HEAD"),
    ],
)
def test_what_may_not_be_done(service, path, method, allowed):
    response = service.ask(path, method, content_type="application/json")
    assert response.status == 405
    assert dict(response.headers)["allow"] == allowed
    assert allowed in detail(response)


def test_head_is_answered_like_get(service):
    for path in ("/api/v1/streams", MAIN):
        assert service.ask(path, "HEAD") == service.ask(path)


# --- pictures


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_picture_comes_when_the_source_has_made_it(service, method):
    assert service.ask(PICTURE, method) is None
    ((stream, answer),) = service.source.pictures
    assert (stream, service.later) == ("main", [])
    answer(b"\xff\xd8 a picture")
    (response,) = service.later
    headers = dict(response.headers)
    assert (response.status, response.body) == (200, b"\xff\xd8 a picture")
    assert (headers["content-type"], headers["cache-control"]) == ("image/jpeg", "no-store")
    assert headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("is_late", [False, True])
def test_no_picture_and_why(service, is_late):
    service.ask(PICTURE)
    ((_stream, answer),) = service.source.pictures
    answer(SourceFailure("no such camera", is_late))
    (response,) = service.later
    assert (response.status, detail(response)) == (503, "no such camera")


# --- changes


@pytest.mark.parametrize(
    ("body", "change"),
    [
        ({"bitrate_bps": 500_000}, StreamChange(bitrate_bps=500_000)),
        ({"fps": 12.5}, StreamChange(fps=12.5)),
        (b'{"bitrate_bps": 500000.0}', StreamChange(bitrate_bps=500_000)),
        ({"fps": 10, "bitrate_bps": 25_000}, StreamChange(bitrate_bps=25_000, fps=10.0)),
    ],
)
def test_a_change_is_answered_with_the_stream_when_it_is_in_effect(service, body, change):
    assert service.patch(body, content_type="application/json; charset=utf-8") is None
    ((stream, asked, answer),) = service.source.changes
    assert (stream, asked, service.later) == ("main", change, [])
    service.status = a_status(streams=(a_stream("main", bitrate_bps=499_999),))
    answer(None)
    (response,) = service.later
    assert response.status == 200
    assert json.loads(response.body)["bitrate_bps"] == 499_999


def test_a_change_of_a_stream_that_a_reload_has_taken_away_meanwhile(service):
    service.patch({"fps": 10})
    service.status = a_status(streams=())
    service.source.changes[0][2](None)
    (response,) = service.later
    assert (response.status, detail(response)) == (404, "There is no stream of this name.")


@pytest.mark.parametrize(("is_late", "status"), [(False, 409), (True, 504)])
def test_a_change_that_is_not_made_and_why(service, is_late, status):
    service.patch({"fps": 120})
    service.source.changes[0][2](SourceFailure("this source cannot change its frame rate", is_late))
    (response,) = service.later
    assert (response.status, detail(response)) == (status, "this source cannot change its frame rate")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"[" * 10_000,
        b"null",
        [],
        {},
        {"bitrate": 500_000},
        {"bitrate_bps": 500_000, "gop_s": 1},
        {"bitrate_bps": "500000"},
        {"bitrate_bps": 500_000.5},
        {"bitrate_bps": None},
        {"bitrate_bps": 0},
        {"bitrate_bps": 24_999},
        {"bitrate_bps": 10**12},
        {"fps": 0},
        {"fps": -1},
        {"fps": 241},
        {"fps": True},
        b'{"fps": NaN}',
    ],
)
def test_a_change_that_cannot_be_says_what_can(service, body):
    response = service.patch(body)
    assert response.status == 400
    assert "Allowed: bitrate_bps (a whole number, 25000 to 50000000), fps (1 to 120)" in detail(response)
    assert service.source.changes == []


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonx"])
def test_a_change_that_a_page_of_elsewhere_could_send_is_refused(service, content_type):
    response = service.patch({"fps": 10}, content_type=content_type)
    assert response.status == 415
    assert dict(response.headers)["accept-patch"] == "application/json"
    assert service.source.changes == []


def test_a_type_in_capitals_is_one(service):
    assert service.patch({"fps": 10}, content_type="Application/JSON") is None
