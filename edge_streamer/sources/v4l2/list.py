"""The V4L2 cameras and H.264 encoders of this machine, as values for `edge-streamer probe`.

Opens every video node for a moment and asks; sets nothing, so what streams is not disturbed. A node that cannot be
opened is left out. Called by `inventory`.
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final

from edge_streamer.sources.ending import SourceError
from edge_streamer.sources.v4l2.abi import fourcc_name
from edge_streamer.sources.v4l2.device import Device
from edge_streamer.sources.v4l2.kernel import Kernel, LinuxKernel
from edge_streamer.sources.v4l2.m2m import find_encoders
from edge_streamer.sources.v4l2.modes import Mode, capture_type, read_modes
from edge_streamer.sources.v4l2.nodes import stable_path, video_nodes

LIBCAMERA_DRIVERS: Final = frozenset({"unicam", "rp1-cfe", "bcm2835-isp", "pispbe", "bcm2835-codec"})
"""Their nodes are parts of a camera that only libcamera can put together, or no camera at all."""


def list_v4l2_cameras(kernel: Kernel | None = None) -> list[dict[str, Any]]:
    """Return each camera: `kind`, `device` (a path that survives a restart where there is one), `name`, `formats`."""
    kernel = kernel or LinuxKernel()
    return [
        {"kind": "v4l2", "device": stable_path(kernel.root, path), "name": name, "formats": formats}
        for path in video_nodes(kernel.root)
        for name, formats in _look_at(kernel, path)
    ]


def list_v4l2_encoders(kernel: Kernel | None = None) -> list[dict[str, Any]]:
    """Return each H.264 encoder: `device`, `name`, `driver`, and its smallest and largest sizes in pixels."""
    return [
        {
            "device": node.path,
            "name": node.name,
            "driver": node.driver,
            "min_width": node.size.min_width,
            "max_width": node.size.max_width,
            "min_height": node.size.min_height,
            "max_height": node.size.max_height,
        }
        for node in find_encoders(kernel or LinuxKernel())
    ]


def _look_at(kernel: Kernel, path: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield the name and formats of a camera with formats that are understood here, else nothing."""
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
        yield device.name, [_row(mode) for mode in modes]


def _row(mode: Mode) -> dict[str, Any]:
    """Return a mode by its largest size and the ends of its rates, fastest first."""
    ends: set[Fraction] = {end for range_ in mode.rates for end in (range_.slowest_hz, range_.fastest_hz)}
    return {
        "pixel_format": fourcc_name(mode.pixel_format),
        "width": mode.size.max_width,
        "height": mode.size.max_height,
        "fps": [round(float(rate_hz), 3) for rate_hz in sorted(ends, reverse=True)],
    }
