import socket
from collections.abc import Iterator

import pytest

from tests.support.browser.browser import Browser
from tests.support.browser.page import CONFIG, page_url
from tests.support.service import RunningService, running_service


@pytest.fixture(scope="module")
def service() -> Iterator[RunningService]:
    with running_service(CONFIG) as running:
        yield running


@pytest.fixture(scope="module")
def window() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


@pytest.fixture
def browser(window: Browser, service: RunningService) -> Iterator[Browser]:
    """The page of the service, open; whatever a test does with it, the browser has nothing to complain of."""
    window.complaints()
    window.requested_origins()
    window.open(page_url(service))
    window.wait_for("return !document.querySelector('main').hidden")
    yield window
    host, port = service.http_address
    assert window.complaints() == []
    assert window.requested_origins() <= {f"http://{host}:{port}", f"ws://{host}:{port}"}


@pytest.fixture
def free_port() -> int:
    """A port that nobody listens on, for a service that shall be found again when it has been started anew."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
