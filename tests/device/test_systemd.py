"""What is said to systemd, and the sockets it hands over: by libsystemd, where `python3-systemd` is, and without it.

The module cannot be installed everywhere, so a stand-in of the same function stands for it here; `tests/systemd` runs
the real one under the real systemd.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from edge_streamer.device.systemd import MAX_STATUS_CHARACTERS, Notifier, inherited_sockets


class LibsystemdStandIn(ModuleType):
    """What `systemd.daemon` of systemd-python 235 offers, as far as it is used."""

    def __init__(self) -> None:
        super().__init__("systemd.daemon")
        self.descriptors: dict[int, str] = {}

    def listen_fds_with_names(self) -> dict[int, str]:
        return self.descriptors


@pytest.fixture
def libsystemd(monkeypatch) -> LibsystemdStandIn:
    stand_in = LibsystemdStandIn()
    monkeypatch.setitem(sys.modules, "systemd", ModuleType("systemd"))
    monkeypatch.setitem(sys.modules, "systemd.daemon", stand_in)
    return stand_in


@pytest.fixture
def no_libsystemd(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "systemd.daemon", None)


class Manager:
    """The end of NOTIFY_SOCKET that systemd has."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.setblocking(False)

    def heard(self) -> list[str]:
        messages = []
        while True:
            try:
                messages.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return messages


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path: Path, monkeypatch) -> Iterator[Manager]:
    name = str(tmp_path / "notify") if request.param == "path" else f"@edge_streamer-test-{os.getpid()}"
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    made = Manager(name.replace("@", "\0", 1))
    yield made
    made.socket.close()


@pytest.fixture(autouse=True)
def no_manager_of_ours(monkeypatch) -> None:
    """These tests may run as a unit themselves."""
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def notifier(manager: Manager) -> Iterator[Notifier]:
    made = Notifier.from_environment()
    assert made is not None
    yield made
    made.close()


# --- messages


def test_nobody_listens_where_nobody_started_us():
    assert Notifier.from_environment() is None


MESSAGES = [
    (Notifier.ready, (), "READY=1"),
    (Notifier.status, ("1 of 1 streams up",), "STATUS=1 of 1 streams up"),
    (Notifier.status, ("two\nlines",), "STATUS=two\N{REPLACEMENT CHARACTER}lines"),
    (Notifier.status, ("x" * 1000,), "STATUS=" + "x" * MAX_STATUS_CHARACTERS),
    (Notifier.watchdog, (), "WATCHDOG=1"),
    (Notifier.stopping, (), "STOPPING=1"),
    (Notifier.reloading, (12.345678,), "RELOADING=1\nMONOTONIC_USEC=12345678"),
]


@pytest.mark.parametrize(("say", "arguments", "message"), MESSAGES)
def test_what_is_sent(manager, notifier, say, arguments, message):
    assert say(notifier, *arguments)
    assert manager.heard() == [message]


def test_a_manager_that_does_not_read_does_not_hold_us_up(manager, notifier):
    while notifier.watchdog():
        pass
    assert len(manager.heard()) > 1
    assert notifier.watchdog()


def test_a_manager_that_is_gone_is_no_fault(manager, notifier):
    manager.socket.close()
    assert not notifier.ready()


@pytest.mark.parametrize(
    ("usec", "pid", "interval_s"),
    [
        ("15000000", None, 5.0),
        ("15000000", "ours", 5.0),
        ("15000000", "1", None),
        ("0", None, None),
        ("", None, None),
        (None, None, None),
    ],
)
def test_the_watchdog_is_fed_three_times_in_its_time(monkeypatch, usec, pid, interval_s):
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/systemd/notify")
    if usec is not None:
        monkeypatch.setenv("WATCHDOG_USEC", usec)
    if pid is not None:
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()) if pid == "ours" else pid)
    made = Notifier.from_environment()
    assert made.interval_s == interval_s
    made.close()


# --- sockets


PROGRAM = """
import os, sys
sys.modules["systemd.daemon"] = None
from edge_streamer.device.systemd import inherited_sockets
sockets = inherited_sockets()
for name, group in sockets.items():
    for each in group:
        print(name, each.getsockname()[1], each.getblocking(), os.get_inheritable(each.fileno()))
print([key for key in os.environ if key.startswith("LISTEN")], dict(inherited_sockets()))
"""


def started_by_systemd(
    script: str, sockets: list[socket.socket], names: str | None
) -> subprocess.CompletedProcess[str]:
    """Run a Python program that has `sockets` from descriptor 3 on, as systemd starts one."""
    moves = " ".join(f"{3 + place}<&{each.fileno()}" for place, each in enumerate(sockets))
    variables = f"LISTEN_PID=$$ LISTEN_FDS={len(sockets)}" + ("" if names is None else f" LISTEN_FDNAMES={names}")
    shell = f'{variables} exec "$0" -c "$1" {moves}'
    descriptors = [each.fileno() for each in sockets]
    command = ["bash", "-c", shell, sys.executable, script]
    return subprocess.run(command, pass_fds=descriptors, capture_output=True, text=True, timeout=30, check=False)


@pytest.fixture
def listening() -> Iterator[list[socket.socket]]:
    made = []
    while len(made) < 3:
        each = socket.create_server(("127.0.0.1", 0))
        # Bash moves descriptors one after the other: none may be in the way of another.
        made.append(socket.socket(fileno=os.dup2(each.detach(), 20 + len(made))))
    yield made
    for each in made:
        each.close()


def test_sockets_are_taken_over_by_name_and_kept_from_children(listening):
    done = started_by_systemd(PROGRAM, listening, "rtsp:http:rtsp")
    ports = [each.getsockname()[1] for each in listening]
    assert done.stdout.splitlines() == [
        f"rtsp {ports[0]} False False",
        f"rtsp {ports[2]} False False",
        f"http {ports[1]} False False",
        "[] {}",
    ], done.stderr


def test_sockets_without_names_are_unknown(listening):
    done = started_by_systemd(PROGRAM, listening[:1], None)
    assert done.stdout.startswith("unknown "), done.stderr


def test_a_socket_for_datagrams_is_refused():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        done = started_by_systemd(PROGRAM, [datagrams], "wsd")
    assert 'OSError: systemd hands over a socket called "wsd" that does not listen for TCP' in done.stderr


def test_what_is_meant_for_another_process_is_not_taken(monkeypatch, no_libsystemd):
    monkeypatch.setenv("LISTEN_PID", "1")
    monkeypatch.setenv("LISTEN_FDS", "5")
    assert inherited_sockets() == {}
    assert "LISTEN_FDS" not in os.environ


def test_no_sockets_where_nobody_gives_any(no_libsystemd):
    assert inherited_sockets() == {}


def test_sockets_by_libsystemd(libsystemd, monkeypatch):
    monkeypatch.setenv("LISTEN_FDS", "1")
    given = socket.create_server(("127.0.0.1", 0))
    address = given.getsockname()
    libsystemd.descriptors = {given.detach(): "rtsp"}
    ((taken,),) = inherited_sockets().values()
    assert taken.getsockname() == address
    assert "LISTEN_FDS" not in os.environ
    taken.close()


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
def test_only_what_listens_for_tcp_is_taken(libsystemd, family):
    libsystemd.descriptors = {socket.socket(family).detach(): "rtsp"}
    with pytest.raises(OSError, match="Accept=no"):
        inherited_sockets()
