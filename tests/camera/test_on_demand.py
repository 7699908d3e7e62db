"""A camera that runs only while somebody watches: off at first, on with the first DESCRIBE, off after the last one."""

import time
from typing import Final

import pytest

from tests.camera.camera_service import BOTH, SHOWN_ENCODER, camera_service
from tests.support.rtsp.reader import RtspReader

LINGER_S: Final = 2
ON_DEMAND: Final = {name: {**settings, "on_demand": True, "linger_s": LINGER_S} for name, settings in BOTH.items()}
COLD_START_LIMIT_S: Final = 5.0
OFF_WITHIN_S: Final = LINGER_S + 3.0


@pytest.fixture
def camera(camera_root, encoder):
    with camera_service(camera_root, encoder, streams=ON_DEMAND, is_healthy=False) as running:
        yield running


def time_to_first_frame_s(url: str) -> float:
    """Watch until the first whole access unit, and leave; return the seconds from DESCRIBE to it."""
    with RtspReader(url, "tcp", timeout_s=10) as reader:
        asked_now = time.monotonic()
        reader.start()
        arrived = next(packet.arrived for packet in reader.packets() if packet.kind == "rtp" and packet.has_marker)
        reader.teardown()
    return arrived - asked_now


def test_the_camera_runs_while_it_is_watched_and_no_longer(camera, encoder, record_property):
    assert camera.source_pids() == []
    cold_s = time_to_first_frame_s(camera.url("main"))
    status = camera.status("main")
    assert len(camera.source_pids()) == 1
    assert (status["up"], status["encoder"]) == (True, SHOWN_ENCODER[encoder])
    warm_s = time_to_first_frame_s(camera.url("sub"))
    left_now = time.monotonic()
    while camera.source_pids():
        assert time.monotonic() < left_now + OFF_WITHIN_S, camera.service.output
        time.sleep(0.05)
    off_after_s = time.monotonic() - left_now
    again_s = time_to_first_frame_s(camera.url("sub"))
    for name, seconds in {"cold": cold_s, "warm": warm_s, "off": off_after_s, "again": again_s}.items():
        record_property(f"{encoder}_{name}_s", round(seconds, 3))
        print(f"{encoder}: {name} {seconds:.2f} s")
    assert max(cold_s, again_s) < COLD_START_LIMIT_S
    assert warm_s < 0.5
    assert off_after_s > LINGER_S - 0.2
    assert camera.restarts() == {}
