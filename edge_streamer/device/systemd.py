"""The interface to systemd: listening sockets that it passes, and status messages that the service sends.

The protocols are those of sd_listen_fds(3), sd_notify(3) and sd_watchdog_enabled(3), which are declared stable. Where
libsystemd's Python module is installed (Debian's python3-systemd, as on every device), it takes over the sockets, since
it follows future extensions of that protocol; elsewhere this module takes them. This module always sends the messages:
libsystemd waits for room in systemd's queue (measured), so a frozen or stopped systemd would stop the loop and every
viewer with it. Here such a message is lost.

`services.unit_reports` decides what to send and when. Called by `cli` and `app`.
"""

import os
import socket
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Final, TypeAlias

from edge_streamer.logs.limits import printable

Sockets: TypeAlias = Mapping[str, Sequence[socket.socket]]
"""Listening sockets that do not block, by the name that their unit gives them."""
NO_SOCKETS: Final[Sockets] = {}

MAX_STATUS_CHARACTERS: Final = 300
_FIRST_DESCRIPTOR: Final = 3  # SD_LISTEN_FDS_START
_UNNAMED: Final = "unknown"  # what sd_listen_fds(3) calls a descriptor without a name
_LISTEN_VARIABLES: Final = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


class Notifier:
    """Sends status messages to systemd at `address` (NOTIFY_SOCKET); made by `from_environment`.

    Each call returns whether systemd took the message. A message may be lost, since sending must not block the loop.
    `watchdog_s` is the time within which one `watchdog` must follow another (WatchdogSec=); None without a watchdog.
    """

    def __init__(self, address: str, watchdog_s: float | None) -> None:
        self.watchdog_s: Final = watchdog_s
        self._address = f"\0{address[1:]}" if address.startswith("@") else address  # unix(7): the abstract namespace
        # Kept open: a full table of descriptors must not keep the watchdog waiting.
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    @classmethod
    def from_environment(cls) -> "Notifier | None":
        """Return the notifier for the service manager that started this process; None when none did."""
        address = os.environ.get("NOTIFY_SOCKET")
        return cls(address, _watchdog_s(os.environ, os.getpid())) if address else None

    @property
    def interval_s(self) -> float | None:
        """How often to call `watchdog`: three times within `watchdog_s`."""
        return self.watchdog_s / 3 if self.watchdog_s is not None else None

    def ready(self) -> bool:
        """The service has started, or has finished its reload."""
        return self._notify("READY=1")

    def status(self, text: str) -> bool:
        """Say in one line what `systemctl status` shows."""
        return self._notify(f"STATUS={printable(text)[:MAX_STATUS_CHARACTERS]}")

    def watchdog(self) -> bool:
        """The service works: sent at least once within `watchdog_s`, or systemd restarts it."""
        return self._notify("WATCHDOG=1")

    def stopping(self) -> bool:
        """The service has begun to stop."""
        return self._notify("STOPPING=1")

    def reloading(self, now: float) -> bool:
        """The service reads its configuration again since `now` (monotonic seconds); `ready` ends it."""
        return self._notify(f"RELOADING=1\nMONOTONIC_USEC={int(now * 1e6)}")

    def close(self) -> None:
        """Close the socket; nothing is sent any more."""
        self._socket.close()

    def _notify(self, state: str) -> bool:
        try:
            return self._socket.sendto(state.encode(), self._address) > 0
        except OSError:  # its queue is full, or it is being executed anew
            return False


def _watchdog_s(environment: Mapping[str, str], pid: int) -> float | None:
    """sd_watchdog_enabled(3): the time may be meant for another process."""
    if environment.get("WATCHDOG_PID", str(pid)) != str(pid):
        return None
    limit = environment.get("WATCHDOG_USEC", "")
    return int(limit) / 1e6 if limit.isdecimal() and int(limit) else None


# --- sockets


def inherited_sockets() -> Sockets:
    """Return the listening sockets that this process was started with, by their FileDescriptorName=; the first call
    only.

    Children do not inherit them. OSError when a descriptor is not a listening TCP socket.
    """
    found: dict[str, list[socket.socket]] = {}
    for descriptor, name in _take_descriptors().items():
        found.setdefault(name, []).append(_listening_socket(descriptor, name))
    return found


def _libsystemd() -> Any | None:
    try:
        return import_module("systemd.daemon")
    except ImportError:
        return None


def _take_descriptors() -> Mapping[int, str]:
    """Return the names of the descriptors, closed on exec; the next caller and the children find none."""
    libsystemd = _libsystemd()
    try:
        return _described_by_environment() if libsystemd is None else libsystemd.listen_fds_with_names()
    finally:
        for variable in _LISTEN_VARIABLES:  # libsystemd does not change Python's copy of the environment
            os.environ.pop(variable, None)


def _described_by_environment() -> Mapping[int, str]:
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return {}
    count = int(os.environ.get("LISTEN_FDS", "0"))
    names = os.environ.get("LISTEN_FDNAMES", ":".join([_UNNAMED] * count)).split(":")
    descriptors = range(_FIRST_DESCRIPTOR, _FIRST_DESCRIPTOR + count)
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    return dict(zip(descriptors, names, strict=bool(count)))


def _listening_socket(descriptor: int, name: str) -> socket.socket:
    given = socket.socket(fileno=descriptor)
    is_tcp = given.family in (socket.AF_INET, socket.AF_INET6) and given.type == socket.SOCK_STREAM
    if is_tcp and given.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        given.setblocking(False)
        return given
    given.close()
    raise OSError(
        f'systemd hands over a socket called "{name}" that does not listen for TCP; '
        "its unit needs ListenStream=PORT and Accept=no"
    )
