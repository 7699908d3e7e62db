"""The service in the laboratory's server namespace, and what can be seen of it from outside.

    with service_in(lab, config(clips)) as service:
        service.rtsp_url("mbit2"), service.metrics(), service.connections(), service.endings()

Its own word (metrics, log) is checked against the kernel's: `connections` is the namespace's TCP table, which is read
without asking the service and costs it nothing.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.netns.namespaces import SERVER_ADDRESS, Laboratory, Namespace
from tests.support.processes import resident_bytes
from tests.support.service import RunningService

RTSP_PORT: Final = 8554
HTTP_PORT: Final = 8080
_REPOSITORY: Final = Path(__file__).parents[3]
_ENDING: Final = re.compile(r"session ended reason=(\w+) .*?peer=([0-9.]+):\d+ .*?backlog_age_s=([0-9.]+)")
_ESTABLISHED: Final = "01"
_LISTEN: Final = "0A"


@dataclass(frozen=True, slots=True)
class Ending:
    """One `session ended` line of the log."""

    reason: str
    address: str


class NamespacedService(RunningService):
    """`RunningService` whose ports are in another namespace; there they are its own, so they are the usual ones."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path, namespace: Namespace) -> None:
        super().__init__(process, output)
        self._namespace = namespace

    @property
    def rtsp_address(self) -> tuple[str, int]:
        """Host and port of the RTSP listener."""
        return SERVER_ADDRESS, RTSP_PORT

    @property
    def http_address(self) -> tuple[str, int]:
        """Host and port of the HTTP listener, to be used within the namespace."""
        return "127.0.0.1", HTTP_PORT

    def rtsp_url(self, name: str) -> str:
        """Return the URL of the stream of that name, as readers reach it."""
        return f"rtsp://{SERVER_ADDRESS}:{RTSP_PORT}/{name}"

    def http(self, path: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        """Return status and body of one HTTP request, made within the server's namespace."""
        with self._namespace.entered():
            return super().http(path, method, headers)

    def connections(self) -> dict[str, str]:
        """Return peer address -> state (`01`: established) of every TCP socket at the RTSP port but the listener."""
        return dict(self._rtsp_sockets())

    def connections_count(self) -> int:
        """Return how many TCP sockets there are at the RTSP port, several of one address counted each."""
        return len(self._rtsp_sockets())

    def established(self) -> set[str]:
        """Return the addresses whose connection the server has not ended."""
        return {address for address, state in self.connections().items() if state == _ESTABLISHED}

    def endings(self) -> list[Ending]:
        """Return every end of a session that the log tells, in order."""
        return [Ending(match[1], match[2]) for match in _ENDING.finditer(self.output)]

    def ended_by_reason(self) -> dict[str, int]:
        """Return `sessions_ended_total` without the zeros."""
        name = 'edge_streamer_sessions_ended_total{reason="'
        return {
            sample.removeprefix(name).removesuffix('"}'): int(value)
            for sample, value in self.metrics().items()
            if sample.startswith(name) and value
        }

    def resident_bytes(self) -> int:
        """Return what the server process, without its sources, has in memory."""
        return resident_bytes(self.pid)

    def descriptors(self) -> int:
        """Return how many descriptors the server process has open."""
        return sum(1 for _ in Path(f"/proc/{self.pid}/fd").iterdir())

    def _rtsp_sockets(self) -> list[tuple[str, str]]:
        lines = Path(f"/proc/{self.pid}/net/tcp").read_text().splitlines()[1:]
        sockets = [line.split()[1:4] for line in lines]
        at_port = f":{RTSP_PORT:04X}"
        return [
            (_address(remote), state)
            for local, remote, state in sockets
            if local.endswith(at_port) and state != _LISTEN
        ]

    def _finds_ports(self) -> bool:
        return True


def config_of(clips: Mapping[str, Path], *, dead_after_s: float = 8.0, more: str = "") -> str:
    """Return a configuration with one file stream a clip; `more` is TOML that follows it."""
    streams = "".join(f'[streams.{name}]\nsource = "file"\npath = "{path}"\n' for name, path in clips.items())
    return f"""
[rtsp]
listen = ["{SERVER_ADDRESS}:{RTSP_PORT}", "127.0.0.1:{RTSP_PORT}"]
max_sessions = 256
max_sessions_per_address = 64
max_connections = 1024
max_connections_per_address = 256
[http]
listen = "127.0.0.1:{HTTP_PORT}"
[auth]
anonymous = true
[link]
dead_after_s = {dead_after_s}
{streams}{more}"""


@contextmanager
def service_in(lab: Laboratory, config: str, *, kernel: str = "this") -> Iterator[NamespacedService]:
    """Run the service in the server's namespace; `kernel="old"` refuses it TCP_RTO_MAX_MS."""
    launcher = ["-m", "tests.support.netns.old_kernel", sys.executable] if kernel == "old" else []
    with tempfile.TemporaryDirectory(prefix="edge-streamer-netns-") as folder:
        file, output = Path(folder) / "edge-streamer.toml", Path(folder) / "output"
        file.write_text(config)
        command = [sys.executable, *launcher, "-m", "edge_streamer", "serve", "--config", str(file)]
        with lab.server.entered(), output.open("wb") as sink:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                cwd=_REPOSITORY,
                start_new_session=True,
            )
        service = NamespacedService(process, output, lab.server)
        try:
            service.wait_until_ready()
            yield service
        finally:
            service.end()
        assert "Traceback (most recent call last)" not in service.output, service.output


def _address(hexadecimal: str) -> str:
    """Return the dotted address of `/proc/net/tcp`'s `0100007F:1F90` (host byte order)."""
    number = int(hexadecimal.partition(":")[0], 16)
    return ".".join(str(number >> shift & 0xFF) for shift in (0, 8, 16, 24))
