"""The service with a camera, as a test sees it: on the bench in the camera root, or on this machine's own camera.

    with camera_service(root, "v4l2", streams=BOTH) as camera:
        RtspReader(camera.url("main"))

With EDGE_STREAMER_CAMERA=1 in the environment it is the real camera 0 of this machine, without root, stand-ins or
bench. Called by `conftest` and the tests.
"""

import http.client
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.camera.bench import Bench, opened_bench, program_in_root
from tests.support.service import HTTP_TIMEOUT_S, RunningService, running_service

IS_REAL: Final = os.environ.get("EDGE_STREAMER_CAMERA") == "1"
CONFIGURED_ENCODER: Final = {"libav": "software", "v4l2": "hardware"}
SHOWN_ENCODER: Final = {"libav": "libx264", "v4l2": "bcm2835-codec"}
ENCODERS: Final = ("libav", "v4l2") if not IS_REAL or Path("/dev/video11").exists() else ("libav",)

Settings = Mapping[str, Mapping[str, object]]
MAIN: Final = {"source": "picamera2", "width": 1280, "height": 720, "fps": 30, "bitrate_bps": 2_000_000}
SUB: Final = {"source": "picamera2", "width": 640, "height": 360, "fps": 15, "bitrate_bps": 400_000}
PATTERN: Final = {"source": "testpattern", "width": 320, "height": 180, "fps": 10, "bitrate_bps": 100_000}
BOTH: Final[Settings] = {"main": MAIN, "sub": SUB}
BESIDE_A_PATTERN: Final[Settings] = {**BOTH, "pattern": PATTERN}
_POLL_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class CameraService:
    """The running service and its bench; `bench` is not there with a real camera."""

    service: RunningService
    bench: Bench | None

    def url(self, name: str) -> str:
        """Return the RTSP address of a stream."""
        return self.service.rtsp_url(name)

    def status(self, name: str) -> dict[str, Any]:
        """Return what /api/v1/status says of a stream."""
        status, body = self.service.http("/api/v1/status")
        assert status == 200, body
        return next(stream for stream in json.loads(body)["streams"] if stream["name"] == name)

    def wait_for(self, name: str, what: Callable[[dict[str, Any]], bool], within_s: float) -> dict[str, Any]:
        """Return a stream's status as soon as `what` holds for it; AssertionError if it does not in time."""
        deadline = time.monotonic() + within_s
        while not what(status := self.status(name)):
            assert time.monotonic() < deadline, f"not within {within_s} s: {status}\n{self.service.output}"
            time.sleep(_POLL_S)
        return status

    def change(self, name: str, **settings: float) -> None:
        """Have a running stream changed over HTTP; AssertionError when the service refuses."""
        connection = http.client.HTTPConnection(*self.service.http_address, timeout=HTTP_TIMEOUT_S)
        try:
            headers = {"Content-Type": "application/json"}
            connection.request("PATCH", f"/api/v1/streams/{name}", json.dumps(settings), headers)
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        assert response.status in (200, 204), f"{response.status}: {body!r}"

    def source_pids(self) -> list[int]:
        """Return the processes that run the camera now: one, or none on demand."""
        return [pid for pid in self.service.child_pids if _runs_camera(pid)]

    def restarts(self) -> dict[str, float]:
        """Return how often the camera's process was started again, by reason; empty when it was not."""
        start = 'edge_streamer_source_restarts_total{reason="'
        return {
            key.removeprefix(start).partition('"')[0]: count
            for key, count in self.service.metrics().items()
            if count and key.startswith(start) and 'stream="main"' in key
        }


@contextmanager
def camera_service(
    root: Path | None,
    encoder: str,
    *,
    streams: Settings = BOTH,
    configured_encoder: str | None = None,
    prepare: Callable[[Bench], None] = lambda bench: None,
    **how: Any,
) -> Iterator[CameraService]:
    """Run the service with the camera's streams and that encoder ("libav" or "v4l2") until the block ends.

    `configured_encoder` is what the configuration says of it if not that very one; `prepare` breaks something on the
    bench before the start; `how` goes to `running_service`.
    """
    configuration = toml(streams, configured_encoder or CONFIGURED_ENCODER[encoder])
    if root is None:
        with running_service(configuration, **how) as service:
            yield CameraService(service, None)
        return
    with opened_bench(hardware_encoder=encoder == "v4l2") as bench:
        prepare(bench)
        with running_service(configuration, program=program_in_root(root, bench), **how) as service:
            yield CameraService(service, bench)


def toml(streams: Settings, encoder: str) -> str:
    """Return a configuration in which each stream of the camera has that encoder."""
    tables = []
    for name, settings in streams.items():
        own = {"encoder": encoder} if settings["source"] == "picamera2" else {}
        lines = [f"{key} = {json.dumps(value)}" for key, value in {**settings, **own}.items()]
        tables.append("\n".join([f"[streams.{name}]", *lines]))
    return "\n\n".join(tables)


def _runs_camera(pid: int) -> bool:
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return b"edge_streamer.sources" in arguments and b"picamera2" in arguments
