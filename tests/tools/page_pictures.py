"""Takes the README's pictures of the page, from a real run: two streams, three sessions, one of them stalled.

The section of the device has the facts of a flashed board, since this machine is none; on the picture `page-device` its
first password is still in use, and its card has a mistake.

    python -m tests.tools.page_pictures

Called by hand when the page looks different; it writes docs/images/page-*.png.
"""

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec

from edge_streamer.device.info import DeviceInfo
from tests.support.browser.browser import Browser
from tests.support.browser.page import page_url, told_of, wait_for_frames, wait_for_sessions
from tests.support.device_tree import shown_board
from tests.support.players import FFMPEG, GSTREAMER, Playing
from tests.support.rtsp.reader import RtspReader
from tests.support.rtsp.stalled_reader import stalled_reader
from tests.support.service import RunningService, running_service

FOLDER: Final = Path(__file__).parents[2] / "docs" / "images"
MANY_PICTURES: Final = 10_000
PHONE_LINES: Final = 844
DEVICE_LINES: Final = 480
_CONFIG: Final = """
[streams.main]
source = "testpattern"
fps = 15

[streams.sub]
source = "testpattern"
width = 640
height = 360
fps = 10
bitrate_bps = 400_000
"""


def main() -> None:
    """Take them all."""
    with running_service(_CONFIG) as service:
        with TemporaryDirectory() as folder:
            board = shown_board(Path(folder))
        with Browser(first_script=told_of(_at_peace(board))) as desk:
            _open_with_sessions(desk, service, FOLDER / "page-desktop.png", height=None)
        with Browser(height=DEVICE_LINES, first_script=told_of(board)) as desk:
            _open_at_device(desk, service, FOLDER / "page-device.png")
        with Browser(width=390, height=PHONE_LINES, scale=2, is_phone=True, scheme="dark") as phone:
            _open_with_sessions(phone, service, FOLDER / "page-phone.png", height=PHONE_LINES)


def _open_with_sessions(browser: Browser, service: RunningService, path: Path, height: int | None) -> None:
    """Take a picture of the page when the stalled reader is in trouble; of a phone's page the sessions as well."""
    with ExitStack() as watching:
        watching.enter_context(Playing(GSTREAMER, service.rtsp_url("main"), "tcp", MANY_PICTURES))
        watching.enter_context(Playing(FFMPEG, service.rtsp_url("sub"), "udp", MANY_PICTURES))
        _come_and_go(service)
        browser.open(page_url(service))
        wait_for_sessions(browser, 2)
        wait_for_frames(browser, "main", 120)
        watching.enter_context(stalled_reader(service.rtsp_url("main")))
        browser.wait_for("return document.querySelector('.meter[data-tone=warn]')")
        browser.screenshot(path, height)
        if height is not None:
            browser.evaluate("document.getElementById('sessions').scrollIntoView()")
            browser.screenshot(path.with_stem(f"{path.stem}-sessions"), height)


def _at_peace(board: DeviceInfo) -> DeviceInfo:
    """Return the board when its password was changed and its card's mistake corrected."""
    assert board.card is not None
    card = msgspec.structs.replace(board.card, configuration="card", has_initial_password=False, mistakes=())
    return msgspec.structs.replace(board, card=card)


def _open_at_device(browser: Browser, service: RunningService, path: Path) -> None:
    """Take a picture of the page's end, with the device."""
    browser.open(page_url(service))
    browser.wait_for("return !document.getElementById('device').hidden")
    browser.evaluate("document.getElementById('device').scrollIntoView()")
    browser.screenshot(path, DEVICE_LINES)


def _come_and_go(service: RunningService) -> None:
    """Have sessions end, one as it should."""
    for says_goodbye in (True, False):
        with RtspReader(service.rtsp_url("sub")) as reader:
            reader.start()
            if says_goodbye:
                reader.teardown()


if __name__ == "__main__":
    main()
