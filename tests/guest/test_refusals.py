"""A source that cannot start says in one sentence why, and what would help. Run by hand, as an operator would.

All are started at once, because each takes the emulated processor seconds; each test reads what its own has said.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.guest import loopback, vivid
from tests.guest.machine import Guest
from tests.guest.service import SERVICE_PYTHON
from tests.guest.waiting import wait_until

EXIT_CODE = "exit code 1"
REFUSALS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "a size that is not offered": ({"width": 800, "height": 600}, ("does not offer 800x600 at 15 fps", "640x480")),
    "a rate that is not offered": ({"fps": 17}, ("does not offer 320x180 at 17 fps", "12.5")),
    "a camera that is not there": ({"device": "/dev/v4l/by-id/usb-none"}, ("is not there; plug it in",)),
    "a node that is no camera": ({"device": loopback.DEVICE}, (f"{loopback.DEVICE} (encoding-camera) is no camera",)),
    "a file that is no device": ({"device": "/dev/null"}, ("is no V4L2 device",)),
    "a camera that another program uses": ({}, ("is in use by another program",)),
}

Said = Callable[[str], str]


@pytest.fixture(scope="module")
def said(guest: Guest) -> Iterator[Said]:
    """Return what the source of that name has said once it has ended; another program uses the camera meanwhile."""
    small = f"--set-fmt-video=width={vivid.WIDTH},height={vivid.HEIGHT}"
    user = guest.start("/tmp/user.log", "v4l2-ctl", "-d", vivid.DEVICE, small, "--stream-mmap", "--stream-count=0")
    logs = {name: f"/tmp/refused-{number}.log" for number, name in enumerate(REFUSALS)}
    for name, log in logs.items():
        start_source(guest, log, REFUSALS[name][0])

    def read(name: str) -> str:
        wait_until(f"{name} is refused", lambda: EXIT_CODE in guest.run("cat", logs[name]), lambda: guest.run("ps"))
        return guest.run("cat", logs[name])

    yield read
    guest.run("kill", str(user))


@pytest.mark.parametrize("name", REFUSALS)
def test_the_reason_is_said(said: Said, name: str) -> None:
    text = said(name)
    assert "Traceback" not in text
    assert all(phrase in text for phrase in REFUSALS[name][1]), text


def start_source(guest: Guest, log: str, wish: dict[str, Any]) -> None:
    device = wish.get("device", vivid.DEVICE)
    wanted = {"width": vivid.WIDTH, "height": vivid.HEIGHT, "fps": vivid.FPS} | wish
    output = {key: value for key, value in wanted.items() if key != "device"}
    arguments = ("v4l2", "--output", json.dumps(output), "--options", json.dumps({"device": device}))
    script = '"$@" | cat; echo "exit code $?"'
    guest.start(
        log, "sh", "-c", f"set -o pipefail; {script}", "sh", *SERVICE_PYTHON, "-m", "edge_streamer.sources", *arguments
    )
