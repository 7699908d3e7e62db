"""Lists the cameras that libcamera finds, with the modes of each, for `edge-streamer probe`.

Called by `sources.inventory`, in a separate process: it opens each camera for a moment, and imports all of picamera2.
It prints nothing.
"""

from collections.abc import Iterator
from typing import Any

from edge_streamer.protocol.source.inventory import Camera, CameraMode
from edge_streamer.sources.picamera2.log import silence
from edge_streamer.sources.picamera2.modes import SensorMode


def list_libcamera_cameras() -> list[Camera]:
    """Return each camera by its number, with its modes; without modes when it is in use. [] without picamera2."""
    silence()
    try:
        from picamera2 import Picamera2
    except ImportError:
        return []
    return [
        Camera("picamera2", str(info.get("Model", "")), number, modes=tuple(_listed(mode) for mode in _modes(number)))
        for number, info in enumerate(Picamera2.global_camera_info())
    ]


def _listed(mode: SensorMode) -> CameraMode:
    return CameraMode(mode.width, mode.height, mode.format, (mode.fps,) if mode.fps > 0 else ())


def _modes(number: int) -> tuple[SensorMode, ...]:
    from edge_streamer.sources.ending import SourceError
    from edge_streamer.sources.picamera2.rig import open_camera, reported_modes

    try:
        camera = open_camera(number)
    except SourceError:
        return ()
    try:
        return reported_modes(camera) or tuple(_scaled_modes(camera))
    finally:
        camera.close()


def _scaled_modes(camera: Any) -> Iterator[SensorMode]:
    """Yield the sizes of a camera without a raw sensor (USB, virtual), at the rate of its current configuration."""
    from libcamera import StreamRole

    limits = camera.camera_controls.get("FrameDurationLimits")
    fps = round(1e6 / limits[0], 2) if limits else 0.0
    formats = camera.camera.generate_configuration([StreamRole.VideoRecording]).at(0).formats
    for pixel_format in formats.pixel_formats:
        for size in formats.sizes(pixel_format):
            yield SensorMode(size.width, size.height, fps, format=str(pixel_format))
