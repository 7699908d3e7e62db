"""The running guest: an emulated PC with real V4L2 drivers, whose commands and ports a test reaches from here.

    with running_guest(files, [8554]) as guest:
        guest.run("v4l2-ctl", "-d", "/dev/video0", "-c", "disconnect=1")

The processor is emulated (TCG) because CI's machines have no nested virtualization: the guest is ten times slower than
they are, so nothing in it is timed. It has no way out: its network reaches only this machine, on the forwarded ports.
"""

import json
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.guest.root import GuestFiles
from tests.support.emulator import free_ports, running_emulator, virtio_network

AGENT_PORT: Final = 9000
BOOT_DEADLINE_S: Final = 120.0
COMMAND_DEADLINE_S: Final = 60.0
MEMORY_MIB: Final = 1024
_READY: Final = "guest is ready"
_KERNEL_ARGUMENTS: Final = "console=ttyS0 quiet panic=-1 nokaslr mitigations=off net.ifnames=0"
_POLL_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command in the guest ended; 124: not in time. `output` is both of its outputs."""

    returncode: int
    output: str


class Guest:
    """A booted guest; `ports` are the forwarded ones, guest -> here."""

    def __init__(self, ports: Mapping[int, int], console: Path) -> None:
        self.ports = ports
        self._console = console

    @property
    def console(self) -> str:
        """What the kernel and the first program have said."""
        return self._console.read_text(errors="replace") if self._console.exists() else ""

    def run(self, *argv: str, stdin: bytes = b"", timeout_s: float = COMMAND_DEADLINE_S) -> str:
        """Run a command and return its output; AssertionError when it fails."""
        ended = self.ended(*argv, stdin=stdin, timeout_s=timeout_s)
        assert ended.returncode == 0, f"in the guest, {argv} ended with {ended.returncode}: {ended.output}"
        return ended.output

    def ended(self, *argv: str, stdin: bytes = b"", timeout_s: float = COMMAND_DEADLINE_S) -> Ended:
        """Run a command that may fail and return how it ended."""
        request = {"argv": argv, "stdin_bytes": len(stdin), "timeout_s": timeout_s}
        address = ("127.0.0.1", self.ports[AGENT_PORT])
        with socket.create_connection(address, timeout_s + COMMAND_DEADLINE_S) as connection:
            connection.sendall(json.dumps(request).encode() + b"\n" + stdin)
            with connection.makefile("rb") as answer:
                head = json.loads(answer.readline())
                return Ended(head["returncode"], answer.read(head["stdout_bytes"]).decode(errors="replace"))

    def start(self, log: str, *argv: str) -> int:
        """Start a command that goes on, in a session of its own, and return its process id; `log` takes its output."""
        script = 'log=$1; shift; setsid "$@" </dev/null >"$log" 2>&1 & echo $!'
        return int(self.run("sh", "-c", script, "sh", log, *argv))

    def write(self, path: str, content: bytes) -> None:
        """Write a file."""
        self.run("dd", f"of={path}", "status=none", stdin=content)


@contextmanager
def running_guest(files: GuestFiles, forwarded: Sequence[int]) -> Iterator[Guest]:
    """Boot a guest until the block ends; AssertionError with its console when it does not come up."""
    with tempfile.TemporaryDirectory(prefix="edge-streamer-guest-") as folder:
        console = Path(folder) / "console"
        ports = free_ports([AGENT_PORT, *forwarded])
        with running_emulator(_qemu(files, ports, console)) as process:
            guest = Guest(ports, console)
            _wait_until_ready(guest, process)
            yield guest


def _qemu(files: GuestFiles, ports: Mapping[int, int], console: Path) -> list[str]:
    return [
        "qemu-system-x86_64",
        *("-accel", "tcg,thread=multi", "-M", "q35", "-cpu", "max", "-smp", "2", "-m", str(MEMORY_MIB)),
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", f"file:{console}"),
        *("-kernel", str(files.kernel), "-initrd", str(files.initramfs), "-append", _KERNEL_ARGUMENTS),
        *(
            "-drive",
            f"file={files.disk},format=raw,if=none,id=disk,readonly=on",
            "-device",
            "virtio-blk-pci,drive=disk",
        ),
        *virtio_network(ports),
        *("-device", "virtio-rng-pci"),
    ]


def _wait_until_ready(guest: Guest, process: subprocess.Popen[bytes]) -> None:
    """A connection before the guest listens would wait for TCP's retransmissions, so its word is awaited."""
    deadline = time.monotonic() + BOOT_DEADLINE_S
    while _READY not in guest.console:
        assert process.poll() is None, f"QEMU ended with {process.returncode}"
        assert time.monotonic() < deadline, f"the guest did not come up in {BOOT_DEADLINE_S} s:\n{guest.console}"
        time.sleep(_POLL_S)
