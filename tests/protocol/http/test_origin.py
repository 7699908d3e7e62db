"""The Origin of a request against its Host: the same place in other words, and other places."""

import pytest

from edge_streamer.protocol.http.messages import HttpRequest
from edge_streamer.protocol.http.origin import foreign_origin

SAME = [
    ("http://cam.example", "cam.example"),
    ("https://cam.example", "cam.example"),
    ("https://cam.example", "cam.example:443"),
    ("https://cam.example:443", "cam.example"),
    ("http://cam.example:80", "cam.example"),
    ("http://cam.example", "cam.example:80"),
    ("http://cam.example", "cam.example:"),
    ("http://cam.example:8080", "cam.example:08080"),
    ("HTTPS://CAM.example", "cam.EXAMPLE:443"),
    ("http://cam.example", "cam.example."),
    ("http://cam.example.:8080", "cam.example:8080"),
    ("http://192.0.2.7", "192.0.2.7:80"),
    ("http://[2001:db8::7]", "[2001:DB8:0:0::7]:80"),
    ("https://[::1]:8443", "[::1]:8443"),
]
OTHER = [
    ("null", "cam.example"),
    ("", "cam.example"),
    ("", ""),
    ("http://", ""),
    ("cam.example", "cam.example"),
    ("ws://cam.example", "cam.example"),
    ("http://elsewhere", "cam.example"),
    ("https://cam.example", "cam.example:80"),
    ("http://cam.example", "cam.example:443"),
    ("http://cam.example:8080", "cam.example"),
    ("http://cam.example.elsewhere", "cam.example"),
    ("http://cam.example..", "cam.example"),
    ("http://cam.example/", "cam.example"),
    ("http://user@cam.example", "cam.example"),
    ("http://cam.example", "user@cam.example"),
    ("http://cam.example:800000", "cam.example:800000"),
    ("http://[2001:db8::7]", "[2001:db8::8]"),
    ("http://[1:2]", "[1:2]"),
    ("http://[::ffff:192.0.2.7]", "192.0.2.7"),
    ("http://cam.example http://cam.example", "cam.example"),
]


def problem(origin: str, host: str) -> str:
    return foreign_origin(HttpRequest("POST", "/", headers={"origin": origin, "host": host}))


@pytest.mark.parametrize(("origin", "host"), SAME)
def test_the_same_place_in_other_words(origin, host):
    assert problem(origin, host) == ""


@pytest.mark.parametrize(("origin", "host"), OTHER)
def test_another_place(origin, host):
    assert problem(origin, host).endswith(f"; expected: http://{host} or https://{host}.")


def test_a_refusal_names_what_came():
    assert problem("null", "cam").startswith("The request is from a page of null; ")
    assert problem("", "cam").startswith("The request is from a page of no origin; ")


def test_a_client_that_is_no_browser():
    assert foreign_origin(HttpRequest("POST", "/", headers={"host": "cam.example"})) == ""
    assert foreign_origin(HttpRequest("POST", "/", headers={"origin": "http://cam.example"})) != ""
