"""What a source process is asked for: its kind, its outputs and the kind's own options.

The server makes these values of its configuration and writes them as the words of a command line (`command_line`); the
source process reads them back (`parse_request`) and hands them to its kind. An unknown key or an impossible number is
a ValueError whose text says which.
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
    STREAM_NAME,
    CameraFormat,
    ControlValue,
    EncoderName,
    Rotation,
)

_T = TypeVar("_T")


class Output(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One stream that a source encodes; what is not said is what a hand-made command line gets."""

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
    """The one stream of a file, whose pictures are sent as they are: what they are is 0 until the file says it."""

    name: Annotated[str, STREAM_NAME] = "main"
    width: ClassVar[int] = 0
    height: ClassVar[int] = 0
    fps: ClassVar[float] = 0.0
    bitrate_bps: ClassVar[int] = 0


class PatternOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The test pattern has nothing to choose."""


class FileOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which file, and whether it starts again at its end; `fps` is the rate of a raw one that does not say its own."""

    path: Annotated[str, msgspec.Meta(min_length=1)]
    loop: bool = True
    fps: Annotated[float, FPS] = 30.0

    @property
    def raw_rate_hz(self) -> Fraction:
        """`fps` as a ratio."""
        return as_ratio(self.fps)


class CameraOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A camera of libcamera's, through picamera2: which, how it is mounted, and how it is set.

    `camera` is its number in libcamera's list, `sensor_mode` the width and height that the sensor shall deliver (None:
    chosen by size and rate), `controls` values by libcamera's own names. `encoder_limits`
    are those of the board (None: no profile knows them).
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
    """A camera of the kernel's: its device, by a path that survives a restart, and what it shall deliver.

    `fps` is the rate of the camera where the outputs have been made slower since: it may not offer theirs. None: that
    of the fastest output. `encoder_limits` are as in `CameraOptions`.
    """

    device: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
    format: CameraFormat = "auto"
    fps: Annotated[float, FPS] | None = None
    encoder_limits: EncoderLimits | None = None


AnyOutput: TypeAlias = Output | FileOutput
Options: TypeAlias = PatternOptions | FileOptions | CameraOptions | V4l2Options


class _Kind(NamedTuple):
    """What a kind of source may be told."""

    options: type[Options]
    output: type[AnyOutput]
    most_outputs: int


_KINDS: Final = {
    "testpattern": _Kind(PatternOptions, Output, MAX_OUTPUTS),
    "file": _Kind(FileOptions, FileOutput, 1),
    "picamera2": _Kind(CameraOptions, Output, 2),  # libcamera's `main` and `lores`
    "v4l2": _Kind(V4l2Options, Output, 2),
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
        """The outputs that the source encodes: all, or none where they are a file's."""
        return tuple(output for output in self.outputs if isinstance(output, Output))


def command_line(request: Request) -> list[str]:
    """Return the words that `parse_request` makes this request of, without the descriptor's."""
    outputs = [word for output in request.outputs for word in ("--output", _encode(output))]
    return [request.kind, "--options", _encode(request.options), *outputs]


def parse_request(kind: str, outputs: list[str], options: str, fd: int | None) -> Request:
    """Return what the command line asks for; ValueError with one sentence when it cannot be."""
    if kind not in _KINDS:
        raise ValueError(f"unknown source kind {kind!r} (known: {', '.join(KINDS)})")
    options_type, output_type, limit = _KINDS[kind]
    if len(outputs) > limit:
        raise ValueError(f"a {kind} source feeds at most {limit} output(s), {len(outputs)} were asked for")
    wanted: tuple[AnyOutput, ...] = tuple(_decode("--output", text, output_type) for text in outputs)
    return Request(wanted or (output_type(),), _decode("--options", options, options_type), fd)


def as_ratio(fps: float) -> Fraction:
    """Return a number of pictures a second as a ratio, which the kernel and FFmpeg take, its denominator up to 1001."""
    return Fraction(fps).limit_denominator(1001)


def _encode(value: msgspec.Struct) -> str:
    return msgspec.json.encode(value).decode()


def _decode(where: str, text: str, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.MsgspecError as error:
        raise ValueError(f"{where} {text}: {error}") from None
