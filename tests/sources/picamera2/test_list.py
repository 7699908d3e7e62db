"""libcamera's cameras for `probe`, with picamera2 replaced."""

import sys
import types
from collections.abc import Callable

import pytest

from edge_streamer.protocol.source.inventory import Camera, CameraMode
from edge_streamer.sources.ending import SourceError
from edge_streamer.sources.picamera2.list import list_libcamera_cameras
from edge_streamer.sources.picamera2.modes import SensorMode

MODES = (SensorMode(2304, 1296, 56.03, 10, "SRGGB10"), SensorMode(640, 480, 0.0, format="NV12"))


class OpenCamera:
    """What `rig.open_camera` returns; `closed` has the numbers of those that were closed."""

    def __init__(self, number: int, closed: list[int]) -> None:
        self.number = number
        self._closed = closed

    def close(self) -> None:
        self._closed.append(self.number)


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The cameras that were closed; camera 1 is in use."""
    numbers: list[int] = []

    def open_camera(number: int) -> OpenCamera:
        if number == 1:
            raise SourceError("camera 1 (imx219) is in use")
        return OpenCamera(number, numbers)

    found = [{"Id": "/base/i2c@1/imx708@1a", "Model": "imx708"}, {"Id": "/base/i2c@2/imx219@10", "Model": "imx219"}]
    picamera2 = types.SimpleNamespace(global_camera_info=lambda: found)
    reported_modes: Callable[[OpenCamera], tuple[SensorMode, ...]] = lambda _camera: MODES  # noqa: E731
    rig = types.SimpleNamespace(open_camera=open_camera, reported_modes=reported_modes)
    monkeypatch.setitem(sys.modules, "picamera2", types.SimpleNamespace(Picamera2=picamera2))
    monkeypatch.setitem(sys.modules, "edge_streamer.sources.picamera2.rig", rig)
    monkeypatch.setenv("LIBCAMERA_LOG_LEVELS", "*:WARN")
    return numbers


def test_cameras_are_listed_with_their_modes_and_one_in_use_without(closed: list[int]) -> None:
    modes = (CameraMode(2304, 1296, "SRGGB10", (56.03,)), CameraMode(640, 480, "NV12"))
    assert list_libcamera_cameras() == [Camera("picamera2", "imx708", 0, modes=modes), Camera("picamera2", "imx219", 1)]
    assert closed == [0]
