"""What a source process is asked for: its kind, its outputs and the kind's own options.

Values only, from the JSON of the command line; an unknown key or an impossible number is a ValueError whose text says
which. Called by `__main__`; the kinds receive the values.
"""

from fractions import Fraction
from typing import Annotated, Final, Literal, TypeVar

import msgspec

from edge_streamer.media.frame import MAX_OUTPUTS

KINDS: Final = ("testpattern", "file")

_T = TypeVar("_T")
_Side = Annotated[int, msgspec.Meta(ge=64, le=7680, multiple_of=2)]  # 4:2:0 has no odd sides


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


class Request(msgspec.Struct, frozen=True):
    """A whole command line, checked."""

    outputs: tuple[Output, ...]
    options: PatternOptions | FileOptions
    fd: int | None = None


def parse_request(kind: str, outputs: list[str], options: str, fd: int | None) -> Request:
    """Return what the command line asks for; ValueError with one sentence when it cannot be."""
    if kind not in KINDS:
        raise ValueError(f"unknown source kind {kind!r} (known: {', '.join(KINDS)})")
    limit = 1 if kind == "file" else MAX_OUTPUTS
    if len(outputs) > limit:
        raise ValueError(f"a {kind} source feeds at most {limit} output(s), {len(outputs)} were asked for")
    wanted = tuple(_decode("--output", text, Output) for text in outputs) or (Output(),)
    if kind == "file":
        return Request(wanted, _decode("--options", options, FileOptions), fd)
    return Request(wanted, _decode("--options", options, PatternOptions), fd)


def _decode(where: str, text: str, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.MsgspecError as error:
        raise ValueError(f"{where} {text}: {error}") from None
