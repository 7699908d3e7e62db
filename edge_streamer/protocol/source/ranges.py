"""The ranges of what a stream and its camera may be asked for, each stated once: the configuration file, the command
line of a source process, its commands and the API's PATCH share them.

A range is a `msgspec.Meta`; a field names it in its annotation, beside its own description:
`Annotated[int, FPS, Meta(description=...)]`. The numbers that a source *reports* may lie outside of these ranges, since
an encoder rounds and a file may have any rate and size: `messages` limits them.
"""

from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta

MAX_OVERLAY_CHARACTERS: Final = 128
MAX_CAMERA_NUMBER: Final = 63
MAX_SENSOR_PIXELS: Final = 16_384
"""Width or height of a sensor."""
MAX_CONTROLS: Final = 64
"""libcamera has fewer controls than this."""
MAX_CONTROL_VALUES: Final = 64
"""Values of one control: a matrix or a few windows."""
MAX_BUFFERS: Final = 12
"""Buffers of a camera; more would cost memory and add latency."""
MAX_SLATE_REASON_CHARACTERS: Final = 512
STREAM_NAME_PATTERN: Final = "[A-Za-z0-9_-]{1,32}"

STREAM_NAME: Final = Meta(pattern=rf"\A{STREAM_NAME_PATTERN}\Z")
PICTURE_SIDE: Final = Meta(ge=64, le=4096, multiple_of=2)
"""Pixels of a picture's width or height; 4:2:0 has no odd sides."""
FPS: Final = Meta(ge=1, le=120)
BITRATE_BPS: Final = Meta(ge=25_000, le=50_000_000)
"""From the minimum of bcm2835-codec to MaxBR of H.264 level 4.2 (ITU-T H.264 table A-1, Main profile)."""
GOP_S: Final = Meta(ge=0.5, le=60)
OVERLAY: Final = Meta(max_length=MAX_OVERLAY_CHARACTERS)
CAMERA_NUMBER: Final = Meta(ge=0, le=MAX_CAMERA_NUMBER)
SENSOR_SIDE: Final = Meta(ge=1, le=MAX_SENSOR_PIXELS)
BUFFERS: Final = Meta(ge=2, le=MAX_BUFFERS)
CONTROLS: Final = Meta(max_length=MAX_CONTROLS)
SLATE_REASON: Final = Meta(max_length=MAX_SLATE_REASON_CHARACTERS)

EncoderName: TypeAlias = Literal["auto", "hardware", "software"]
CameraFormat: TypeAlias = Literal["auto", "h264", "mjpeg", "yuyv", "nv12"]
Rotation: TypeAlias = Literal[0, 180]
SlateProfile: TypeAlias = Literal["baseline", "main", "high"]
ControlValue: TypeAlias = bool | int | float | str | Annotated[tuple[float, ...], Meta(max_length=MAX_CONTROL_VALUES)]
"""The value of a libcamera control; a choice is given by its name."""
