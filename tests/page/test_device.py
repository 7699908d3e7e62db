"""The section of the device: as this machine tells it, and as a flashed board would."""

from pathlib import Path

import msgspec
import pytest

from edge_streamer import __version__
from edge_streamer.device.info import DeviceInfo
from tests.support.browser.browser import Browser
from tests.support.browser.page import PICTURES, page_url, told_of, wait_until_playing
from tests.support.device_tree import STATUS, shown_board
from tests.support.service import RunningService

_SHOWN = "return !document.getElementById('device').hidden"


def field(browser: Browser, name: str) -> str:
    return browser.text(f"#device [data-field={name}]")


@pytest.fixture
def board(tmp_path: Path) -> DeviceInfo:
    return shown_board(tmp_path)


def test_this_machine_says_what_it_knows(browser: Browser, service: RunningService):
    browser.wait_for(_SHOWN)
    assert field(browser, "software") == __version__
    assert (field(browser, "slot"), field(browser, "image")) == ("–", "–")
    assert browser.evaluate("return document.querySelector('.settings').hidden")
    assert browser.text("#notices") == ""


@pytest.mark.parametrize(("device", "scheme"), [("phone", "dark"), ("desktop", "light")])
def test_a_flashed_board(service: RunningService, board, device, scheme):
    width, height, scale = {"phone": (390, 844, 2.0), "desktop": (1280, 900, 1.0)}[device]
    with Browser(
        width=width, height=height, scale=scale, is_phone=device == "phone", scheme=scheme,
        first_script=told_of(board),
    ) as browser:  # fmt: skip
        browser.open(page_url(service))
        browser.wait_for(_SHOWN)
        wait_until_playing(browser)
        assert field(browser, "model") == "Raspberry Pi Compute Module 4 Rev 1.1"
        assert (field(browser, "slot"), field(browser, "clock")) == ("A", "Synchronised")
        assert field(browser, "image") == "rpi, 0.1.0, 2026-11-28"
        assert (field(browser, "free"), field(browser, "written")) == ("27.1 GB of 28.6 GB", "612 MB")
        assert (field(browser, "wear"), field(browser, "device-uptime")) == ("mmcblk0: at most 30 % used", "1 d 2 h")
        settings = browser.text("#device .settings")
        assert STATUS["mistakes"][0] in settings
        assert all(word in settings for word in ("user-data: packages", "the root is read-only", "the name is door"))
        notices = browser.text("#notices").splitlines()
        assert [notice.split(":")[0] for notice in notices if notice] == [
            "The password that this device made for itself is still in use. Write your own into edge-streamer.toml on "
            "the card",
            "The settings on the card have a mistake",
        ]
        assert not browser.is_overflowing()
        browser.screenshot(PICTURES / f"device-{device}-{scheme}.png")
        assert browser.complaints() == []


def test_a_card_that_cannot_be_written_is_the_first_notice(service: RunningService, board):
    with Browser(first_script=told_of(msgspec.structs.replace(board, data_state="memory"))) as browser:
        browser.open(page_url(service))
        browser.wait_for(_SHOWN)
        assert browser.text("#notices").startswith("The card cannot be written")


def test_an_attack_in_a_setting_is_only_text(service: RunningService, board):
    assert board.card is not None
    card = msgspec.structs.replace(board.card, mistakes=("<img src=x onerror=alert(1)>",))
    with Browser(first_script=told_of(msgspec.structs.replace(board, card=card))) as browser:
        browser.open(page_url(service))
        browser.wait_for(_SHOWN)
        assert "<img src=x onerror=alert(1)>" in browser.text("#device .settings")
        assert browser.evaluate("return document.querySelector('#device img')") is None
