"""Debian's Prometheus, scraping what a test runs: a process with a configuration, a query and an end.

    with running_prometheus(["127.0.0.1:8080"], tmp_path) as prometheus:
        prometheus.wait_for("up == 1")

It listens on a free loopback port, keeps everything below `folder`, and is killed when the block ends.
"""

import http.client
import json
import os
import re
import subprocess
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.support.processes import exit_code, kill_group

PROGRAM: Final = "prometheus"
JOB: Final = "edge_streamer"
START_DEADLINE_S: Final = 20.0
WAIT_S: Final = 15.0
_HTTP_TIMEOUT_S: Final = 10.0
_POLL_S: Final = 0.1
_LISTENING: Final = re.compile(r'msg="Listening on" address=127\.0\.0\.1:([1-9]\d*)')


@dataclass(frozen=True, slots=True)
class Series:
    """One series of an instant query's answer, and its value at `time_s` (Unix time)."""

    labels: Mapping[str, str]
    time_s: float
    value: float


@dataclass(frozen=True, slots=True)
class Target:
    """What Prometheus knows of one target: `health` is "up", "down" or "unknown"."""

    address: str
    health: str
    last_error: str
    last_scrape_s: float  # how long the last scrape took


class PromQlError(AssertionError):
    """Prometheus refused an expression, and says why."""


class RunningPrometheus:
    """The running process and its HTTP API."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log
        self._port = 0

    @property
    def url(self) -> str:
        """Where its own page is, with the slash."""
        return f"http://127.0.0.1:{self._port}/"

    @property
    def log(self) -> str:
        """Everything that it has written so far."""
        return self._log.read_text(errors="replace")

    def query(self, expression: str, at: float | None = None) -> list[Series]:
        """Return the series of an instant vector, or a scalar as one without labels; `PromQlError` for a wrong one.

        `at` is Unix time; without it, now.
        """
        parameters = {"query": expression} if at is None else {"query": expression, "time": f"{at:.3f}"}
        data = self.api("query", parameters)
        match data["resultType"]:
            case "vector":
                return [_series(found["metric"], found["value"]) for found in data["result"]]
            case "scalar":
                return [_series({}, data["result"])]
            case kind:
                raise PromQlError(f"{expression} is a {kind}: ask for `samples`")

    def samples(self, selector: str) -> dict[tuple[tuple[str, str], ...], list[tuple[float, float]]]:
        """Return what a range selector as `name[1m]` holds: sorted labels -> (Unix time, value) as scraped."""
        data = self.api("query", {"query": selector})
        assert data["resultType"] == "matrix", f"{selector} is a {data['resultType']}"
        return {
            tuple(sorted(found["metric"].items())): [(float(at), float(value)) for at, value in found["values"]]
            for found in data["result"]
        }

    def wait_for(
        self,
        expression: str,
        until: Callable[[list[Series]], object] = bool,
        *,
        within_s: float = WAIT_S,
    ) -> list[Series]:
        """Return the answer as soon as `until` accepts it (by default: one with a series in it); AssertionError with
        the last answer and the targets if it never does."""
        deadline = time.monotonic() + within_s
        while not until(found := self.query(expression)):
            if time.monotonic() > deadline:
                raise AssertionError(f"{expression} is {found} after {within_s} s; targets: {self.targets()}")
            time.sleep(_POLL_S)
        return found

    def targets(self) -> list[Target]:
        """Return what is scraped, and how the last scrape of each went."""
        return [
            Target(found["labels"]["instance"], found["health"], found["lastError"], float(found["lastScrapeDuration"]))
            for found in self.api("targets", {"state": "active"})["activeTargets"]
        ]

    def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts that are pending or firing, as the API gives them."""
        found: list[dict[str, Any]] = self.api("alerts", {})["alerts"]
        return found

    def api(self, path: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        """Return `data` of one answer of `/api/v1/<path>`."""
        status, body = self._get(f"/api/v1/{path}?{urllib.parse.urlencode(parameters)}")
        answer = json.loads(body)
        if answer["status"] != "success":
            raise PromQlError(f"{path} {dict(parameters)} answered {status}: {answer.get('error')}")
        data: dict[str, Any] = answer["data"]
        return data

    def wait_until_ready(self) -> None:
        """Return when it answers queries; AssertionError with its log if it does not."""
        deadline = time.monotonic() + START_DEADLINE_S
        while time.monotonic() < deadline:
            code = exit_code(self._process)
            assert code is None, f"prometheus ended with {code}:\n{self.log}"
            if self._finds_port() and self._is_ready():
                return
            time.sleep(_POLL_S)
        raise AssertionError(f"prometheus was not ready after {START_DEADLINE_S} s:\n{self.log}")

    def _finds_port(self) -> bool:
        found = _LISTENING.search(self.log)
        self._port = int(found[1]) if found else 0
        return found is not None

    def _is_ready(self) -> bool:
        try:
            return self._get("/-/ready")[0] == 200
        except OSError:
            return False

    def _get(self, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_HTTP_TIMEOUT_S)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


@contextmanager
def running_prometheus(
    targets: Sequence[str],
    folder: Path,
    rule_files: Sequence[Path] = (),
    *,
    job: str = JOB,
    interval_s: int = 1,
) -> Iterator[RunningPrometheus]:
    """Run Prometheus until the block ends: it scrapes `targets` (`host:port`) and evaluates `rule_files` every
    `interval_s`. What it writes goes to `folder`, which a test's `tmp_path` is good for."""
    config, log = folder / "prometheus.json", folder / "prometheus.log"
    config.write_text(json.dumps(_configuration(targets, rule_files, job, interval_s)))  # JSON is YAML
    command = [
        PROGRAM,
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'prometheus-data'}",
        "--web.listen-address=127.0.0.1:0",
    ]
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=os.environ | {"GOMAXPROCS": "1"},  # it shares the machine with what it measures
            start_new_session=True,
        )
    try:
        prometheus = RunningPrometheus(process, log)
        prometheus.wait_until_ready()
        yield prometheus
    finally:
        kill_group(process)


def _configuration(targets: Sequence[str], rule_files: Sequence[Path], job: str, interval_s: int) -> dict[str, Any]:
    interval = f"{interval_s}s"
    return {
        "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
        "rule_files": [str(path.resolve()) for path in rule_files],
        "scrape_configs": [{"job_name": job, "static_configs": [{"targets": list(targets)}]}],
    }


def _series(labels: Mapping[str, str], sample: Sequence[Any]) -> Series:
    return Series(labels, float(sample[0]), float(sample[1]))
