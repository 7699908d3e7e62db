"""The table of sessions follows who watches, shows who is in trouble, and lets operators, and nobody else, kick."""

from pathlib import Path
from typing import Final

import pytest

from edge_streamer.accounts.users import Role, new_user
from edge_streamer.accounts.users_file import change_users
from tests.support.browser.browser import Browser
from tests.support.browser.page import CONFIG, page_url, wait_for_sessions, wait_until_playing
from tests.support.players import FFMPEG, Playing
from tests.support.rtsp.reader import RtspReader
from tests.support.rtsp.stalled_reader import stalled_reader
from tests.support.service import RunningService, running_service

PASSWORD: Final = "p4ssw0rd.of-the-camera"
MANY_PICTURES: Final = 10_000
_ENDED: Final = "return document.getElementById('ended').innerText.includes(arguments[0])"


@pytest.fixture(scope="module")
def service_with_users(tmp_path_factory: pytest.TempPathFactory):
    users: Path = tmp_path_factory.mktemp("auth") / "users"
    for name, role in (("anna", Role.VIEWER), ("otto", Role.OPERATOR)):
        change_users(users, lambda known, name=name, role=role: known.having(new_user(name, role, PASSWORD)))
    with running_service(f'[auth]\nusers = "{users}"\nmetrics_networks = ["127.0.0.0/8"]\n{CONFIG}') as running:
        yield running


def test_a_player_joins_and_leaves(browser: Browser, service: RunningService):
    wait_for_sessions(browser, 0)
    assert "There are no sessions" in browser.text("#sessions")
    with Playing(FFMPEG, service.rtsp_url("main"), "udp", MANY_PICTURES):
        wait_for_sessions(browser, 1)
        row = browser.text("tbody tr")
        assert all(word in row for word in ("ffmpeg", "127.0.0.1", "main", "UDP")), row
        assert "1 of " in browser.text("#sessions-title")
        browser.wait_for("return document.querySelector('[data-field=viewers]').textContent === '2'")  # and this page
    wait_for_sessions(browser, 0)


def test_the_end_of_a_session_is_counted_with_its_reason(browser: Browser, service: RunningService):
    with RtspReader(service.rtsp_url("sub")) as reader:
        reader.start()
        wait_for_sessions(browser, 1)
        reader.teardown()
    browser.wait_for(_ENDED, "teardown")
    assert "the client ended its session" in browser.text("#ended")


def test_the_backlog_of_a_stalled_reader_grows_against_its_budget(browser: Browser, service: RunningService):
    with stalled_reader(service.rtsp_url("main")):
        wait_for_sessions(browser, 1)
        levels = "const meter = document.querySelector('.meter'); return meter"
        browser.wait_for(f"{levels}.dataset.tone === 'warn'")
        assert 50 <= int(browser.evaluate(f"{levels}.getAttribute('aria-valuenow')")) <= 100
        widths = "return document.querySelector('.meter i').offsetWidth / document.querySelector('.meter').offsetWidth"
        browser.wait_for(f"{widths} > .5")
        browser.wait_for(_ENDED, "stalled")
    wait_for_sessions(browser, 0)


def test_an_operator_kicks_after_being_asked(window: Browser, service_with_users: RunningService):
    window.open(page_url(service_with_users, f"otto:{PASSWORD}@"))
    wait_until_playing(window)
    assert "otto, operator" in window.text(".pair")
    url = service_with_users.rtsp_url("main").replace("rtsp://", f"rtsp://otto:{PASSWORD}@")
    with Playing(FFMPEG, url, "tcp", MANY_PICTURES) as player:
        wait_for_sessions(window, 1)
        window.press("tbody button")
        assert window.text("tbody button") == "Sure?"
        assert len(wait_for_sessions(window, 1)) == 1
        window.press("tbody button")
        wait_for_sessions(window, 0)
        player.finish()
    window.wait_for(_ENDED, "kicked")
    assert "Ended the session of ffmpeg" in window.text("#announcement")
    _assert_only_logins_were_asked_for(window)


def test_a_viewer_sees_no_kick(service_with_users: RunningService):
    with Browser() as browser:  # another one: a browser keeps the login that it was given first
        browser.open(page_url(service_with_users, f"anna:{PASSWORD}@"))
        wait_until_playing(browser)
        assert "anna, viewer" in browser.text(".pair")
        url = service_with_users.rtsp_url("main").replace("rtsp://", f"rtsp://anna:{PASSWORD}@")
        with Playing(FFMPEG, url, "tcp", MANY_PICTURES):
            wait_for_sessions(browser, 1)
            buttons = "return [...document.querySelectorAll('#sessions button')].filter((each) => each.offsetParent)"
            assert browser.evaluate(buttons) == []


def _assert_only_logins_were_asked_for(window: Browser) -> None:
    """A 401 before the login is how Digest works, and Chromium writes each into its console."""
    assert all("401" in line for line in window.complaints())
