"""What a source process is asked for: its kind, its outputs and the kind's own options.

Values only, from the JSON of the command line; an unknown key or an impossible number is a ValueError whose text says
which. Called by `__main__`; the kinds receive the values.
"""

from fractions import Fraction
from typing import Annotated, Final, TypeAlias, TypeVar

import msgspec

from edge_streamer.protocol.source.messages import MAX_OUTPUTS
from edge_streamer.protocol.source.ranges import (
    BITRATE_BPS,
    BUFFERS,
    CAMERA_NUMBER,
    CONTROLS,
    FPS,
    GOP_S,
    OVERLAY,
    PICTURE_SIDE,
    SENSOR_SIDE,
    STREAM_NAME,
    CameraFormat,
    ControlValue,
    EncoderName,
    Rotation,
)

_T = TypeVar("_T")


class Output(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One stream that is wanted of a source; a file's own geometry and bit rate override these."""

    name: Annotated[str, STREAM_NAME] = "main"
    width: Annotated[int, PICTURE_SIDE] = 1280
    height: Annotated[int, PICTURE_SIDE] = 720
    fps: Annotated[float, FPS] = 30.0
    bitrate_bps: Annotated[int, BITRATE_BPS] = 2_000_000
    gop_s: Annotated[float, GOP_S] = 1.0
    encoder: EncoderName = "auto"
    overlay: Annotated[str, OVERLAY] = ""

    @property
    def frame_rate_hz(self) -> Fraction:
        """`fps` as the ratio that it stands for: 29.97 is 30000/1001."""
        return Fraction(self.fps).limit_denominator(1001)

    @property
    def gop_frames(self) -> int:
        """Frames from one key frame to the next, at least 1."""
        return max(1, round(self.gop_s * self.fps))


class PatternOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The test pattern has nothing to choose."""


class FileOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which file, and whether it starts again at its end."""

    path: Annotated[str, msgspec.Meta(min_length=1)]
    loop: bool = True


class CameraOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A camera of libcamera's, through picamera2: which, how it is mounted, and how it is set.

    `camera` is its number in libcamera's list, `sensor_mode` the width and height that the sensor shall deliver (None:
    chosen by size and rate), `controls` values by libcamera's own names.
    """

    camera: Annotated[int, CAMERA_NUMBER] = 0
    hflip: bool = False
    vflip: bool = False
    rotation: Rotation = 0
    sensor_mode: tuple[Annotated[int, SENSOR_SIDE], Annotated[int, SENSOR_SIDE]] | None = None
    buffer_count: Annotated[int, BUFFERS] = 6
    controls: Annotated[dict[str, ControlValue], CONTROLS] = msgspec.field(default_factory=dict)


class V4l2Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A camera of the kernel's: its device, by a path that survives a restart, and what it shall deliver.

    `fps` is the rate of the camera where the outputs have been made slower since: it may not offer theirs. None: that
    of the fastest output.
    """

    device: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
    format: CameraFormat = "auto"
    fps: Annotated[float, FPS] | None = None


Options: TypeAlias = PatternOptions | FileOptions | CameraOptions | V4l2Options

_KINDS: Final[dict[str, tuple[type[Options], int]]] = {  # the options and the most outputs of each kind
    "testpattern": (PatternOptions, MAX_OUTPUTS),
    "file": (FileOptions, 1),
    "picamera2": (CameraOptions, 2),  # libcamera's `main` and `lores`
    "v4l2": (V4l2Options, 2),
}
KINDS: Final = tuple(_KINDS)


class Request(msgspec.Struct, frozen=True):
    """A whole command line, checked."""

    outputs: tuple[Output, ...]
    options: Options
    fd: int | None = None


def parse_request(kind: str, outputs: list[str], options: str, fd: int | None) -> Request:
    """Return what the command line asks for; ValueError with one sentence when it cannot be."""
    if kind not in _KINDS:
        raise ValueError(f"unknown source kind {kind!r} (known: {', '.join(KINDS)})")
    options_type, limit = _KINDS[kind]
    if len(outputs) > limit:
        raise ValueError(f"a {kind} source feeds at most {limit} output(s), {len(outputs)} were asked for")
    wanted = tuple(_decode("--output", text, Output) for text in outputs) or (Output(),)
    return Request(wanted, _decode("--options", options, options_type), fd)


def _decode(where: str, text: str, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.MsgspecError as error:
        raise ValueError(f"{where} {text}: {error}") from None
