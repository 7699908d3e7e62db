"""The live picture in Chromium: it moves, is as late as the page says, and comes back whatever ends."""

import os
import signal
import time
from itertools import repeat
from pathlib import Path

from tests.support.browser.browser import Browser
from tests.support.browser.page import (
    CONFIG,
    card,
    page_url,
    said_behind_s,
    seen_behind_s,
    wait_for_frames,
    wait_until_playing,
)
from tests.support.service import RunningService, running_service

MAX_BEHIND_S = 1.5
CLOCKS_DIFFER_S = 0.5
"""Between what the page says and what the picture shows: the way from camera to server, and a frame that is drawn."""
LOOKS = 5
LONGER_THAN_A_POLL_S = 3.0
NO_CAMERA = '[streams.yard]\nsource = "v4l2"\ndevice = "/dev/no-camera"\n'
STAMPED = CONFIG.replace("fps = 15", 'fps = 15\ntimestamps = "sei"')
UNBOUNDED = Path(__file__).parents[1] / "support" / "unbounded"
_SAYS = "return document.querySelector(arguments[0])?.textContent.includes('/dev/no-camera')"


def test_every_stream_plays_and_goes_on(browser: Browser):
    for stream in ("main", "sub"):
        wait_for_frames(browser, stream, 20)
    assert browser.evaluate("return document.querySelector('[data-stream=main] video').videoWidth") == 640


def test_the_picture_is_as_late_as_the_page_says_and_not_later_than_it_may_be(browser: Browser):
    wait_for_frames(browser, "main", 60)
    for _ in repeat(None, LOOKS):
        said_s, seen_s = said_behind_s(browser), seen_behind_s(browser, 640, 360)
        assert max(said_s, seen_s) < MAX_BEHIND_S, (said_s, seen_s)
        assert abs(said_s - seen_s) < CLOCKS_DIFFER_S, (said_s, seen_s)
        wait_for_frames(browser, "main", 10)


def test_a_picture_that_fell_behind_catches_up(browser: Browser):
    wait_for_frames(browser, "main", 30)
    video = "document.querySelector('[data-stream=main] video')"
    browser.evaluate(f"{video}.currentTime -= 4")
    browser.wait_for(f"const video = {video}; return video.buffered.end(0) - video.currentTime < 1.2")
    wait_for_frames(browser, "main", 10)
    assert seen_behind_s(browser, 640, 360) < MAX_BEHIND_S


def test_a_pressed_pause_is_kept_and_a_second_press_plays_on(browser: Browser):
    wait_until_playing(browser)
    browser.press(f"{card('main')} .play")
    browser.wait_for("return document.querySelector('[data-stream=main] .picture').dataset.state === 'idle'")
    assert browser.evaluate("return document.querySelector('[data-stream=main] video').paused")
    browser.press(f"{card('main')} .play")
    wait_for_frames(browser, "main", 10)


def test_it_rests_while_nobody_looks(browser: Browser):
    wait_until_playing(browser)
    asked = "return performance.getEntriesByType('resource').length"
    with browser.another_tab():
        browser.wait_for("return document.hidden")
        browser.wait_for("return [...document.querySelectorAll('video')].every((video) => video.paused)")
        before = browser.evaluate(asked)
        time.sleep(LONGER_THAN_A_POLL_S)
        assert browser.evaluate(asked) == before
    wait_for_frames(browser, "main", 10)
    browser.wait_for(f"{asked} > {before}")


def test_it_comes_back_with_the_source(browser: Browser, service: RunningService):
    wait_until_playing(browser)
    before = browser.text(".card")
    for child in service.child_pids:
        os.kill(child, signal.SIGKILL)
    browser.wait_for("return document.querySelector('[data-field=restarts]').textContent === '1'")
    assert "Restarts\n0" in before
    for stream in ("main", "sub"):
        wait_for_frames(browser, stream, 20)
    assert seen_behind_s(browser, 640, 360) < MAX_BEHIND_S


def test_it_comes_back_after_a_silence(window: Browser, service: RunningService):
    """As of a phone that went out of reach: nothing comes, and nobody says that it is over."""
    window.open(page_url(service))
    wait_until_playing(window)
    os.kill(service.pid, signal.SIGSTOP)
    try:
        window.wait_for("return document.querySelector('.badge')?.textContent === 'Reconnecting'")
    finally:
        os.kill(service.pid, signal.SIGCONT)
    wait_for_frames(window, "main", 20)
    assert seen_behind_s(window, 640, 360) < MAX_BEHIND_S


def test_it_says_why_there_is_no_picture(window: Browser):
    with running_service(NO_CAMERA, is_healthy=False) as service:
        window.open(page_url(service))
        window.wait_for(_SAYS, ".message")
        window.wait_for(_SAYS, ".reason")
        assert window.text(".body .pill") == "Down"
        assert window.text("header .pill") == "yard down"
        assert window.text(".message").startswith("Waiting for the source: ")
        window.open("about:blank")


def test_it_plays_a_bounded_sps_and_time_stamps(window: Browser):
    """The SPS is rewritten, as the source's lacks a bitstream_restriction, and each picture has an SEI message."""
    with running_service(STAMPED, environment={"PYTHONPATH": str(UNBOUNDED)}) as service:
        window.open(page_url(service))
        wait_for_frames(window, "main", 60)
        assert seen_behind_s(window, 640, 360) < MAX_BEHIND_S
        window.open("about:blank")


def test_it_comes_back_with_the_server(window: Browser, free_port: int):
    arguments = ("--http", f"127.0.0.1:{free_port}")
    with running_service(CONFIG, *arguments) as service:
        window.open(page_url(service))
        wait_for_frames(window, "main", 10)
    window.wait_for("return document.querySelector('header .pill').textContent === 'No answer'")
    with running_service(CONFIG, *arguments):
        window.wait_for("return document.querySelector('header .pill').textContent === 'All well'")
        wait_for_frames(window, "main", 20)
        assert seen_behind_s(window, 640, 360) < MAX_BEHIND_S
        window.open("about:blank")
