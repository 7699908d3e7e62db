"""The floor's sender and the load client's raw readers, together over loopback."""

import json
import threading
import time

import pytest

from benchmarks import readers
from benchmarks.floor import serve_floor
from benchmarks.readers import run_readers
from tests.support.rtsp.wire import Transport

FRAME_BYTES = 2000
FPS = 100.0


@pytest.fixture(autouse=True)
def _no_settling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "SETTLE_S", 0.05)
    monkeypatch.setattr(readers, "LINGER_S", 0.01)


@pytest.mark.parametrize(("transport", "udp_gro"), [("tcp", False), ("udp", False), ("udp", True)])
def test_every_raw_reader_gets_the_frames(transport: Transport, udp_gro: bool, capfd: pytest.CaptureFixture[str]):
    floor = threading.Thread(target=serve_floor, args=(transport, 3, FRAME_BYTES, FPS, 5.0))
    floor.start()
    steady: list[str] = []
    try:
        report = run_readers(
            f"{transport}://127.0.0.1:{announced_port(capfd)}",
            transport,
            3,
            0.2,
            is_raw=True,
            udp_gro=udp_gro,
            on_steady=lambda: steady.append("steady"),
        )
    finally:
        floor.join()
    assert steady == ["steady"]
    assert report.connected == 3
    assert report.failures == {}
    assert report.bytes > 0
    # The steady time may begin and end in the middle of a frame, which is two datagrams over UDP.
    assert transport == "udp" or report.bytes % FRAME_BYTES == 0
    assert report.first_packet_p50_s is None


def announced_port(capfd: pytest.CaptureFixture[str]) -> int:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if said := capfd.readouterr().out:
            return int(json.loads(said)["port"])
        time.sleep(0.005)
    raise AssertionError("the floor did not say where it listens")


@pytest.mark.parametrize(("count", "seconds"), [(0, 1.0), (readers.MAX_READERS + 1, 1.0), (1, 0.0), (1, 60.0)])
def test_refuses_a_run_past_its_limits(count: int, seconds: float):
    with pytest.raises(ValueError, match="allowed are"):
        run_readers("rtsp://127.0.0.1:1/clip", "tcp", count, seconds)
