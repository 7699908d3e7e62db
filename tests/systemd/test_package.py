"""The Debian package under dpkg and a real systemd: installed, upgraded while it streams, removed, purged.

The root has PyAV as a wheel in place of Debian's python3-av, which brings 260 packages; a package without files stands
for it here. The device image is built with the real one.
"""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest

from deploy.debian.build import build, version
from tests.support.debian_root import run
from tests.support.netns.namespaces import SERVER_ADDRESS, laboratory
from tests.systemd.conftest import ANYBODY, CONFIG_PATH, UNIT, Installed
from tests.systemd.machine import booted_machine
from tests.systemd.root import built_root

FORMER: Final = "0.0.1"
PACKAGES: Final = "/root/packages"
USERS: Final = "/etc/edge_streamer/users"
PORTS: Final = (554, 80)
RECONNECTED_WITHIN_S: Final = 5.0
"""What the project promises of an upgrade."""
_CONTROL: Final = """\
Package: python3-av
Version: 14.2.0
Architecture: all
Maintainer: tests
Description: stands for Debian's package
"""


@pytest.fixture(scope="module")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """A machine with the packages in a folder and none of them installed."""
    tree = tmp_path_factory.mktemp("tree")
    folder = tree / PACKAGES.lstrip("/")
    build(folder)
    build(folder, FORMER)
    stand_in = tmp_path_factory.mktemp("python3-av")
    (stand_in / "DEBIAN").mkdir()
    (stand_in / "DEBIAN/control").write_text(_CONTROL)
    run("dpkg-deb", "--build", str(stand_in), str(folder / "python3-av.deb"))
    with laboratory() as network, booted_machine(built_root(print), tree, network.server) as machine:
        machine.run("dpkg", "--install", f"{PACKAGES}/python3-av.deb")
        yield Installed(machine, network.add_reader())


@pytest.fixture
def removed(packaged: Installed) -> Installed:
    """The machine without the package and without anything that it left."""
    packaged.machine.run("dpkg", "--purge", "edge-streamer")
    return packaged


def install(installed: Installed, package_version: str = "") -> str:
    return installed.machine.run(
        "dpkg", "--install", f"{PACKAGES}/edge-streamer_{package_version or version()}_all.deb"
    )


def add_user(installed: Installed) -> None:
    installed.machine.run("sh", "-c", "echo 'a good password' | edge-streamer user add alice")


def state_of(installed: Installed, unit: str) -> str:
    return installed.machine.run("systemctl", "is-active", unit, is_checked=False).strip()


def receive(installed: Installed) -> None:
    """Play the stream until it has sent something."""
    with installed.watch() as reader:
        reader.start()
        assert next(reader.packets(seconds=5))


def test_installing_enables_the_units_and_says_how_to_begin(removed: Installed) -> None:
    said = install(removed)
    assert "edge-streamer user add NAME && systemctl start edge_streamer" in said
    for unit in (UNIT, "edge_streamer-rtsp.socket", "edge_streamer-http.socket"):
        assert removed.machine.run("systemctl", "is-enabled", unit).strip() == "enabled"
    assert state_of(removed, UNIT) == "inactive"
    add_user(removed)
    removed.machine.run("systemctl", "start", UNIT)
    assert removed.get("/api/v1/streams")[0] == 401, "only alice may look"


def test_the_packages_files_are_in_their_places(removed: Installed) -> None:
    install(removed)
    said = removed.machine.run("dpkg", "--verify", "edge-streamer").splitlines()
    wrong = [line for line in said if " /usr/share/doc/" not in line and " /usr/share/man/" not in line]
    assert wrong == [], "the root's dpkg leaves documentation out, and nothing else may be missing"
    assert removed.machine.run("edge-streamer", "check").startswith("# The effective configuration")
    assert "edge_streamer" in removed.machine.run("journalctl", "--list-catalog")
    assert removed.machine.run("stat", "-c", "%U", "/usr/bin/edge-streamer").strip() == "root"


@contextmanager
def connecting(installed: Installed, refused: list[str]) -> Iterator[None]:
    """Connect to every port the whole time; `refused` gets what failed."""
    is_over = threading.Event()

    def connect() -> None:
        with installed.viewer.namespace.entered():
            while not is_over.is_set():
                for port in PORTS:
                    try:
                        socket.create_connection((SERVER_ADDRESS, port), timeout=10).close()
                    except OSError as error:
                        refused.append(f"{port}: {error}")
                is_over.wait(0.02)

    thread = threading.Thread(target=connect)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def test_an_upgrade_keeps_the_ports_open_and_viewers_are_back_within_five_seconds(removed: Installed) -> None:
    install(removed, FORMER)
    removed.machine.write(CONFIG_PATH, f"# ours\n{ANYBODY}")
    add_user(removed)
    removed.machine.run("systemctl", "start", UNIT)
    before, refused = removed.pid, list[str]()
    with connecting(removed, refused), removed.watch() as reader:
        reader.start()
        assert next(reader.packets(seconds=5))
        upgrade = threading.Thread(target=install, args=(removed,))
        upgrade.start()
        ended_at = reader.wait_closed()  # the former service ends the session
        receive(removed)
        away_s = time.monotonic() - ended_at
        upgrade.join()
    print(f"away for {away_s:.2f} s during the upgrade")
    assert away_s < RECONNECTED_WITHIN_S
    assert refused == []
    assert removed.pid != before
    assert removed.machine.run("cat", CONFIG_PATH).startswith("# ours\n")
    assert removed.machine.run("dpkg-query", "--show", "-f=${Version}", "edge-streamer") == version()


def test_an_upgrade_leaves_a_disabled_service_alone(removed: Installed) -> None:
    install(removed, FORMER)
    removed.machine.run("systemctl", "disable", UNIT)
    install(removed)
    assert removed.machine.run("systemctl", "is-enabled", UNIT, is_checked=False).strip() == "disabled"
    assert state_of(removed, UNIT) == "inactive"


def test_removing_ends_it_and_keeps_what_the_operator_decided(removed: Installed) -> None:
    install(removed)
    removed.machine.write(CONFIG_PATH, ANYBODY)
    add_user(removed)
    removed.machine.run("systemctl", "start", UNIT)
    removed.machine.run("dpkg", "--remove", "edge-streamer")
    for unit in (UNIT, "edge_streamer-rtsp.socket", "edge_streamer-http.socket"):
        assert state_of(removed, unit) == "inactive"
    assert removed.machine.run("cat", CONFIG_PATH) == ANYBODY
    install(removed)  # and again: it runs at once, for those users
    removed.wait_until_ready()
    receive(removed)


def test_purging_leaves_nothing(removed: Installed) -> None:
    install(removed)
    add_user(removed)
    removed.machine.run("dpkg", "--purge", "edge-streamer")
    left = removed.machine.run(
        "find", "/etc", "/usr", "/var/lib/systemd", "-name", "edge?streamer*", "-not", "-path", "/etc/machine-id"
    )
    assert left == ""
