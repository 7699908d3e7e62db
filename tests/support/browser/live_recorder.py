"""A browser on a real socket that keeps what it is shown, for tests with the running service.

with LiveRecorder(service, "main") as recorder:
    watch(recorder, until=lambda: recorder.browser.fragments)
"""

import select
import socket
import time
from collections.abc import Callable
from typing import Final, Self

from wsproto.events import CloseConnection

from tests.support.browser.live_browser import LiveBrowser
from tests.support.service import RunningService

WAIT_LIMIT_S: Final = 20.0


class LiveRecorder:
    """See the module; when each fragment came stands in `arrived`, in monotonic seconds."""

    def __init__(self, service: RunningService, name: str, **headers: str) -> None:
        host, port = service.http_address
        self.browser = LiveBrowser(f"{host}:{port}", name, origin=f"http://{host}:{port}", **headers)
        self.socket = socket.create_connection((host, port))
        self.opened_at = time.monotonic()
        self.arrived: list[float] = []
        self.is_closed = False
        self.answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.socket.close()

    def leave(self) -> None:
        """Say goodbye, and hear it."""
        self.browser.send(CloseConnection(1000))
        watch(self, until=lambda: self.is_closed)
        assert self.browser.close_code == 1000

    def read(self) -> None:
        """Take what has come."""
        data = self.socket.recv(1 << 20)
        self.is_closed = not data
        if data:
            self.browser.receive(data)
        now = time.monotonic()
        self.arrived += [now] * (len(self.browser.fragments) - len(self.arrived))

    def answer(self) -> None:
        """Send what is to be said."""
        self.socket.sendall(self.browser.output)
        self.browser.output = b""


def watch(*recorders: LiveRecorder, until: Callable[[], object]) -> None:
    """Read what comes until the condition holds."""
    deadline = time.monotonic() + WAIT_LIMIT_S
    while not until():
        assert time.monotonic() < deadline, [recorder.browser.order for recorder in recorders]
        ready, _, _ = select.select([recorder.socket for recorder in recorders], [], [], 0.1)
        for recorder in recorders:
            recorder.answer()
            if recorder.socket in ready:
                recorder.read()


def watch_for(seconds: float, *recorders: LiveRecorder) -> None:
    """Read what comes for so long."""
    end = time.monotonic() + seconds
    watch(*recorders, until=lambda: time.monotonic() >= end)
