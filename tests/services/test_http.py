import gzip
import json
import re

import pytest

from edge_streamer.protocol.http.messages import HttpRequest, HttpResponse
from edge_streamer.services.http import HttpRoutes
from edge_streamer.services.metrics import MetricsExposition, ServiceCollector
from edge_streamer.services.status import EndReason, Limit, ServiceStatus
from tests.support.service_status import a_session, a_status, a_stream


def routes(status: ServiceStatus | None = None, urls: tuple[str, ...] | None = None) -> HttpRoutes:
    snapshot = status or a_status()

    def stream_urls(host: str) -> list[str]:
        return [f"rtsp://{host or 'fallback'}:8554/{stream.name}" for stream in snapshot.streams]

    metrics = MetricsExposition(ServiceCollector(lambda: snapshot))
    return HttpRoutes(lambda: snapshot, metrics, stream_urls if urls is None else lambda _host: urls, {})


def get(path: str, service: HttpRoutes | None = None, method: str = "GET", **headers: str) -> HttpResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return (service or routes()).handle(HttpRequest(method, path, headers=named))


@pytest.mark.parametrize(
    ("path", "status", "content_type"),
    [
        ("/", 200, "text/html; charset=utf-8"),
        ("/healthz", 200, "text/plain; charset=utf-8"),
        ("/metrics", 200, "text/plain; version=0.0.4; charset=utf-8"),
        ("/api/v1/status", 200, "application/json"),
        ("/favicon.ico", 404, "application/problem+json"),
        ("/metrics/", 404, "application/problem+json"),
        ("*", 404, "application/problem+json"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_routes(path, status, content_type, method):
    response = get(path, method=method)
    headers = dict(response.headers)
    assert (response.status, headers["content-type"]) == (status, content_type)
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert len(headers) == len(response.headers)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "get"])
def test_everything_is_for_reading_only(method):
    response = get("/metrics", method=method)
    assert response.status == 405
    assert dict(response.headers)["allow"] == "GET, HEAD"
    assert json.loads(response.body)["status"] == 405


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
        limits={Limit.SESSIONS: 16, Limit.UDP_PORTS: [50000, 50999]},
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
        }
    ]
    assert document["limits"] == {"rtsp.max_sessions": 16, "rtsp.udp_ports": [50000, 50999]}
    assert document["write_budget_s"] == 8.0
    assert set(document) == {
        "version", "started_wall_s", "streams", "sessions", "limits",
        "write_budget_s", "worst_turn_s", "handler_faults",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("cam.local", "cam.local"),
        ("cam.local:8080", "cam.local"),
        ("192.0.2.1:8080", "192.0.2.1"),
        ("[2001:db8::1]:8080", "[2001:db8::1]"),
        ("[::1]", "[::1]"),
        ("", "fallback"),
        ("a/b", "fallback"),
        ("user@cam", "fallback"),
        ('"><script>alert(1)</script>', "fallback"),
        ("a" * 300, "fallback"),
    ],
)
def test_the_page_lists_streams_under_the_name_the_client_used_if_it_is_one(host, name):
    page = get("/", host=host).body.decode()
    assert f"<code>rtsp://{name}:8554/main</code>" in page
    assert f"<code>rtsp://{name}:8554/sub</code>" in page
    assert "<script" not in page


def test_the_page_without_a_host_header():
    assert "rtsp://fallback:8554/main" in get("/").body.decode()


def test_the_page_escapes_what_is_put_in_asks_nobody_else_and_links_onwards():
    page = get("/", routes(urls=('rtsp://"><img src=x>&',))).body.decode()
    assert "rtsp://&quot;&gt;&lt;img src=x&gt;&amp;" in page
    assert not re.search(r"https?:|src=\"|@import|url\(", page)
    assert set(re.findall(r'href="([^"]*)"', page)) == {"/healthz", "/metrics", "/api/v1/status"}


def test_the_page_without_streams():
    assert "No stream yet." in get("/", routes(urls=())).body.decode()


def test_the_page_allows_its_own_style_and_nothing_else():
    response = get("/")
    policy = dict(response.headers)["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert response.body.decode().count("<style>") == 1
    assert "style=" not in response.body.decode()
