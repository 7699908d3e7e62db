"""What scripts, load balancers and Prometheus ask: status, health, metrics."""

import gzip
import json

import pytest

from edge_streamer.protocol.http.messages import HttpRequest, HttpResponse
from edge_streamer.services.api.status import StatusRoutes
from edge_streamer.services.http.answers import DeferredResponse
from edge_streamer.services.metrics.exposition import MetricsExposition, ServiceCollector
from edge_streamer.services.status import EndReason, ServiceStatus
from tests.support.service_status import a_session, a_status, a_stream


def routes(status: ServiceStatus | None = None) -> StatusRoutes:
    taken = status or a_status()
    return StatusRoutes(lambda: taken, MetricsExposition(ServiceCollector(lambda: taken)), lambda call: call())


def get(
    path: str, service: StatusRoutes | None = None, user: str = "", role: str = "viewer", **headers: str
) -> HttpResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    resource = (service or routes()).find(path)
    return answered(resource["GET"](HttpRequest("GET", path, headers=named, user=user, role=role)))


def answered(answer: HttpResponse | DeferredResponse) -> HttpResponse:
    if isinstance(answer, HttpResponse):
        return answer
    responses: list[HttpResponse] = []
    answer.begin(responses.append)
    (response,) = responses
    return response


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/healthz", "text/plain; charset=utf-8"),
        ("/metrics", "text/plain; version=0.0.4; charset=utf-8"),
        ("/api/v1/status", "application/json"),
    ],
)
def test_what_there_is(path, content_type):
    response = get(path)
    headers = dict(response.headers)
    assert (response.status, headers["content-type"]) == (200, content_type)
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert len(headers) == len(response.headers)


@pytest.mark.parametrize("path", ["/", "/metrics/", "/api/v1/status/main", "*"])
def test_what_there_is_not(path):
    assert routes().find(path) is None


def test_health_when_every_source_is_up():
    assert get("/healthz").body == b"ok\n"
    assert get("/healthz", routes(a_status(streams=()))).body == b"ok\n"


def test_health_says_in_one_line_why_a_source_is_not_up():
    streams = (
        a_stream("main"),
        a_stream("sub", is_up=False, is_failing=True, reason="no frame\nfor 12 s "),
        a_stream("yard", is_up=False, is_failing=True),
        a_stream("shed", is_up=False, is_wanted=False, reason="on demand: nobody watches"),
    )
    response = get("/healthz", routes(a_status(streams=streams)))
    assert response.status == 503
    assert response.body == b"sub: no frame for 12 s\nyard: not up\n"


def test_a_scrape_takes_its_status_in_one_turn_and_is_written_in_the_next():
    posted, taken, responses = [], [], []

    def take_status() -> ServiceStatus:
        taken.append(a_status())
        return taken[-1]

    service = StatusRoutes(take_status, MetricsExposition(ServiceCollector(take_status)), posted.append)
    service.find("/metrics")["GET"](HttpRequest("GET", "/metrics")).begin(responses.append)
    assert (len(taken), len(posted), responses) == (1, 1, [])
    posted[0]()
    assert len(taken) == len(responses) == 1


def test_a_scrape_is_negotiated():
    plain = get("/metrics")
    assert b"# TYPE edge_streamer_source_up gauge" in plain.body
    assert "content-encoding" not in dict(plain.headers)
    response = get("/metrics", accept="application/openmetrics-text", accept_encoding="gzip")
    headers = dict(response.headers)
    assert headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert headers["content-encoding"] == "gzip"
    assert headers["vary"] == "accept, accept-encoding"
    assert gzip.decompress(response.body).endswith(b"# EOF\n")


def test_the_status_document():
    status = a_status(
        sessions=(a_session(),),
        streams=(a_stream(restarts={"exited": 2, "silent": 1}, last_frame_wall_s=None),),
        sessions_started={"tcp": 2, "udp": 1},
        sessions_ended={EndReason.BACKLOG: 2},
        limits={"rtsp.max_sessions": 16, "rtsp.udp_ports": [50000, 50999]},
    )
    document = json.loads(get("/api/v1/status", routes(status)).body)
    assert document["sessions"] == {
        "active": 1,
        "limit": 16,
        "started": 3,
        "ended": {reason.value: 2 if reason is EndReason.BACKLOG else 0 for reason in EndReason},
    }
    assert document["streams"] == [
        {
            "name": "main",
            "up": True,
            "wanted": True,
            "reason": "",
            "source": "testpattern",
            "camera": "imx708",
            "encoder": "libx264",
            "encoder_reason": "no hardware encoder",
            "width": 1280,
            "height": 720,
            "fps": 30.0,
            "bitrate_bps": 1_900_000,
            "can_set_bitrate": True,
            "can_set_fps": False,
            "viewers": 1,
            "frames": 900,
            "key_frames": 15,
            "dropped_frames": 0,
            "discarded_buffers": 0,
            "restarts": 3,
            "last_frame_wall_s": None,
            "last_frame_age_s": 0.0125,
            "key_frame_interval_s": 2.0,
            "start_cache_bytes": 500_000,
            "slate_shown": False,
            "slate_frames": 0,
        }
    ]
    assert document["limits"] == {"rtsp.max_sessions": 16, "rtsp.udp_ports": [50000, 50999]}
    assert document["write_budget_s"] == 8.0
    assert set(document) == {
        "version", "you", "started_wall_s", "streams", "sessions", "limits",
        "write_budget_s", "worst_turn_s", "handler_faults",
    }  # fmt: skip


def test_the_status_document_says_who_asks_and_what_that_one_may_do():
    assert json.loads(get("/api/v1/status").body)["you"] == {"user": None, "role": "viewer"}
    you = json.loads(get("/api/v1/status", user="front-desk", role="operator").body)["you"]
    assert you == {"user": "front-desk", "role": "operator"}
