"""The service of this checkout, running inside the guest and watched from here.

    with running_in(guest, CONFIG) as service:
        service.wait_for_frames("raw", 10)

Only one can run at a time: it has the guest's two forwarded ports. A traceback in its log fails the test.
"""

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from tests.guest.machine import Ended, Guest
from tests.guest.waiting import wait_until
from tests.support.emulator import GUEST_ADDRESS

RTSP_PORT: Final = 8554
HTTP_PORT: Final = 8080
FORWARDED_PORTS: Final = (RTSP_PORT, HTTP_PORT)
CHECKOUT: Final = "/tmp/checkout"
_CONFIG: Final = "/tmp/edge-streamer.toml"
_LOG: Final = "/tmp/edge-streamer.log"
_ANYBODY: Final = "[auth]\nanonymous = true\n"
SERVICE_PYTHON: Final = ("env", f"PYTHONPATH={CHECKOUT}", "PYTHONUNBUFFERED=1", "python3")
_HTTP_TIMEOUT_S: Final = 20.0


class GuestService:
    """The running service."""

    def __init__(self, guest: Guest) -> None:
        self.guest = guest

    @property
    def log(self) -> str:
        """What it has written so far."""
        return self.guest.run("cat", _LOG)

    def rtsp_url(self, name: str) -> str:
        """Return the URL of the stream of that name, as it is reached from here."""
        return f"rtsp://127.0.0.1:{self.guest.ports[RTSP_PORT]}/{name}"

    def http(self, path: str) -> tuple[int, bytes]:
        """Return status and body of one GET."""
        connection = http.client.HTTPConnection("127.0.0.1", self.guest.ports[HTTP_PORT], timeout=_HTTP_TIMEOUT_S)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def stream(self, name: str) -> dict[str, Any]:
        """Return what /api/v1/streams/<name> says."""
        status, body = self.http(f"/api/v1/streams/{name}")
        assert status == 200, body
        document: dict[str, Any] = json.loads(body)
        return document

    def wait_for_frames(self, name: str, count: int) -> None:
        """Return when so many more frames of a stream were published."""
        wanted = self.stream(name)["frames"] + count
        wait_until(f"{count} more frames of {name}", lambda: self.stream(name)["frames"] >= wanted, lambda: self.log)

    def wait_until_discarded(self, name: str, count: int) -> None:
        """Return when so many buffers of the stream's camera have been counted as unusable."""

        def is_counted() -> bool:
            return bool(self.stream(name)["discarded_buffers"] >= count)

        wait_until(f"{count} discarded buffers of {name}", is_counted, lambda: self.log)

    def wait_until_down(self, name: str, reason: str = "") -> None:
        """Return when the stream has no picture, for a reason in which that text is."""

        def is_down() -> bool:
            stream = self.stream(name)
            return not stream["up"] and bool(stream["reason"]) and reason in stream["reason"]

        wait_until(f"{name} is down: {reason}", is_down, lambda: self.log)

    def wait_for_log(self, text: str) -> None:
        """Return when the log holds a text."""
        wait_until(f"{text!r} in the log", lambda: text in self.log, lambda: self.log)


@contextmanager
def running_in(guest: Guest, config: str) -> Iterator[GuestService]:
    """Run `edge-streamer serve` in the guest with that configuration until the block ends."""
    guest.write(_CONFIG, (_ANYBODY + config).encode())
    listen = (f"--rtsp={GUEST_ADDRESS}:{RTSP_PORT}", f"--http={GUEST_ADDRESS}:{HTTP_PORT}")
    pid = guest.start(_LOG, *SERVICE_PYTHON, "-m", "edge_streamer", "serve", f"--config={_CONFIG}", *listen)
    service = GuestService(guest)
    try:
        service.wait_for_log("http://")
        yield service
    finally:
        guest.run("kill", str(pid))
        wait_until("the service has ended", lambda: not _is_running(guest, pid), lambda: service.log)
    assert "Traceback (most recent call last)" not in service.log, service.log


def module_in(guest: Guest, name: str, *arguments: str) -> Ended:
    """Run a module of the checkout in the guest to its end."""
    return guest.ended(*SERVICE_PYTHON, "-m", name, *arguments)


def _is_running(guest: Guest, pid: int) -> bool:
    return guest.ended("kill", "-0", str(pid)).returncode == 0
