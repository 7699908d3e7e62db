"""The API against its own description: schemathesis asks the running service everything that the description allows,
and much that it does not.

What it generates is the same every time, so that a run that fails can be repeated. The service has viewers all the
time, who come again when they are kicked, because a session that is listed shall be there to be shown and ended.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from edge_streamer.accounts.users import Role, new_user
from edge_streamer.accounts.users_file import change_users
from tests.support.rtsp.reader import RtspReader
from tests.support.service import RunningService, running_service

STREAMS: Final = """
[streams.main]
source = "testpattern"
width = 320
height = 180
fps = 10
bitrate_bps = 100000

[streams.sub]
source = "testpattern"
width = 160
height = 96
fps = 5
bitrate_bps = 50000
"""
DESCRIPTION: Final = "/api/v1/openapi.json"
WEBSOCKET: Final = "/api/v1/streams/{name}/live"
"""Not for a client that only speaks HTTP: `tests/services/live/test_routes.py`."""
GUARDED: Final = ("/api/v1/status", "/api/v1/reload")
"""Enough of the paths, since every wrong password is answered later than the last."""
PASSWORD: Final = "a good password"
FINISH_WITHIN_S: Final = 60.0
WATCH_S: Final = 0.1


def run_schemathesis(service: RunningService, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    host, port = service.http_address
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"http://{host}:{port}{DESCRIPTION}"]
    fixed = ["--checks", "all", "--generation-deterministic", "--no-color", "--workers", "1"]
    return subprocess.run(
        [*command, *fixed, "--continue-on-failure", *arguments],
        capture_output=True, text=True, timeout=FINISH_WITHIN_S, check=False, cwd=folder,
    )  # fmt: skip


def watch_again_and_again(url: str, is_over: threading.Event) -> None:
    while not is_over.is_set():
        try:
            with RtspReader(url) as reader:
                reader.start()
                while not is_over.is_set():
                    for _packet in reader.packets(seconds=WATCH_S):
                        pass
        except (ConnectionError, AssertionError, TimeoutError):
            is_over.wait(WATCH_S)  # kicked, or its stream is being changed


@contextmanager
def viewers(service: RunningService) -> Iterator[None]:
    """Have somebody watch each stream."""
    is_over = threading.Event()
    urls = [service.rtsp_url(name) for name in ("main", "sub", "main")]
    threads = [threading.Thread(target=watch_again_and_again, args=(url, is_over)) for url in urls]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


def test_the_service_does_what_its_description_says(tmp_path):
    with running_service(STREAMS) as service, viewers(service):
        done = run_schemathesis(service, tmp_path, "--max-examples", "8", "--exclude-path", WEBSOCKET)
        assert done.returncode == 0, done.stdout + done.stderr
        assert service.metrics()['edge_streamer_sessions_ended_total{reason="kicked"}'] > 0, "no session was met"
        assert service.metrics()["edge_streamer_handler_faults_total"] == 0


@pytest.fixture
def users(tmp_path) -> Path:
    path = tmp_path / "users"
    change_users(path, lambda known: known.having(new_user("operator", Role.OPERATOR, PASSWORD)))
    return path


def test_where_there_are_users_nothing_is_answered_without_a_login(tmp_path, users):
    auth = f'[auth]\nusers = "{users}"\nbasic = "always"\nmetrics_networks = []\n'
    with running_service(auth + STREAMS, is_healthy=False) as service:
        paths = [word for path in GUARDED for word in ("--include-path", path)]
        done = run_schemathesis(service, tmp_path, "--auth", f"operator:{PASSWORD}", "--phases", "coverage", *paths)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("basic", "schemes"), [("never", {"digest"}), ("always", {"digest", "basic"})])
def test_the_description_names_the_ways_to_log_in_that_there_are(users, basic, schemes):
    auth = f'[auth]\nusers = "{users}"\nanonymous = true\nbasic = "{basic}"\n'
    with running_service(auth + STREAMS) as service:
        description = json.loads(service.http(DESCRIPTION)[1])
    assert set(description["components"]["securitySchemes"]) == schemes
    session = description["paths"]["/api/v1/sessions/{id}"]
    assert {} in session["get"]["security"], "everybody may watch"
    assert session["delete"]["security"] == [{scheme: []} for scheme in session_schemes(session["delete"])]
    assert set(session_schemes(session["delete"])) == schemes


def session_schemes(operation: dict) -> list[str]:
    return [scheme for requirement in operation["security"] for scheme in requirement]
