"""What tests ask of the open page: its pictures, its table, and how late a picture is by the clock drawn into it."""

import time
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec

from edge_streamer.device.info import DeviceInfo
from edge_streamer.sources.testpattern.strips import Strip, cell_edges, strip_height, strip_top
from tests.support.browser.browser import Browser
from tests.support.frame_number import milliseconds_since
from tests.support.service import RunningService

PICTURES: Final = Path(__file__).parents[3] / "build" / "page"
"""Kept by CI: what the page looks like."""

CONFIG: Final = """
[streams.main]
source = "testpattern"
width = 640
height = 360
fps = 15
bitrate_bps = 500_000

[streams.sub]
source = "testpattern"
width = 320
height = 180
fps = 10
bitrate_bps = 200_000
"""

_CARD: Final = "[data-stream='{}']"
_STRIP: Final = """
const video = document.querySelector(arguments[0] + ' video');
const canvas = document.createElement('canvas');
canvas.width = video.videoWidth;
canvas.height = video.videoHeight;
const context = canvas.getContext('2d');
context.drawImage(video, 0, 0);
const line = context.getImageData(0, arguments[2], canvas.width, 1).data;
return arguments[1].map((x) => line[4 * x + 1] > 127);
"""
_PLAYING: Final = """
const card = document.querySelector(arguments[0]);
const video = card?.querySelector('video');
return card?.querySelector('.picture').dataset.state === 'live' && video.currentTime > 0
  && video.getVideoPlaybackQuality().totalVideoFrames;
"""
_BADGE: Final = "return document.querySelector(arguments[0] + ' .badge').textContent"
_MORE_FRAMES: Final = """
const video = document.querySelector(arguments[0] + ' video');
const quality = video.getVideoPlaybackQuality();
return !video.paused && quality.totalVideoFrames - quality.droppedVideoFrames >= arguments[1]
  && video.currentTime > arguments[2];
"""


_ANSWER_FOR_THE_DEVICE: Final = """
const asked = window.fetch;
window.fetch = (url, ...rest) =>
  String(url).endsWith("api/v1/device") ? Promise.resolve(Response.json(%s)) : asked(url, ...rest);
"""


def told_of(device: DeviceInfo) -> str:
    """Return a script that a page begins with, so that it is told of this device."""
    return _ANSWER_FOR_THE_DEVICE % msgspec.json.encode(device).decode()


def page_url(service: RunningService, login: str = "") -> str:
    """Return the address of the page; `login` is `name:password@` or empty."""
    host, port = service.http_address
    return f"http://{login}{host}:{port}/"


def card(stream: str) -> str:
    """Return the selector of a stream's card."""
    return _CARD.format(stream)


def wait_until_playing(browser: Browser, stream: str = "main") -> int:
    """Return how many frames have been decoded, when the picture moves."""
    return int(browser.wait_for(_PLAYING, card(stream)))


def wait_for_frames(browser: Browser, stream: str, frames: int) -> None:
    """Return when that many more frames were shown, in time that went on."""
    wait_until_playing(browser, stream)
    video = f"document.querySelector({card(stream)!r} + ' video')"
    shown = browser.evaluate(f"return {video}.getVideoPlaybackQuality().totalVideoFrames")
    media_s = browser.evaluate(f"return {video}.currentTime")
    browser.wait_for(_MORE_FRAMES, card(stream), shown + frames, media_s)


def said_behind_s(browser: Browser, stream: str = "main") -> float:
    """Return how far behind the page says that it is, when it does: "Live, 0.6 s behind"."""
    words = browser.wait_for(f"return /behind$/.test({_BADGE[7:]}) && {_BADGE[7:]}", card(stream))
    return float(words.split()[1])


def seen_behind_s(browser: Browser, width: int, height: int, stream: str = "main") -> float:
    """Return the age of the picture on the screen, by the clock in its bottom strip."""
    middles = [(start + end) // 2 for start, end in pairwise(cell_edges(width))]
    line = strip_top(Strip.WALL_MS, height) + strip_height(height) // 2
    bits = browser.evaluate(_STRIP, card(stream), middles, line)
    wall_ms = int("".join("1" if bit else "0" for bit in bits), 2)
    return milliseconds_since(wall_ms, round(time.time() * 1000)) / 1000


def wait_for_sessions(browser: Browser, count: int) -> list[str]:
    """Return the ids of the sessions in the table, when there are that many."""
    rows = "[...document.querySelectorAll('tbody tr')].map((row) => row.dataset.session)"
    browser.wait_for(f"return {rows}.length === arguments[0]", count)
    return list(browser.evaluate(f"return {rows}"))
