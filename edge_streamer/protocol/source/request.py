"""The request to a source process: its kind, its outputs and the kind's options.

The server makes a request from its configuration and writes it as the words of a command line (`command_line`); the
source process reads it back (`parse_request`) and passes it to its kind. An unknown key or a number out of range is a
ValueError whose text names it.
"""

from fractions import Fraction
from typing import Annotated, ClassVar, Final, NamedTuple, TypeAlias, TypeVar

import msgspec

from edge_streamer.protocol.source.encoder_limits import EncoderLimits
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
    SLATE_REASON,
    STREAM_NAME,
    CameraFormat,
    ControlValue,
    EncoderName,
    Rotation,
    SlateProfile,
)

_T = TypeVar("_T")


class Output(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One stream that a source encodes; the defaults are for command lines typed by hand."""

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
        """`fps` as a ratio."""
        return as_ratio(self.fps)

    @property
    def gop_frames(self) -> int:
        """Frames from one key frame to the next, at least 1."""
        return max(1, round(self.gop_s * self.fps))


class FileOutput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The one stream of a file, whose pictures are sent unchanged; size and rate are 0 until the file is read."""

    name: Annotated[str, STREAM_NAME] = "main"
    width: ClassVar[int] = 0
    height: ClassVar[int] = 0
    fps: ClassVar[float] = 0.0
    bitrate_bps: ClassVar[int] = 0


class PatternOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options of the test pattern, which has none."""


class FileOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file, and whether it starts again at its end; `fps` is the rate of a raw file that does not state one (None:
    the source assumes one and says so)."""

    path: Annotated[str, msgspec.Meta(min_length=1)]
    loop: bool = True
    fps: Annotated[float, FPS] | None = None

    @property
    def raw_rate_hz(self) -> Fraction | None:
        """`fps` as a ratio."""
        return None if self.fps is None else as_ratio(self.fps)


class CameraOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A libcamera camera, through picamera2: its number, mounting and settings.

    `camera` is its number in libcamera's list, `sensor_mode` the width and height that the sensor shall deliver (None:
    chosen by size and rate), `controls` values by libcamera's names. `encoder_limits` are those of the board (None: the
    profile does not state them).
    """

    camera: Annotated[int, CAMERA_NUMBER] = 0
    hflip: bool = False
    vflip: bool = False
    rotation: Rotation = 0
    sensor_mode: tuple[Annotated[int, SENSOR_SIDE], Annotated[int, SENSOR_SIDE]] | None = None
    buffer_count: Annotated[int, BUFFERS] = 6
    controls: Annotated[dict[str, ControlValue], CONTROLS] = msgspec.field(default_factory=dict)
    encoder_limits: EncoderLimits | None = None


class V4l2Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A V4L2 camera: its device, by a path that survives a restart, and the format that it shall deliver.

    `fps` is the camera's rate where the outputs have been made slower at run time, since the camera may not offer their
    rates. None: the rate of the fastest output. `encoder_limits` are as in `CameraOptions`.
    """

    device: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
    format: CameraFormat = "auto"
    fps: Annotated[float, FPS] | None = None
    encoder_limits: EncoderLimits | None = None


class SlateOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options of the slate, the still picture that stands for missing ones: `reason` says in words why there is no
    picture, `since_wall_s` since when (Unix time), and `profile` is that of the pictures that are missing."""

    reason: Annotated[str, SLATE_REASON]
    since_wall_s: float
    profile: SlateProfile = "baseline"


AnyOutput: TypeAlias = Output | FileOutput
Options: TypeAlias = PatternOptions | FileOptions | CameraOptions | V4l2Options | SlateOptions


class _Kind(NamedTuple):
    """A kind of source: its options, and how many outputs it may have."""

    options: type[Options]
    output: type[AnyOutput]
    most_outputs: int


_KINDS: Final = {
    "testpattern": _Kind(PatternOptions, Output, MAX_OUTPUTS),
    "file": _Kind(FileOptions, FileOutput, 1),
    "picamera2": _Kind(CameraOptions, Output, 2),  # libcamera's `main` and `lores`
    "v4l2": _Kind(V4l2Options, Output, 2),
    "slate": _Kind(SlateOptions, Output, 1),
}
KINDS: Final = tuple(_KINDS)


class Request(msgspec.Struct, frozen=True):
    """A whole command line, checked; `fd` is the source's end of the socketpair, None where a pipe is written."""

    outputs: tuple[AnyOutput, ...]
    options: Options
    fd: int | None = None

    @property
    def kind(self) -> str:
        """The first word of the command line."""
        return next(name for name, kind in _KINDS.items() if isinstance(self.options, kind.options))

    @property
    def encoded(self) -> tuple[Output, ...]:
        """Return the outputs that the source encodes: all, or none where they are a file's."""
        return tuple(output for output in self.outputs if isinstance(output, Output))


def command_line(request: Request) -> list[str]:
    """Return the words from which `parse_request` makes this request, without `--fd`."""
    outputs = [word for output in request.outputs for word in ("--output", _encode(output))]
    return [request.kind, "--options", _encode(request.options), *outputs]


def parse_request(kind: str, outputs: list[str], options: str, fd: int | None) -> Request:
    """Return the request in the words of a command line; ValueError with one sentence for a mistake."""
    if kind not in _KINDS:
        raise ValueError(f"unknown source kind {kind!r} (known: {', '.join(KINDS)})")
    options_type, output_type, limit = _KINDS[kind]
    if len(outputs) > limit:
        raise ValueError(f"a {kind} source feeds at most {limit} output(s), {len(outputs)} were asked for")
    wanted: tuple[AnyOutput, ...] = tuple(_decode("--output", text, output_type) for text in outputs)
    return Request(wanted or (output_type(),), _decode("--options", options, options_type), fd)


def as_ratio(fps: float) -> Fraction:
    """Return a number of pictures a second as a ratio for the kernel and FFmpeg, its denominator up to 1001."""
    return Fraction(fps).limit_denominator(1001)


def _encode(value: msgspec.Struct) -> str:
    return msgspec.json.encode(value).decode()


def _decode(where: str, text: str, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.MsgspecError as error:
        raise ValueError(f"{where} {text}: {error}") from None
