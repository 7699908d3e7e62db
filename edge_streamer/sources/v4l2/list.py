"""Lists the V4L2 cameras and H.264 encoders of this machine, for `edge-streamer probe`.

It opens every video node for a moment and queries it; it sets nothing, so a running stream is not disturbed. A node
that cannot be opened is left out. Called by `sources.inventory`.
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from edge_streamer.protocol.source.inventory import Camera, CameraMode, HardwareEncoder
from edge_streamer.sources.ending import SourceError
from edge_streamer.sources.v4l2.abi import fourcc_name
from edge_streamer.sources.v4l2.device import Device
from edge_streamer.sources.v4l2.kernel import Kernel, LinuxKernel
from edge_streamer.sources.v4l2.m2m import find_encoders
from edge_streamer.sources.v4l2.modes import Mode, capture_type, read_modes
from edge_streamer.sources.v4l2.nodes import video_nodes

LIBCAMERA_DRIVERS: Final = frozenset({"unicam", "rp1-cfe", "bcm2835-isp", "pispbe", "bcm2835-codec"})
"""Drivers whose nodes are parts of a camera that only libcamera can drive, or not a camera at all."""


def list_v4l2_cameras(kernel: Kernel | None = None) -> list[Camera]:
    """Return each camera by its node, `/dev/videoN`, with its formats as modes."""
    kernel = kernel or LinuxKernel()
    return [camera for path in video_nodes(kernel.root) for camera in _look_at(kernel, path)]


def list_v4l2_encoders(kernel: Kernel | None = None) -> list[HardwareEncoder]:
    """Return each H.264 encoder."""
    return [
        HardwareEncoder(
            node.path,
            node.name,
            node.driver,
            node.size.min_width,
            node.size.min_height,
            node.size.max_width,
            node.size.max_height,
        )
        for node in find_encoders(kernel or LinuxKernel())
    ]


def _look_at(kernel: Kernel, path: str) -> Iterator[Camera]:
    """Yield the camera at `path`, if it has a format that this program reads."""
    try:
        device = Device(kernel, path)
    except OSError:
        return
    try:
        modes = [] if device.driver in LIBCAMERA_DRIVERS else read_modes(device, capture_type(device))
    except (OSError, SourceError):
        modes = []
    finally:
        device.close()
    if modes:
        yield Camera("v4l2", device.name, device=path, modes=tuple(_listed(mode) for mode in modes))


def _listed(mode: Mode) -> CameraMode:
    """Return a mode with its largest size and the ends of its ranges of rates, fastest first."""
    ends: set[Fraction] = {end for range_ in mode.rates for end in (range_.slowest_hz, range_.fastest_hz)}
    rates = tuple(round(float(rate_hz), 3) for rate_hz in sorted(ends, reverse=True))
    return CameraMode(mode.size.max_width, mode.size.max_height, fourcc_name(mode.pixel_format), rates)
