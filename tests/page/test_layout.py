"""How the page looks and reads: on a phone and a desk, in the light and in the dark, still, without Media Source."""

from itertools import product

import pytest

from tests.support.browser.browser import Browser
from tests.support.browser.page import PICTURES, card, page_url, wait_for_frames, wait_for_sessions, wait_until_playing
from tests.support.rtsp.reader import RtspReader
from tests.support.service import RunningService, running_service

SIZES = {"phone": (390, 844, 2.0), "desktop": (1280, 900, 1.0)}
NO_MEDIA_SOURCE = "delete self.MediaSource; delete self.ManagedMediaSource; delete self.WebKitMediaSource"

ON_DEMAND = """
[streams.yard]
source = "testpattern"
width = 320
height = 180
fps = 10
on_demand = true
linger_s = 1.0
"""


@pytest.mark.parametrize(("device", "scheme"), list(product(SIZES, ("light", "dark"))))
def test_it_fits_the_screen_and_is_pictured(service: RunningService, device, scheme):
    width, height, scale = SIZES[device]
    is_phone = device == "phone"
    with (
        Browser(width=width, height=height, scale=scale, is_phone=is_phone, scheme=scheme) as browser,
        RtspReader(service.rtsp_url("main")) as reader,
    ):
        reader.start()
        browser.open(page_url(service))
        wait_until_playing(browser)
        wait_for_sessions(browser, 1)
        assert not browser.is_overflowing()
        background = browser.evaluate("return getComputedStyle(document.body).backgroundColor")
        assert (background == "rgb(13, 16, 20)") == (scheme == "dark")
        browser.screenshot(PICTURES / f"{device}-{scheme}.png")
        assert browser.complaints() == []


def test_who_wants_stillness_starts_the_picture(service: RunningService):
    with Browser(prefers_stillness=True) as browser:
        browser.open(page_url(service))
        browser.wait_for("return document.querySelectorAll('[data-state=idle]').length === 2")
        assert browser.evaluate("return [...document.querySelectorAll('video')].every((video) => !video.src)")
        browser.press(f"{card('main')} .play")
        wait_for_frames(browser, "main", 5)


def test_a_browser_without_media_source_gets_pictures(service: RunningService):
    with Browser(first_script=NO_MEDIA_SOURCE) as browser:
        browser.open(page_url(service))
        image = "const image = document.querySelector('[data-stream=main] img'); return image && !image.hidden && image"
        assert browser.wait_for(f"{image}.naturalWidth") == 640
        first = browser.evaluate(f"{image}.src")
        browser.wait_for(f"{image}.src !== arguments[0]", first)
        assert "cannot play the stream" in browser.text(f"{card('main')} .badge")


def test_an_address_is_copied(browser: Browser, service: RunningService):
    browser.wait_for("return document.querySelector('.urls button')")
    browser.command("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    browser.press(f"{card('main')} .urls button")
    browser.wait_for("return document.querySelector('.urls button').textContent === 'Copied'")
    browser.evaluate("navigator.clipboard.readText().then((text) => { self.copied = text; })")
    assert browser.wait_for("return self.copied") == service.rtsp_url("main")


def test_every_control_has_a_name_and_is_reached_by_the_keyboard(browser: Browser, service: RunningService):
    with RtspReader(service.rtsp_url("main")) as reader:
        reader.start()
        wait_for_sessions(browser, 1)
        controls = "[...document.querySelectorAll('button, input, a, [role=meter], video')]"
        unnamed = "!(each.ariaLabel || each.textContent.trim())"
        assert browser.evaluate(f"return {controls}.filter((each) => {unnamed}).map((each) => each.outerHTML)") == []
        assert browser.evaluate("return document.querySelectorAll('[tabindex]:not([tabindex=\"-1\"])').length") == 0


def test_a_stream_on_demand_is_not_woken_by_the_page():
    with running_service(ON_DEMAND) as service, Browser() as browser:
        browser.open(page_url(service))
        browser.wait_for("return document.querySelector('.body .pill')?.textContent === 'Resting'")
        assert not browser.evaluate("return document.querySelector('video').src")
        browser.press(f"{card('yard')} .play")
        wait_for_frames(browser, "yard", 5)
        browser.press(f"{card('yard')} .play")
        browser.wait_for("return document.querySelector('.body .pill').textContent === 'Resting'")
