"""Where nobody has to log in: who is on this machine may do everything, and a page of elsewhere may do nothing."""

import http.client

import pytest

from tests.support.service import running_service

STATUS = "/api/v1/status"
REBOUND = "evil.example:8080"
"""A name of elsewhere that its owner has made mean 127.0.0.1; the browser takes the two for one site then."""


@pytest.fixture(scope="module")
def service():
    with running_service(None) as made:
        yield made


def ask(service, method: str, path: str, host: str, **headers: str) -> int:
    connection = http.client.HTTPConnection(*service.http_address, timeout=5)
    try:
        connection.request(method, path, headers={"host": host, **headers})
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1", "[::1]:80"])
def test_this_machine_is_let_in_by_its_own_names(service, host):
    assert ask(service, "GET", STATUS, host) == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", STATUS),
        ("GET", "/api/v1/streams/main/snapshot.jpg"),
        ("GET", "/api/v1/streams/main/live"),
        ("PATCH", "/api/v1/streams/main"),
        ("DELETE", "/api/v1/sessions/0123456789ABCDEF"),
        ("POST", "/api/v1/reload"),
    ],
)
def test_a_name_that_was_turned_to_this_machine_is_not_its_own(service, method, path):
    assert ask(service, method, path, REBOUND, origin=f"http://{REBOUND}") == 421


def test_monitoring_calls_it_as_it_likes(service):
    assert ask(service, "GET", "/metrics", "camera.example") == 200
