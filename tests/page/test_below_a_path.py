"""The page below /cam1/ of a real nginx with the configuration of deploy/nginx: all of it, with TLS and log-in."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from edge_streamer.accounts.users import Role, new_user
from edge_streamer.accounts.users_file import change_users
from tests.support.browser.browser import Browser
from tests.support.browser.page import CONFIG, wait_for_frames, wait_for_sessions, wait_until_playing
from tests.support.nginx import running_nginx
from tests.support.rtsp.reader import RtspReader
from tests.support.service import RunningService, running_service

PASSWORD: Final = "p4ssw0rd.of-the-camera"
NO_MEDIA_SOURCE: Final = "delete self.MediaSource; delete self.ManagedMediaSource; delete self.WebKitMediaSource"
_STILL_WIDTH: Final = """
const image = document.querySelector('[data-stream=main] img');
return image && !image.hidden && image.naturalWidth;
"""


@pytest.fixture(scope="module", params=[False, True], ids=["http", "https"])
def has_tls(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(scope="module")
def place(service: RunningService, has_tls: bool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_nginx(tmp_path_factory.mktemp("nginx"), service.http_address, has_tls=has_tls) as origin:
        yield f"{origin}/cam1"


@pytest.fixture(scope="module")
def visitor() -> Iterator[Browser]:
    with Browser(trusts_everybody=True) as browser:
        yield browser


def test_all_that_the_page_asks_for_is_below_its_path(service: RunningService, place: str, visitor: Browser):
    visitor.requested_urls()
    visitor.open(f"{place}/")
    for stream in ("main", "sub"):
        wait_for_frames(visitor, stream, 15)
    with RtspReader(service.rtsp_url("main")) as reader:
        reader.start()
        wait_for_sessions(visitor, 1)
    wait_for_sessions(visitor, 0)
    asked = visitor.requested_urls()
    assert {url.partition("://")[2].partition("/")[2].partition("/")[0] for url in asked} == {"cam1"}
    assert f"{place.replace('http', 'ws', 1)}/api/v1/streams/main/live" in asked
    assert visitor.complaints() == []


def test_its_links_lead_below_it_too(place: str, visitor: Browser):
    visitor.open(f"{place}/")
    links = visitor.evaluate("return [...document.querySelectorAll('nav a')].map((link) => link.href)")
    assert links == [f"{place}/healthz", f"{place}/metrics", f"{place}/api/v1/openapi.json"]
    for link in links:
        assert visitor.evaluate("return fetch(arguments[0]).then((response) => response.status)", link) == 200
    described = "return fetch('api/v1/openapi.json').then((response) => response.json()).then((api) => new URL("
    assert visitor.evaluate(f"{described}api.servers[0].url, '{links[2]}').href)") == f"{place}/"


def test_the_path_without_its_slash_leads_to_the_page(place: str, visitor: Browser):
    visitor.open(place)
    assert visitor.evaluate("return location.href") == f"{place}/"
    wait_until_playing(visitor)


def test_snapshots_are_below_it(place: str):
    with Browser(first_script=NO_MEDIA_SOURCE, trusts_everybody=True) as browser:
        browser.open(f"{place}/")
        assert browser.wait_for(_STILL_WIDTH) == 640


def test_who_logs_in_in_front_of_the_proxy_watches(tmp_path: Path):
    """Digest covers the path, and the one that the browser has hashed is not the one that arrives."""
    users = tmp_path / "users"
    change_users(users, lambda known: known.having(new_user("otto", Role.OPERATOR, PASSWORD)))
    with (
        running_service(f'[auth]\nusers = "{users}"\nmetrics_networks = ["127.0.0.0/8"]\n{CONFIG}') as service,
        running_nginx(tmp_path, service.http_address, has_tls=True) as origin,
        Browser(trusts_everybody=True) as browser,
    ):
        browser.open(f"{origin.replace('://', f'://otto:{PASSWORD}@')}/cam1/")
        wait_for_frames(browser, "main", 15)
        assert "otto, operator" in browser.text(".pair")
