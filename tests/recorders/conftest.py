"""The recorders' root, and for all tests of this folder one service with a user and a place on its network."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from edge_streamer.accounts.users import Role, new_user
from edge_streamer.accounts.users_file import change_users
from tests.recorders.catalog import DATED_STREAM, FRAME_RATE_HZ, HEIGHT, PASSWORD, STREAM, USER, WIDTH
from tests.recorders.recorder import Recording
from tests.recorders.root import built_root
from tests.support.netns.namespaces import SERVER_ADDRESS, Laboratory, ReaderPort, laboratory
from tests.support.netns.service import HTTP_PORT, RTSP_PORT, NamespacedService, service_in

HERE: Final = Path(__file__).parent
FIRST_TEST_TIMEOUT_S: Final = 600
"""Building the root counts as the set-up of whichever test comes first."""
CONFIG: Final = f"""
[rtsp]
listen = "{SERVER_ADDRESS}:{RTSP_PORT}"
transports = ["tcp", "udp", "multicast"]
[http]
listen = "127.0.0.1:{HTTP_PORT}"
[auth]
users = "{{users}}"
[multicast]
interface = "eth0"
[streams.{STREAM}]
source = "testpattern"
width = {WIDTH}
height = {HEIGHT}
fps = {FRAME_RATE_HZ}
bitrate_bps = 400000
[streams.{DATED_STREAM}]
source = "testpattern"
width = {WIDTH}
height = {HEIGHT}
fps = {FRAME_RATE_HZ}
bitrate_bps = 400000
timestamps = "sei"
"""

Record = Callable[..., AbstractContextManager[Recording]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == HERE:
            item.add_marker(pytest.mark.timeout(FIRST_TEST_TIMEOUT_S))


@pytest.fixture(scope="session")
def root(request: pytest.FixtureRequest) -> Path:
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def tell(text: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"\n-- {text}", flush=True)

    return built_root(tell)


@pytest.fixture(scope="session")
def lab() -> Iterator[Laboratory]:
    with laboratory() as lab:
        yield lab


@pytest.fixture(scope="session")
def viewer(lab: Laboratory) -> ReaderPort:
    """A host that knows where groups are, as every host with a default route does."""
    port = lab.add_reader()
    subprocess.run(["ip", "-n", port.namespace.name, "route", "add", "239.255.42.0/24", "dev", "eth0"], check=True)
    return port


@pytest.fixture(scope="session")
def service(lab: Laboratory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NamespacedService]:
    users = tmp_path_factory.mktemp("recorders") / "users"
    change_users(users, lambda known: known.having(new_user(USER, Role.VIEWER, PASSWORD)))
    with service_in(lab, CONFIG.format(users=users)) as running:
        yield running


@pytest.fixture
def record(root: Path, viewer: ReaderPort, service: NamespacedService) -> Record:
    """Return the function that runs a command in the root, as a viewer of the service."""
    return partial(Recording, root, viewer)
