"""The service as a test sees it: a process with ports, pages and an end. Used by runtime, interop and benchmark runs.

    with running_service(config_text) as service:
        reader = RtspReader(service.rtsp_url("main"))

It starts the service on free loopback ports and ends it and its descendants, nothing else. It fails the test when the
process wrote a traceback or a source outlived the server, whatever the test itself found.
"""

import http.client
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from tests.support.processes import Descendants, child_pids, exit_code, kill_group

PROGRAM: Final = (sys.executable, "-m", "edge_streamer")
START_DEADLINE_S: Final = 15.0
STOP_DEADLINE_S: Final = 15.0
ORPHAN_GRACE_S: Final = 3.0
"""A source ends at the end of file on its socketpair; what runs longer than this after the server is an orphan."""
HTTP_TIMEOUT_S: Final = 5.0
_POLL_S: Final = 0.02
_REPOSITORY: Final = Path(__file__).parents[2]
_RTSP_URL: Final = re.compile(r"rtsp://(127\.0\.0\.1|\[::1\]):(\d+)/")
_HTTP_URL: Final = re.compile(r"http://127\.0\.0\.1:(\d+)/")


class RunningService:
    """The running process: where it listens, what it says, how it ends."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self._process = process
        self._output = output
        self._rtsp_host = "127.0.0.1"
        self._rtsp_port = 0
        self._http_port = 0
        self._children = Descendants()

    @property
    def pid(self) -> int:
        """The server's process id, which is also its process group's."""
        return self._process.pid

    @property
    def child_pids(self) -> list[int]:
        """The process ids of the source processes that run now."""
        return child_pids(self.pid)

    @property
    def output(self) -> str:
        """Everything that the process has written to stdout and stderr so far."""
        return self._output.read_text(errors="replace")

    @property
    def rtsp_address(self) -> tuple[str, int]:
        """Host and port of the RTSP listener."""
        return self._rtsp_host.strip("[]"), self._rtsp_port

    @property
    def http_address(self) -> tuple[str, int]:
        """Host and port of the HTTP listener."""
        return "127.0.0.1", self._http_port

    def rtsp_url(self, name: str) -> str:
        """Return the URL of the stream of that name."""
        return f"rtsp://{self._rtsp_host}:{self._rtsp_port}/{name}"

    def http(self, path: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        """Return status and body of one HTTP request on a connection of its own; OSError when nobody listens."""
        connection = http.client.HTTPConnection(*self.http_address, timeout=HTTP_TIMEOUT_S)
        try:
            connection.request(method, path, headers=dict(headers or {}))
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def metrics(self) -> dict[str, float]:
        """Return the samples of /metrics: `name` or `name{label="value",...}` with sorted labels -> value."""
        status, body = self.http("/metrics")
        assert status == 200, f"/metrics answered {status}: {body[:200]!r}"
        families = text_string_to_metric_families(body.decode())
        samples = (sample for family in families for sample in family.samples)
        return {_sample_key(sample.name, sample.labels): sample.value for sample in samples}

    def stop(self, signal_number: int = signal.SIGTERM) -> tuple[int, float]:
        """Signal the server and return its exit code and the seconds it took; AssertionError past 15 s."""
        self._children.note(self.pid)
        sent_now = time.monotonic()
        os.kill(self.pid, signal_number)
        while (code := exit_code(self._process)) is None:
            taken_s = time.monotonic() - sent_now
            assert taken_s < STOP_DEADLINE_S, (
                f"still running {taken_s:.1f} s after signal {signal_number}:\n{self.output}"
            )
            time.sleep(_POLL_S)
        return code, time.monotonic() - sent_now

    def wait_until_ready(self, *, is_healthy: bool = True) -> None:
        """Return when both listeners are known and /healthz answers 200, which a service that shall not be healthy is
        spared; AssertionError with the output if not."""
        deadline = time.monotonic() + START_DEADLINE_S
        while time.monotonic() < deadline:
            code = exit_code(self._process)
            assert code is None, f"the service ended with {code}:\n{self.output}"
            if self._finds_ports() and (self._is_healthy() or not is_healthy):
                return
            time.sleep(_POLL_S)
        raise AssertionError(f"the service was not ready after {START_DEADLINE_S} s:\n{self.output}")

    def end(self) -> None:
        """End what was started, by force if it must be; AssertionError if a source process outlived the server."""
        self._children.note(self.pid)
        try:
            if exit_code(self._process) is None:
                self.stop()
        finally:
            kill_group(self._process)
            orphans = self._children.end(ORPHAN_GRACE_S)
        assert not orphans, f"source processes {orphans} outlived the server:\n{self.output}"

    def _finds_ports(self) -> bool:
        rtsp, page = _RTSP_URL.search(self.output), _HTTP_URL.search(self.output)
        if rtsp is None or page is None:
            return False
        self._rtsp_host, self._rtsp_port, self._http_port = rtsp[1], int(rtsp[2]), int(page[1])
        return True

    def _is_healthy(self) -> bool:
        try:
            return self.http("/healthz")[0] == 200
        except OSError:
            return False


@contextmanager
def running_service(
    config_text: str | None = None,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    is_healthy: bool = True,
    program: Sequence[str] = (),
    has_faults: bool = False,
) -> Iterator[RunningService]:
    """Run `edge-streamer serve` with that TOML (None: no configuration) and more arguments until the block ends.

    `is_healthy=False` does not wait for a picture in every stream: one of them shall have none. `program` is for a
    service that runs under a limit or with something broken inside (`sabotage`), `has_faults=True` for one that shall
    write tracebacks.
    """
    with tempfile.TemporaryDirectory(prefix="edge-streamer-test-") as folder:
        output = Path(folder) / "output"
        command = [*(program or PROGRAM), *_arguments(Path(folder), config_text), *arguments]
        with output.open("wb") as sink:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                cwd=_REPOSITORY,
                env=os.environ | {"PYTHONUNBUFFERED": "1"} | dict(environment or {}),
                start_new_session=True,
            )
        service = RunningService(process, output)
        try:
            service.wait_until_ready(is_healthy=is_healthy)
            yield service
        finally:
            service.end()
        assert ("Traceback (most recent call last)" in service.output) == has_faults, service.output


def _arguments(folder: Path, config_text: str | None) -> list[str]:
    arguments = ["serve", "--rtsp", "127.0.0.1:0", "--http", "127.0.0.1:0"]
    if config_text is None:
        return arguments
    config = folder / "edge-streamer.toml"
    config.write_text(config_text)
    return [*arguments, "--config", str(config)]


def _sample_key(name: str, labels: Mapping[str, str]) -> str:
    if not labels:
        return name
    return name + "{" + ",".join(f'{label}="{value}"' for label, value in sorted(labels.items())) + "}"
