"""From exposure to the shown picture in headless Chromium, without and with a bound on reordering in the SPS.

    python -m benchmarks.decoder_wait [RUNS]

The test pattern at 1280x720 runs with an SPS that lacks bitstream_restriction, as of many cameras (`tests/support/
unbounded`), once as it comes and once bounded (`bound_reordering`). Each picture has a clock drawn into it. Two players
read it: the page, which keeps a buffer of its own, and a bare WebCodecs decoder that is fed each fragment as it comes.
The third figure is of no browser: how many pictures a decoder that keeps to the standard holds back. Prints Markdown.
"""

import statistics
import sys
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from edge_streamer.sources.testpattern.strips import Strip, cell_edges, strip_height, strip_top
from tests.support.browser.browser import Browser
from tests.support.browser.page import card, page_url, wait_for_frames
from tests.support.service import RunningService, running_service
from tests.support.unbounded.decoding import pictures_held_back, watched

WIDTH: Final = 1280
HEIGHT: Final = 720
WATCH_S: Final = 10
SETTLE_S: Final = 8
"""Until the page has found its place behind the live edge."""
CONFIG: Final = """
[streams.main]
source = "testpattern"
width = {width}
height = {height}
fps = {fps}
bound_reordering = {bound}
"""
UNBOUNDED: Final = Path(__file__).parents[1] / "tests" / "support" / "unbounded"

_READ_CLOCK: Final = """
const [width, columns, line, count] = arguments;
const done = arguments[arguments.length - 1];
const canvas = new OffscreenCanvas(width, 1);
const context = canvas.getContext('2d', { willReadFrequently: true });
const ages = [];
/** Note the age of a picture, in milliseconds; return whether there are enough. */
function note(picture) {
  const now = (performance.timeOrigin + performance.now()) % 4294967296;
  context.drawImage(picture, 0, line, canvas.width, 1, 0, 0, canvas.width, 1);
  const pixels = context.getImageData(0, 0, canvas.width, 1).data;
  ages.push(now - columns.reduce((value, x) => value * 2 + (pixels[4 * x + 1] > 127 ? 1 : 0), 0));
  return ages.length >= count;
}
"""
_PAGE: Final = """
const video = document.querySelector(arguments[4] + ' video');
const look = () => note(video) ? done(ages) : video.requestVideoFrameCallback(look);
video.requestVideoFrameCallback(look);
"""
_WEB_CODECS: Final = """
let decoder, mime, number = 0;
const socket = new WebSocket(`ws://${location.host}/api/v1/streams/main/live`);
socket.binaryType = 'arraybuffer';
const finish = () => { socket.close(); done(ages); };
const nameAt = (bytes, at) => String.fromCharCode(...bytes.subarray(at, at + 4));
function begin(bytes, view) {
  let at = 0;
  while (nameAt(bytes, at) !== 'avcC') at += 1;
  decoder = new VideoDecoder({
    output: (frame) => { const isEnough = note(frame); frame.close(); if (isEnough) finish(); },
    error: (error) => done(String(error)),
  });
  const description = bytes.slice(at + 4, at - 4 + view.getUint32(at - 4));
  decoder.configure({ codec: mime.match(/"(.*)"/)[1], description, optimizeForLatency: true });
}
socket.onmessage = ({ data }) => {
  if (typeof data === 'string') { mime = JSON.parse(data).mime ?? mime; return; }
  const bytes = new Uint8Array(data), view = new DataView(data);
  if (nameAt(bytes, 4) === 'ftyp') { begin(bytes, view); return; }
  if (ages.length >= count) return;
  number += 1;
  const type = number === 1 ? 'key' : 'delta'; // what the server sends first is a key frame
  const sample = bytes.subarray(view.getUint32(0) + 8); // behind moof and the header of mdat
  decoder.decode(new EncodedVideoChunk({ type, timestamp: 1000 * number, data: sample }));
};
"""


def main() -> None:
    """Measure each combination `RUNS` times, one after the other, and print the medians."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    measured: dict[tuple[int, str], list[tuple[float, float, int]]] = defaultdict(list)
    with Browser() as browser:
        for _ in range(runs):
            for fps in (15, 30):
                for bound in ("false", "true"):
                    measured[fps, bound].append(_measure(browser, fps, bound))
    print("| fps | `bound_reordering` | the page | WebCodecs | held back by a strict decoder |\n|---|---|---|---|---|")
    for (fps, bound), results in measured.items():
        page, codecs, held = zip(*results, strict=True)
        waited = f"{max(held)} pictures, {1000 * max(held) / fps:.0f} ms"
        print(f"| {fps} | {bound} | {_spread(page)} | {_spread(codecs)} | {waited} |")


def _measure(browser: Browser, fps: int, bound: str) -> tuple[float, float, int]:
    config = CONFIG.format(width=WIDTH, height=HEIGHT, fps=fps, bound=bound)
    with running_service(config, environment={"PYTHONPATH": str(UNBOUNDED)}) as service:
        browser.open(page_url(service))
        wait_for_frames(browser, "main", SETTLE_S * fps)
        page_ms = _median_age_ms(browser, _PAGE, WATCH_S * fps, card("main"))
        browser.open(f"{page_url(service)}api/v1/status")  # a page of the same origin that plays nothing
        codecs_ms = _median_age_ms(browser, _WEB_CODECS, WATCH_S * fps)
        browser.open("about:blank")
        return page_ms, codecs_ms, _held_back(service)


def _held_back(service: RunningService) -> int:
    return pictures_held_back(watched(service, "main")[1])


def _median_age_ms(browser: Browser, player: str, count: int, *arguments: Any) -> float:
    columns = [(start + end) // 2 for start, end in pairwise(cell_edges(WIDTH))]
    line = strip_top(Strip.WALL_MS, HEIGHT) + strip_height(HEIGHT) // 2
    ages = browser.evaluate_later(_READ_CLOCK + player, WIDTH, columns, line, count, *arguments)
    assert isinstance(ages, list), ages
    return statistics.median(ages)


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.0f} ms ({min(values):.0f} to {max(values):.0f})"


if __name__ == "__main__":
    main()
