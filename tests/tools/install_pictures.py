"""Takes the pictures of docs/install.md from a run of the image in QEMU: its console, and its page. Needs root.

    python -m tests.tools.install_pictures        # builds the image of a PC if it is not there, which takes minutes

Called by hand when console or page look different; it writes docs/images/install-*.
"""

import re
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.image.builds import built_image
from tests.image.disk import copied_disk
from tests.image.machine import AMD64, Device, running_device
from tests.image.visitor import Visitor
from tests.support.browser.browser import Browser
from tests.support.terminal_picture import terminal_picture

FOLDER: Final = Path(__file__).parents[2] / "docs" / "images"
DISK_BYTES: Final = 2 << 30
START_DEADLINE_S: Final = 300.0
_PASSWORD: Final = re.compile(r"^Password:\s+(\S+) \(", re.M)
_ADDRESS: Final = re.compile(r"^Addresses:\s+http", re.M)
_PICTURE_SETTLES_S: Final = 20.0
"""An emulated processor makes a picture a second or so."""


def main() -> None:
    """Take them all."""
    image = built_image("pc", print)
    with tempfile.TemporaryDirectory() as name:
        disk = copied_disk(image.disk, Path(name) / "disk", DISK_BYTES)
        with running_device(AMD64, image.boot(), disk.path, memory_mib=512) as device:
            password = _first_password(device)
            _take_console(device)
            Visitor(device, "admin", password).wait_for_packet(START_DEADLINE_S)
            with Browser(width=1100, height=900) as browser:
                browser.open(f"http://admin:{password}@127.0.0.1:{device.ports[80]}/")
                time.sleep(_PICTURE_SETTLES_S)
                browser.screenshot(FOLDER / "install-page.png", None)


def _first_password(device: Device) -> str:
    """Wait until the console says password and address, and return the password."""
    deadline = time.monotonic() + START_DEADLINE_S
    while True:
        said = device.console.replace("\r", "")
        if (found := _PASSWORD.search(said)) and _ADDRESS.search(said):
            return found[1]
        assert time.monotonic() < deadline, said[-4000:]
        time.sleep(1.0)


def _take_console(device: Device) -> None:
    """Keep what was printed last: from the name to the password."""
    said = device.console.replace("\r", "")
    last = said[said.rindex("Camera:") :]
    lines = last[: last.index("\n", last.index("Password:"))]
    (FOLDER / "install-console.svg").write_text(terminal_picture(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
