"""The laboratory itself: a cut cable is silent, a mended one works, a slow one is slow, and nothing stays behind."""

import errno
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.netns.clips import CLIPS, ClipSpec, average_bps
from tests.support.netns.namespaces import SERVER_ADDRESS, Laboratory, Namespace, laboratory, remove_stale_namespaces
from tests.support.netns.old_kernel import TCP_RTO_MAX_MS

NAMES = Path("/run/netns")


@pytest.fixture
def lab() -> Iterator[Laboratory]:
    with laboratory() as lab:
        yield lab


def carrier_in(namespace: Namespace) -> bool:
    with namespace.entered():
        links = subprocess.run(["ip", "-brief", "link", "show", "eth0"], capture_output=True, text=True, check=True)
    return "LOWER_UP" in links.stdout


def connected(lab: Laboratory, reader: Namespace) -> tuple[socket.socket, socket.socket]:
    """Return the server's and the reader's end of a TCP connection."""
    with lab.server.entered(), socket.create_server((SERVER_ADDRESS, 0)) as listener:
        with reader.entered():
            end = socket.create_connection(listener.getsockname(), timeout=5)
        return listener.accept()[0], end


def test_a_cut_drops_both_ways_and_nobodys_carrier_goes_away(lab: Laboratory):
    port, other = lab.add_reader(), lab.add_reader()
    server_end, reader_end = connected(lab, port.namespace)
    with server_end, reader_end:
        lab.cut([port])
        for sender, receiver in ((server_end, reader_end), (reader_end, server_end)):
            sender.send(b"lost for now")
            receiver.settimeout(0.3)
            with pytest.raises(TimeoutError):
                receiver.recv(100)
        assert carrier_in(lab.server)
        assert carrier_in(port.namespace)
        for end in connected(lab, other.namespace):
            end.close()
        lab.mend([port])
        for receiver in (reader_end, server_end):
            receiver.settimeout(5)
            assert receiver.recv(100) == b"lost for now"


def test_a_slow_link_carries_its_rate(lab: Laboratory):
    port = lab.add_reader()
    lab.limit_rate(port, 4_000_000)
    server_end, reader_end = connected(lab, port.namespace)
    with server_end, reader_end:
        server_end.setblocking(False)
        started, received = time.monotonic(), 0
        while time.monotonic() - started < 2:
            try:
                server_end.send(bytes(65536))
            except BlockingIOError:
                pass
            received += len(reader_end.recv(65536))
        assert received * 8 / 2 == pytest.approx(4_000_000, rel=0.15)


def test_nothing_stays_behind(lab: Laboratory):
    lab.add_reader()
    mine = [path.name for path in NAMES.iterdir() if path.name.startswith(f"es{os.getpid()}x")]
    assert len(mine) == 3
    lab.close()
    assert not [path for path in NAMES.iterdir() if path.name.startswith(f"es{os.getpid()}x")]


def test_what_a_killed_run_left_behind_is_removed():
    code = (
        "from tests.support.netns.namespaces import laboratory\n"
        "with laboratory():\n  print('up', flush=True)\n  input()"
    )
    run = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with run:
        assert run.stdout is not None
        run.stdout.readline()
        left = {f"es{run.pid}x0-server", f"es{run.pid}x0-switch"}
        assert not left & set(remove_stale_namespaces()), "its process still runs"
        run.send_signal(signal.SIGKILL)
    assert left <= set(remove_stale_namespaces())


def test_an_old_kernel_refuses_one_option_and_no_other():
    code = (
        "import socket\n"
        "s = socket.socket()\n"
        "s.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000)\n"
        "try:\n"
        f"    s.setsockopt(socket.IPPROTO_TCP, {TCP_RTO_MAX_MS}, 1000)\n"
        "except OSError as error:\n"
        "    print(error.errno)\n"
    )
    command = [sys.executable, "-m", "tests.support.netns.old_kernel", sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) == errno.ENOPROTOOPT


@pytest.mark.parametrize("spec", CLIPS, ids=lambda spec: spec.name)
def test_a_clip_has_its_bit_rate(spec: ClipSpec, clips: dict[str, Path]):
    assert average_bps(clips[spec.name]) == pytest.approx(spec.bitrate_bps, rel=0.12)
