"""`POST /api/v1/reload`, with a reload that the test plays."""

import json

import pytest

from edge_streamer.protocol.http.messages import HttpRequest, HttpResponse
from edge_streamer.services.api.reload import ControlRoutes
from edge_streamer.services.http.answers import DeferredResponse
from edge_streamer.services.http.router import HttpRoutes
from edge_streamer.services.status import OnReloaded, ReloadOutcome

PATH = "/api/v1/reload"


class Service:
    """The route, the reloads that were asked for, and the responses that were given later."""

    def __init__(self) -> None:
        self.asked: list[OnReloaded] = []
        self.later: list[HttpResponse] = []
        self.routes = HttpRoutes([ControlRoutes(self.asked.append)])

    def ask(self, method: str = "POST", **headers: str) -> HttpResponse | None:
        response = self.routes.handle(HttpRequest(method, PATH, headers={"host": "camera:8080"} | headers))
        if isinstance(response, DeferredResponse):
            response.begin(self.later.append)
            return None
        return response


@pytest.fixture
def service() -> Service:
    return Service()


def test_what_was_applied(service):
    assert service.ask() is None
    assert service.later == []
    service.asked[0](ReloadOutcome(changed=("main",), needs_restart=("rtsp.listen",)))
    (response,) = service.later
    assert (response.status, dict(response.headers)["content-type"]) == (200, "application/json")
    assert json.loads(response.body) == {"changed": ["main"], "needs_restart": ["rtsp.listen"]}


def test_why_nothing_was(service):
    service.ask()
    service.asked[0](ReloadOutcome(error="streams.main.fps: 500 is not allowed; allowed: 1 to 120"))
    (response,) = service.later
    assert (response.status, dict(response.headers)["content-type"]) == (422, "application/problem+json")
    assert json.loads(response.body)["detail"] == "streams.main.fps: 500 is not allowed; allowed: 1 to 120"


@pytest.mark.parametrize("origin", ["http://camera:8080", "https://camera:8080", "http://CAMERA:8080"])
def test_its_own_page_may_ask(service, origin):
    assert service.ask(origin=origin) is None


@pytest.mark.parametrize("origin", ["http://elsewhere", "http://camera", "http://camera:80801", "null", ""])
def test_a_page_of_elsewhere_may_not(service, origin):
    assert service.ask(origin=origin).status == 403
    assert service.asked == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT"])
def test_other_methods(service, method):
    response = service.ask(method)
    assert (response.status, dict(response.headers)["allow"]) == (405, "POST")
