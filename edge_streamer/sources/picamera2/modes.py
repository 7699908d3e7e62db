"""What to ask a camera for: which output is libcamera's `main`, which sensor mode, how long a frame, which way up.

Arithmetic only, on plain numbers that `rig` takes from picamera2 and gives back to it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from edge_streamer.protocol.source.request import CameraOptions, Output
from edge_streamer.sources.ending import SourceError

StreamName: TypeAlias = Literal["main", "lores"]

FPS_TOLERANCE: Final = 0.01
"""Sensors give 29.97 or 59.9 where people say 30 or 60."""


@dataclass(frozen=True, slots=True)
class SensorMode:
    """One way to read the sensor: pixels after binning, the most frames a second, the width of its field of view."""

    width: int
    height: int
    fps: float
    bit_depth: int = 0
    format: str = ""
    view_width: int = 0

    def __str__(self) -> str:
        return f"{self.width}x{self.height} at {self.fps:g} fps"


def stream_names(outputs: Sequence[Output]) -> tuple[StreamName, ...]:
    """Return libcamera's name of each output: the larger is `main`; SourceError when the other is no part of it."""
    if len(outputs) == 1:
        return ("main",)
    first, second = outputs
    if first.width * first.height >= second.width * second.height:
        names: tuple[StreamName, ...] = ("main", "lores")
        main, lores = first, second
    else:
        names, main, lores = ("lores", "main"), second, first
    if lores.width > main.width or lores.height > main.height:
        raise SourceError(
            f"{lores.name} ({lores.width}x{lores.height}) must not be wider or higher than {main.name} "
            f"({main.width}x{main.height}): a camera scales its second stream down from the same picture"
        )
    return names


def sensor_modes(reported: Iterable[Mapping[str, Any]]) -> tuple[SensorMode, ...]:
    """Return picamera2's `sensor_modes` without those that have no size (cameras that are no raw sensors)."""
    return tuple(
        SensorMode(
            width=mode["size"][0],
            height=mode["size"][1],
            fps=float(mode["fps"]),
            bit_depth=mode.get("bit_depth", 0),
            format=str(mode["format"]),
            view_width=_view_width(mode),
        )
        for mode in reported
        if "size" in mode and "fps" in mode
    )


def _view_width(mode: Mapping[str, Any]) -> int:
    crop = mode.get("crop_limits")
    return int(crop[2]) if crop else 0


def choose_sensor_mode(
    modes: Sequence[SensorMode], size: tuple[int, int], fps: float, wanted: tuple[int, int] | None
) -> SensorMode | None:
    """Return the mode that `wanted` names, or the best for pictures of `size` (pixels) at `fps`; None without modes.

    Best is: large enough, then the widest view, then the fewest pixels to read, then the finest. Where none is large
    enough at that rate it is the largest that is fast enough. SourceError names the modes when none will do.
    """
    if not modes:
        if wanted is not None:
            raise SourceError("this camera reports no sensor modes: leave sensor_mode out")
        return None
    candidates = [mode for mode in modes if wanted is None or (mode.width, mode.height) == tuple(wanted)]
    fast = [mode for mode in candidates if mode.fps >= fps * (1 - FPS_TOLERANCE)]
    if not fast:
        what = f"of {wanted[0]}x{wanted[1]} " if wanted else ""
        raise SourceError(f"the sensor has no mode {what}for {fps:g} fps (it has: {modes_text(modes)})")
    large = [mode for mode in fast if mode.width >= size[0] and mode.height >= size[1]]
    if not large:
        return max(fast, key=lambda mode: (mode.width * mode.height, mode.bit_depth))
    return min(large, key=lambda mode: (-mode.view_width, mode.width * mode.height, -mode.bit_depth))


def modes_text(modes: Iterable[SensorMode]) -> str:
    """Return the modes for people, each once."""
    return ", ".join(dict.fromkeys(str(mode) for mode in modes))


def frame_duration_us(fps: float, shortest_us: int, longest_us: int) -> int:
    """Return the microseconds of a frame at `fps` within the camera's limits; SourceError when it is not so fast.

    A rate below the camera's slowest is made by leaving frames out (`timing.thinning`).
    """
    if fps * (1 - FPS_TOLERANCE) > 1e6 / shortest_us:
        raise SourceError(
            f"the camera gives at most {1e6 / shortest_us:.4g} fps with these sizes, {fps:g} are asked for"
        )
    return min(max(round(1e6 / fps), shortest_us), longest_us)


def flips(options: CameraOptions) -> tuple[bool, bool]:
    """Return (hflip, vflip): a half turn is both, on top of those that are asked for."""
    is_turned = options.rotation == 180
    return options.hflip != is_turned, options.vflip != is_turned
