"""The running service's handle: it finds the ports, ends what it started, and does not overlook a traceback."""

import signal
import sys
import time
from pathlib import Path

import pytest

from tests.support import service as service_module
from tests.support.processes import is_running
from tests.support.service import running_service

STAND_IN = '''
import http.server, signal, subprocess, sys, threading
child = subprocess.Popen([sys.executable, "-c", "CHILD"], stdin=subprocess.PIPE, start_new_session=True)

class Pages(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = {"/healthz": b"ok", "/metrics": METRICS}.get(self.path)
        self.send_response(404 if body is None else 200)
        self.end_headers()
        self.wfile.write(body or b"")

METRICS = b"""# TYPE edge_streamer_sessions_ended counter
edge_streamer_sessions_ended_total{reason="teardown",a="b"} 3
# TYPE edge_streamer_sessions_active gauge
edge_streamer_sessions_active 2
"""
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
print("rtsp://127.0.0.1:43211/main")
print(f"http://127.0.0.1:{server.server_port}/")
server.serve_forever()
ENDING
'''


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Put a small server in the service's place whose last lines are the test's."""

    def install(ending: str, child: str = "import sys; sys.stdin.read()") -> None:
        script = tmp_path / "stand_in.py"
        script.write_text(STAND_IN.replace("ENDING", ending).replace("CHILD", child))
        monkeypatch.setattr(service_module, "PROGRAM", (sys.executable, str(script)))

    return install


def test_finds_ports_pages_and_samples_and_ends_with_the_exit_code(stand_in):
    stand_in("sys.exit(7)")
    with running_service() as service:
        assert service.rtsp_url("main") == "rtsp://127.0.0.1:43211/main"
        assert service.http("/nowhere")[0] == 404
        assert service.metrics() == {
            'edge_streamer_sessions_ended_total{a="b",reason="teardown"}': 3.0,
            "edge_streamer_sessions_active": 2.0,
        }
        code, taken_s = service.stop(signal.SIGTERM)
        assert code == 7
        assert 0 < taken_s < 5


def test_a_child_that_ends_with_the_server_is_no_orphan(stand_in):
    stand_in("")
    with running_service() as service:
        pids = [service.pid, *service.child_pids]
        assert len(pids) == 2
        assert all(is_running(pid) for pid in pids)
    assert not any(is_running(pid) for pid in pids)


def test_a_child_that_outlives_the_server_is_ended_and_fails_the_test(stand_in, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(service_module, "ORPHAN_GRACE_S", 0.1)
    stand_in("", child="import time; time.sleep(60)")
    orphans: list[int] = []
    with pytest.raises(AssertionError, match="outlived the server"), running_service() as service:
        orphans += service.child_pids
    deadline = time.monotonic() + 5
    while is_running(orphans[0]) and time.monotonic() < deadline:
        time.sleep(0.005)  # SIGKILL was sent; the kernel takes its moment
    assert not is_running(orphans[0])


def test_a_traceback_fails_the_test_that_did_not_look(stand_in):
    stand_in("raise RuntimeError('nobody saw this')")
    with pytest.raises(AssertionError, match="nobody saw this"), running_service():
        pass


def test_a_service_that_does_not_start_shows_its_output():
    shown = pytest.raises(AssertionError, match=r"ended with 2(.|\n)*no_such_section")
    with shown, running_service("[no_such_section]\n"):
        pass
