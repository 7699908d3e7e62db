"""A network laboratory out of namespaces: a server, a switch and any number of readers, each with a cable to pull.

    with laboratory() as lab:
        port = lab.add_reader()
        lab.cut([port])        # power loss: everything is dropped both ways, and nobody's carrier goes away
        lab.mend([port])       # the same cable, plugged in again: a stall is a cut that was mended

Each end has a namespace of its own; a third one between them holds a bridge, and what fails is a port of that bridge.
So the server sees what it sees when a recorder on a switch loses power: silence. Traffic stays inside.

Needs iproute2 and root, or who is root in a user namespace of his own: `unshare --user --map-root-user --mount --net`
and a tmpfs on /run. A bridge, veth and `sch_tbf` are in every Debian kernel. A reader behind a NAT needs nftables.

What this kernel offers decides what is used: there is `tbf` and `htb`, and no `netem`, so a link has a rate here and no
delay but that of its queue.
"""

import ctypes
import os
import re
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

from tests.support.processes import is_running

SERVER_ADDRESS: Final = "198.18.0.1"  # 198.18.0.0/15 is for tests of networks (RFC 2544 appendix C.2.2)
SERVER_NETWORK: Final = "198.18.0.0/15"
INSIDE_NETWORK: Final = "192.168.77"
"""What is behind a router; several routers may have it."""
_RANDOM_PORTS: Final = """
table ip nat {
  chain leaving {
    type nat hook postrouting priority srcnat
    oifname eth0 masquerade fully-random
  }
}
"""
MTU_BYTES: Final = 1500
QUEUE_S: Final = 0.4
"""How long the queue of a slow link gets before it drops: what a home router or an access point has."""
_BURST_BYTES: Final = 16 << 10
_CLONE_NEWNET: Final = 0x40000000
_NAMES: Final = Path("/run/netns")
_OWNED_NAME: Final = re.compile(r"es(\d+)x\d+-\w+")
_PORT_STATES: Final = {"disabled": 0, "forwarding": 3}
_libc: Final = ctypes.CDLL(None, use_errno=True)
_laboratories: Final = count()


class Namespace:
    """One network namespace, by name."""

    def __init__(self, name: str) -> None:
        self.name = name

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Be in the namespace with this thread: sockets made and processes started meanwhile belong to it for good."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            there = os.open(_NAMES / self.name, os.O_RDONLY | os.O_CLOEXEC)
            try:
                _set_namespace(there)
            finally:
                os.close(there)
            try:
                yield
            finally:
                _set_namespace(home)
        finally:
            os.close(home)


@dataclass(frozen=True, slots=True)
class ReaderPort:
    """A reader's place: its namespace, its address, and the switch's device that its cable ends in."""

    namespace: Namespace
    address: str
    device: str


class Laboratory:
    """See the module; made by `laboratory`."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._names: list[str] = []
        self._readers = count(1)
        self._insides = count(1)
        self._switch = self._add_namespace("switch")
        self.server = self._add_namespace("server")
        _ip("-n", self._switch.name, "link", "add", "br0", "up", "type", "bridge", "stp_state", "0")
        self._plug(self.server, f"{SERVER_ADDRESS}/15", "server")
        # The congestion control of Debian and Raspberry Pi OS, whatever this machine's default is.
        _ip("-n", self.server.name, "route", "replace", SERVER_NETWORK, "dev", "eth0", "congctl", "cubic")

    def add_reader(self) -> ReaderPort:
        """Return a new reader's place, connected."""
        number = next(self._readers)
        port = ReaderPort(
            self._add_namespace(f"reader{number}"), f"198.18.{1 + number // 250}.{1 + number % 250}", f"port{number}"
        )
        self._plug(port.namespace, f"{port.address}/15", port.device)
        return port

    def add_reader_behind_nat(self) -> Namespace:
        """Return the namespace of a reader behind a router that gives its packets random source ports (nftables)."""
        router, inside = self.add_reader(), self._add_namespace(f"inside{next(self._insides)}")
        cable = ("link", "add", "inner", "type", "veth", "peer", "name", "eth0", "netns", inside.name)
        _ip("-n", router.namespace.name, *cable)
        for name, device, address in ((router.namespace.name, "inner", "1"), (inside.name, "eth0", "2")):
            _ip("-n", name, "address", "add", f"{INSIDE_NETWORK}.{address}/24", "dev", device)
            _ip("-n", name, "link", "set", device, "up")
        _ip("-n", inside.name, "route", "add", "default", "via", f"{INSIDE_NETWORK}.1")
        with router.namespace.entered():
            Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
            _run("nft", "-f", "-", stdin=_RANDOM_PORTS)
        return inside

    def cut(self, ports: Iterable[ReaderPort]) -> float:
        """Drop everything from and to these ports; return when that was (monotonic seconds)."""
        return self._set_ports(ports, "disabled")

    def mend(self, ports: Iterable[ReaderPort]) -> float:
        """Forward again; return when that was (monotonic seconds)."""
        return self._set_ports(ports, "forwarding")

    def limit_rate(self, port: ReaderPort, rate_bps: float) -> None:
        """Let the reader's link carry `rate_bps` towards it from now on, behind a queue of `QUEUE_S`."""
        shape = ("rate", f"{rate_bps:.0f}bit", "burst", str(_BURST_BYTES), "latency", f"{QUEUE_S * 1000:.0f}ms")
        _run("tc", "-n", self._switch.name, "qdisc", "replace", "dev", port.device, "root", "tbf", *shape)

    def close(self) -> None:
        """Remove the namespaces, and with them everything in them."""
        for name in reversed(self._names):
            _ip("netns", "delete", name)
        self._names.clear()

    def _add_namespace(self, role: str) -> Namespace:
        name = f"{self._prefix}-{role}"
        _ip("netns", "add", name)
        self._names.append(name)
        _ip("-n", name, "link", "set", "lo", "up")
        return Namespace(name)

    def _plug(self, end: Namespace, address: str, device: str) -> None:
        """Lay a cable from `end` to the switch."""
        cable = ("link", "add", device, "mtu", str(MTU_BYTES), "type", "veth")
        _ip("-n", self._switch.name, *cable, "peer", "name", "eth0", "mtu", str(MTU_BYTES), "netns", end.name)
        _ip("-n", self._switch.name, "link", "set", device, "master", "br0", "up")
        _ip("-n", end.name, "address", "add", address, "dev", "eth0")
        _ip("-n", end.name, "link", "set", "eth0", "up")

    def _set_ports(self, ports: Iterable[ReaderPort], state: str) -> float:
        lines = [f"link set dev {port.device} state {_PORT_STATES[state]}\n" for port in ports]
        began = time.monotonic()
        _run("bridge", "-n", self._switch.name, "-batch", "-", stdin="".join(lines))
        return (began + time.monotonic()) / 2


@contextmanager
def laboratory() -> Iterator[Laboratory]:
    """Give a laboratory that is gone afterwards; those of test runs that were killed go first."""
    assert os.geteuid() == 0, "network namespaces need root: run the tests as root"
    remove_stale_namespaces()
    lab = Laboratory(f"es{os.getpid()}x{next(_laboratories)}")
    try:
        yield lab
    finally:
        lab.close()


def remove_stale_namespaces() -> list[str]:
    """Remove what processes that are no more have left behind; return the names."""
    removed = []
    for path in sorted(_NAMES.glob("es*x*-*")):
        owned = _OWNED_NAME.fullmatch(path.name)
        if owned is not None and not is_running(int(owned[1])):
            _ip("netns", "delete", path.name)
            removed.append(path.name)
    return removed


def _set_namespace(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def _ip(*arguments: str) -> None:
    _run("ip", *arguments)


def _run(*command: str, stdin: str = "") -> None:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    assert not done.returncode, f"{' '.join(command)}: {done.stderr.strip()}"
