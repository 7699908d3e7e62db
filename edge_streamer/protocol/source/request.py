"""What a source process is asked for: its kind, its outputs and the kind's own options.

Values only, from the JSON of the command line; an unknown key or an impossible number is a ValueError whose text says
which. Called by `__main__`; the kinds receive the values.
"""

from fractions import Fraction
from typing import Annotated, Final, Literal, TypeAlias, TypeVar

import msgspec

from edge_streamer.protocol.source.messages import MAX_OUTPUTS

MAX_CONTROLS: Final = 64
"""libcamera knows fewer than this."""
MAX_CONTROL_VALUES: Final = 64
MAX_BUFFERS: Final = 12
"""Beyond that a camera with much memory buys latency with it."""

_T = TypeVar("_T")
_Side = Annotated[int, msgspec.Meta(ge=64, le=7680, multiple_of=2)]  # 4:2:0 has no odd sides
_SensorSide = Annotated[int, msgspec.Meta(ge=1, le=16_384)]


class Output(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One stream that is wanted of a source; a file's own geometry and bit rate override these."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] = "main"
    width: _Side = 1280
    height: _Side = 720
    fps: Annotated[float, msgspec.Meta(ge=1, le=240)] = 30.0
    bitrate_bps: Annotated[int, msgspec.Meta(ge=16_000, le=200_000_000)] = 2_000_000
    gop_s: Annotated[float, msgspec.Meta(gt=0, le=60)] = 1.0
    encoder: Literal["auto", "hardware", "software"] = "auto"
    overlay: Annotated[str, msgspec.Meta(max_length=128)] = ""

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


ControlValue: TypeAlias = bool | int | float | str | Annotated[list[float], msgspec.Meta(max_length=MAX_CONTROL_VALUES)]


class CameraOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A camera of libcamera's, through picamera2: which, how it is mounted, and how it is set.

    `camera` is its number in libcamera's list, `sensor_mode` the width and height that the sensor shall deliver (None:
    chosen by size and rate), `controls` values by libcamera's own names.
    """

    camera: Annotated[int, msgspec.Meta(ge=0, le=63)] = 0
    hflip: bool = False
    vflip: bool = False
    rotation: Literal[0, 180] = 0
    sensor_mode: tuple[_SensorSide, _SensorSide] | None = None
    buffer_count: Annotated[int, msgspec.Meta(ge=2, le=MAX_BUFFERS)] = 6
    controls: Annotated[dict[str, ControlValue], msgspec.Meta(max_length=MAX_CONTROLS)] = msgspec.field(
        default_factory=dict
    )


class V4l2Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A camera of the kernel's: its device, by a path that survives a restart, and what it shall deliver.

    `fps` is the rate of the camera where the outputs have been made slower since: it may not offer theirs.
    """

    device: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
    format: Literal["auto", "h264", "mjpeg", "yuyv", "nv12"] = "auto"
    fps: Annotated[float, msgspec.Meta(ge=0, le=240)] = 0.0


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
