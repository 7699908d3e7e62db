"""A stream on demand as its users see it: off, a picture, another bit rate, a viewer, and off again."""

import http.client
import json
import time
from collections.abc import Iterator

import pytest

from tests.support.rtsp.reader import RtspReader
from tests.support.service import RunningService, running_service

CONFIG = """
[streams.main]
source = "testpattern"
width = 320
height = 240
fps = 15
bitrate_bps = 400_000
on_demand = true
linger_s = 1
"""
TIMEOUT_S = 15.0


@pytest.fixture(scope="module")
def service() -> Iterator[RunningService]:
    with running_service(CONFIG) as running:
        yield running


def stream_of(service: RunningService) -> dict:
    return json.loads(service.http("/api/v1/streams/main")[1])


def wait_until_off(service: RunningService) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while service.child_pids or stream_of(service)["wanted"]:
        assert time.monotonic() < deadline, service.output
        time.sleep(0.05)


def patch(service: RunningService, change: dict) -> tuple[int, dict]:
    connection = http.client.HTTPConnection(*service.http_address, timeout=TIMEOUT_S)
    try:
        headers = {"content-type": "application/json"}
        connection.request("PATCH", "/api/v1/streams/main", json.dumps(change), headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def test_it_is_off_and_that_is_healthy(service):
    wait_until_off(service)
    assert service.http("/healthz") == (200, b"ok\n")
    metrics = service.metrics()
    assert metrics['edge_streamer_source_up{stream="main"}'] == 0
    assert metrics['edge_streamer_source_wanted{stream="main"}'] == 0
    assert patch(service, {"fps": 10})[0] == 409


def test_a_snapshot_starts_it_and_it_stops_again(service):
    starts = service.metrics()["edge_streamer_time_to_first_frame_seconds_count"]
    status, picture = service.http("/api/v1/streams/main/snapshot.jpg")
    assert (status, picture[:3], picture[-2:]) == (200, b"\xff\xd8\xff", b"\xff\xd9")
    assert service.metrics()["edge_streamer_time_to_first_frame_seconds_count"] == starts + 1
    wait_until_off(service)


def test_a_viewer_starts_it_and_its_rates_can_be_changed(service):
    with RtspReader(service.rtsp_url("main"), timeout_s=TIMEOUT_S) as reader:
        reader.start()
        reader.next_rtp()
        status, stream = patch(service, {"bitrate_bps": 200_000, "fps": 10})
        assert (status, stream["bitrate_bps"], stream["fps"], stream["up"]) == (200, 200_000, 10, True)
        assert patch(service, {"fps": 120.5})[0] == 400
        assert list(reader.packets(seconds=1.0))
        assert service.metrics()["edge_streamer_capture_to_send_seconds_count"] > 0
        reader.teardown()
    wait_until_off(service)
    assert service.http("/healthz") == (200, b"ok\n")
