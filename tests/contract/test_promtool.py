"""What Prometheus's own linter says of a scrape; `promtool` comes with the Debian package `prometheus`."""

import subprocess

import pytest

from edge_streamer.services.metrics.exposition import MetricsExposition, ServiceCollector
from edge_streamer.services.status import ServiceStatus
from tests.support.service_status import a_reporting_session, a_status, a_stream


def busy() -> ServiceStatus:
    return a_status(
        sessions=tuple(a_reporting_session(slot) for slot in range(3)),
        streams=(a_stream(restarts={"exit": 1}),),
        rtsp_responses={"200": 1},
        rtsp_protocol_errors={"malformed": 1},
        limits_reached={"rtsp.max_sessions": 1},
    )


def check_metrics(text: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, timeout=30, check=False)


@pytest.mark.parametrize("status", [a_status(), busy()], ids=["just started", "busy"])
def test_a_scrape_is_clean(status):
    exposition = MetricsExposition(ServiceCollector(lambda: status))
    scrape = exposition.render(exposition.collect(), "").body
    checked = check_metrics(scrape)
    assert checked.returncode == 0, checked


def test_the_linter_would_say_so():
    assert check_metrics(b"# TYPE requests counter\nrequests 1\n").returncode == 3
