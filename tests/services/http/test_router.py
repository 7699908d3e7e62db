"""The front of the routes: who has a path, and what is said where nobody has, or not for this method."""

import json

import pytest

from edge_streamer.protocol.http.messages import HttpRequest, HttpResponse
from edge_streamer.services.http.answers import ok
from edge_streamer.services.http.router import HttpRoutes


class Offering:
    """A finder with one path, which answers with its own name."""

    def __init__(self, name: str, path: str, *methods: str) -> None:
        self._path = path
        self._resource = {method: lambda _request: ok("text/plain", name.encode()) for method in methods}

    def find(self, path):
        return self._resource if path == self._path else None


ROUTES = HttpRoutes(
    [
        Offering("page", "/", "GET"),
        Offering("session", "/session", "GET", "DELETE"),
        Offering("reload", "/reload", "POST"),
        Offering("late", "/", "GET", "PATCH"),
    ]
)


def ask(path: str, method: str = "GET") -> HttpResponse:
    return ROUTES.handle(HttpRequest(method, path))


@pytest.mark.parametrize(("path", "name"), [("/", b"page"), ("/session", b"session")])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_first_who_has_the_path_answers(path, name, method):
    assert ask(path, method).body == name


@pytest.mark.parametrize(("path", "method"), [("/session", "DELETE"), ("/reload", "POST")])
def test_other_methods(path, method):
    assert ask(path, method).status == 200


@pytest.mark.parametrize("path", ["/session/", "*", "", "/favicon.ico"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_what_nobody_has(path, method):
    response = ask(path, method)
    assert dict(response.headers)["content-type"] == "application/problem+json"
    assert (response.status, json.loads(response.body)["status"]) == (404, 404)


@pytest.mark.parametrize(
    ("path", "method", "allowed"),
    [
        ("/", "POST", "GET, HEAD"),
        ("/", "OPTIONS", "GET, HEAD"),
        ("/", "get", "GET, HEAD"),
        ("/session", "PATCH", "GET, HEAD, DELETE"),
        ("/reload", "GET", "POST"),
        ("/reload", "HEAD", "POST"),
    ],
)
def test_a_method_that_a_path_does_not_have(path, method, allowed):
    response = ask(path, method)
    headers = dict(response.headers)
    assert (response.status, headers["allow"]) == (405, allowed)
    assert headers["content-type"] == "application/problem+json"
    assert allowed in json.loads(response.body)["detail"]
