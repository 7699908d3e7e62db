"""One machine for all tests of this folder, with this checkout installed as docs/systemd.md says: booted once a run."""

import http.client
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.netns.namespaces import SERVER_ADDRESS, Laboratory, ReaderPort, laboratory
from tests.support.rtsp.reader import RtspReader
from tests.support.rtsp.wire import Transport
from tests.systemd.installation import install
from tests.systemd.machine import Machine, booted_machine
from tests.systemd.root import built_root

HERE: Final = Path(__file__).parent
FIRST_TEST_TIMEOUT_S: Final = 600
"""Building the root counts as the set-up of whichever test comes first."""
UNIT: Final = "edge_streamer.service"
CONFIG_PATH: Final = "/etc/edge_streamer/edge_streamer.toml"
START_DEADLINE_S: Final = 15.0
REQUEST_TIMEOUT_S: Final = 10.0
STREAM: Final = """
[streams.main]
source = "testpattern"
width = 320
height = 180
fps = 10
bitrate_bps = 100000
"""
ANYBODY: Final = f"[auth]\nanonymous = true\n{STREAM}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == HERE:
            item.add_marker(pytest.mark.timeout(FIRST_TEST_TIMEOUT_S))


class Installed:
    """The machine with the service installed and enabled, and a place on its network to watch from."""

    def __init__(self, machine: Machine, viewer: ReaderPort) -> None:
        self.machine = machine
        self.viewer = viewer
        self._prepared: tuple[str, str] = ("", "")

    @property
    def pid(self) -> int:
        """The service's main process, as a number inside; 0 when there is none."""
        return int(self.machine.show(UNIT, "MainPID"))

    @property
    def restarts(self) -> int:
        """How often systemd has started the service again by itself."""
        return int(self.machine.show(UNIT, "NRestarts"))

    def signal(self, name: str) -> None:
        """Send the main process a signal, as `systemctl kill` does."""
        self.machine.run("systemctl", "kill", f"--signal={name}", "--kill-whom=main", UNIT)

    def is_ready(self) -> bool:
        """Whether the service has told systemd that it is."""
        return self.machine.show(UNIT, "ActiveState") == "active"

    def uses_libsystemd(self) -> bool:
        """Whether Debian's python3-systemd is loaded into the main process."""
        return "/systemd/_daemon" in self.machine.run("cat", f"/proc/{self.pid}/maps")

    def wait_until_ready(self) -> None:
        """Return when it is ready."""
        self.machine.wait_until("the service is ready", self.is_ready, START_DEADLINE_S)

    def restore(self) -> None:
        """Have it run as it was installed; it goes on running where it does."""
        if self._prepared != (ANYBODY, "") or not self.is_ready() or self.restarts:
            self.configure()

    def configure(self, configuration: str = ANYBODY, drop_in: str = "") -> None:
        """Give the service another configuration and a drop-in for its unit, or none, and start it anew."""
        self.prepare(configuration, drop_in)
        self.machine.run("systemctl", "start", UNIT)

    def prepare(self, configuration: str, drop_in: str = "") -> None:
        """As `configure`, but leave the service stopped."""
        self.machine.run("systemctl", "stop", UNIT)
        self.machine.run("systemctl", "reset-failed")
        self.machine.write(f"/run/systemd/system/{UNIT}.d/test.conf", drop_in)
        self.machine.run("systemctl", "daemon-reload")
        self._prepared = (self._prepared[0], drop_in)
        self.edit(configuration)

    def edit(self, configuration: str) -> None:
        """Write another configuration, of which the service does not know yet."""
        self.machine.write(CONFIG_PATH, configuration)
        self._prepared = (configuration, self._prepared[1])

    def reload(self) -> None:
        """Have systemd tell the service to read its configuration again."""
        self.machine.run("systemctl", "reload", UNIT)

    def watch(self, transport: Transport = "tcp") -> RtspReader:
        """Return a viewer that has connected to port 554 over the network."""
        with self.viewer.namespace.entered():
            return RtspReader(f"rtsp://{SERVER_ADDRESS}/main", transport, timeout_s=REQUEST_TIMEOUT_S)

    def get(self, path: str) -> tuple[int, bytes]:
        """Return status and body of one GET to port 80 over the network."""
        connection = http.client.HTTPConnection(SERVER_ADDRESS, 80, timeout=REQUEST_TIMEOUT_S)
        try:
            with self.viewer.namespace.entered():
                connection.connect()
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def get_json(self, path: str) -> Any:
        """Return the JSON at that path; AssertionError when there is none."""
        status, body = self.get(path)
        assert status == 200, body
        return json.loads(body)


@pytest.fixture(scope="session")
def network() -> Iterator[Laboratory]:
    with laboratory() as lab:
        yield lab


@pytest.fixture(scope="session")
def machine(
    pytestconfig: pytest.Config, network: Laboratory, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Machine]:
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        root = built_root(lambda text: print(f"\n-- {text}", file=sys.stderr, end="", flush=True))
    tree = tmp_path_factory.mktemp("tree")
    install(tree, ANYBODY)
    with booted_machine(root, tree, network.server) as booted:
        booted.run("journalctl", "--update-catalog")
        booted.run("systemctl", "enable", UNIT)
        booted.run("systemctl", "start", "edge_streamer-rtsp.socket", "edge_streamer-http.socket")
        yield booted


@pytest.fixture(scope="session")
def viewer(network: Laboratory) -> ReaderPort:
    return network.add_reader()


@pytest.fixture(scope="session")
def service(machine: Machine, viewer: ReaderPort) -> Installed:
    return Installed(machine, viewer)


@pytest.fixture
def installed(service: Installed) -> Installed:
    """The service, ready, with the configuration and the unit that it was installed with."""
    service.restore()
    return service
