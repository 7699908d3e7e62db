"""The `[streams.<name>]` tables: what each kind of source may be told, and what a board's encoder can make.

The structs are part of the contract that `config` describes; `config` alone calls `read_streams` and hands the rest
on. What a stream is at run time (fan-out, key frames, write budget) is `media`'s.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias, assert_never

import msgspec
from msgspec import Meta, Struct

from edge_streamer.profiles import Encoder
from edge_streamer.toml import ConfigError, expect_table, fields_of, read_struct, shown, shown_key

MAX_STREAMS: Final = 16
MACROBLOCK_PIXELS: Final = 16

_STREAM_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")


LinkBitrate: TypeAlias = Annotated[
    int,
    Meta(
        description="Peak rate of the stream in bit/s, which the write budget is computed from. "
        "Left out: `bitrate_bps`, for a file what is measured.",
        ge=25_000,
        le=100_000_000,
    ),
]

SlowReaders: TypeAlias = Annotated[
    Literal["end", "skip"],
    Meta(
        description="What happens to a viewer whose backlog passes the write budget: `end` ends its session, `skip` "
        "drops whole frames up to the next key frame and keeps it. One that takes nothing at all is ended either way.",
    ),
]


class EncodedStream(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[streams.<name>]` whose `source` is encoded here: `auto` or `testpattern`."""

    source: Annotated[
        Literal["auto", "testpattern"],
        Meta(description="`auto` is the camera where there is one and the test pattern where not."),
    ] = "auto"
    width: Annotated[int, Meta(description="Picture width in pixels.", ge=32, le=4096, multiple_of=2)] = 1280
    height: Annotated[int, Meta(description="Picture height in pixels.", ge=32, le=4096, multiple_of=2)] = 720
    fps: Annotated[int, Meta(description="Pictures a second.", ge=1, le=120)] = 30
    bitrate_bps: Annotated[int, Meta(description="What the encoder aims at, in bit/s.", ge=25_000, le=50_000_000)] = (
        2_000_000
    )
    gop_s: Annotated[
        float, Meta(description="Seconds from one key frame to the next, when no viewer asks earlier.", ge=0.5, le=60)
    ] = 2.0
    link_bitrate_bps: LinkBitrate | None = None
    slow_readers: SlowReaders = "end"


class FileStream(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[streams.<name>]` that plays a file, `source = "file"`: its pictures are sent as they are, not encoded again."""

    source: Annotated[
        Literal["file"], Meta(description="The stream plays a video file.", extra={"allowed": '"file"'})
    ] = "file"
    path: Annotated[
        str,
        Meta(
            description="The file, MP4 or another container with H.264; relative to the configuration file's folder.",
            pattern=r"\A[^\x00]+\Z",
            extra={"allowed": "a path in quotes, not empty"},
        ),
    ]
    loop: Annotated[bool, Meta(description="Start again at the end of the file; if not, the stream ends.")] = True
    link_bitrate_bps: LinkBitrate | None = None
    slow_readers: SlowReaders = "end"


StreamConfig: TypeAlias = EncodedStream | FileStream
SourceKind: TypeAlias = Literal["testpattern", "file"]
_STREAM_TYPES: Final[dict[str, type[EncodedStream] | type[FileStream]]] = {
    "auto": EncodedStream,
    "testpattern": EncodedStream,
    "file": FileStream,
}

DEFAULT_STREAMS: Final[Mapping[str, Mapping[str, object]]] = {
    "main": {},
    "sub": {"width": 640, "height": 360, "fps": 15, "bitrate_bps": 400_000},
}
"""The streams of a configuration that names none; what is not written here is `EncodedStream`'s default."""


def read_streams(
    written: object, inherited: Mapping[str, Mapping[str, object]], folder: Path
) -> dict[str, StreamConfig]:
    """Return the streams of the `[streams]` table as `written`, or those `inherited` where none is (None).

    A stream takes what is not written from the inherited one of its name, then from its struct's defaults. Paths are
    relative to `folder`. ConfigError for the first mistake.
    """
    tables = expect_table(dict(inherited) if written is None else written, "streams")
    if not tables:
        raise ConfigError("streams: no stream in it; write [streams.main], or leave [streams] out for main and sub")
    if len(tables) > MAX_STREAMS:
        raise ConfigError(f"streams: {len(tables)} streams are not allowed; allowed: up to {MAX_STREAMS}")
    return {name: _read_stream(name, table, inherited.get(name, {}), folder) for name, table in tables.items()}


def resolve_source(stream: StreamConfig) -> SourceKind:
    """Return the kind of source process that feeds `stream`; here `auto` is decided (no camera source exists yet)."""
    match stream:
        case FileStream():
            return "file"
        case EncodedStream():
            return "testpattern"
        case _:
            assert_never(stream)


def check_fits(streams: Mapping[str, EncodedStream], encoder: Encoder) -> None:
    """Raise ConfigError, saying what would fit, unless the board's `encoder` can make all `streams` at once.

    For streams whose source uses that encoder: the test pattern does not. Size and bit rate are limits of each stream,
    macroblocks (16x16 pixels) a second of all together, as they share one encoder block.
    """
    for name, stream in streams.items():
        _check_limit(f"streams.{name}.width", stream.width, encoder.max_width)
        _check_limit(f"streams.{name}.height", stream.height, encoder.max_height)
        _check_limit(f"streams.{name}.bitrate_bps", stream.bitrate_bps, encoder.max_bitrate_bps)
    rates = {name: _macroblocks(stream) * stream.fps for name, stream in streams.items()}
    excess = sum(rates.values()) - encoder.max_macroblocks_per_s
    if excess > 0:
        dearest = max(rates, key=rates.__getitem__)
        raise ConfigError(_too_many_macroblocks(f"streams.{dearest}", streams[dearest], excess, encoder))


def _read_stream(name: str, table: object, inherited: Mapping[str, object], folder: Path) -> StreamConfig:
    path = f"streams.{shown_key(name)}"
    if not _STREAM_NAME.fullmatch(name):
        raise ConfigError(f"{path}: not a stream name; allowed: 1 to 32 of the characters A-Z a-z 0-9 _ -")
    written = expect_table(table, path)
    source = written.get("source", inherited.get("source", "auto"))
    struct_type = _stream_type(source, path)
    known = fields_of(struct_type)
    _check_keys_of_source(written, str(source), known, path)
    defaults = {key: value for key, value in inherited.items() if key in known}
    stream = read_struct(defaults | written, struct_type, path)
    return _checked_stream(stream, path, folder)


def _stream_type(source: object, path: str) -> type[EncodedStream] | type[FileStream]:
    if not isinstance(source, str) or source not in _STREAM_TYPES:
        choices = " or ".join(f'"{each}"' for each in _STREAM_TYPES)
        raise ConfigError(f"{path}.source: {shown(source)} is not allowed; allowed: {choices}")
    return _STREAM_TYPES[source]


def _check_keys_of_source(written: Mapping[str, Any], source: str, known: Iterable[str], path: str) -> None:
    """A key of another source kind is a misunderstanding, not a typing mistake: say which kinds have it."""
    for key in (each for each in written if each not in known):
        owners = [f'"{each}"' for each, struct_type in _STREAM_TYPES.items() if key in fields_of(struct_type)]
        if owners:
            raise ConfigError(
                f'{path}.{key}: not a key of source = "{source}"; remove it, or write source = {" or ".join(owners)}'
            )


def _checked_stream(stream: StreamConfig, path: str, folder: Path) -> StreamConfig:
    if isinstance(stream, FileStream):
        return msgspec.structs.replace(stream, path=str(folder / stream.path))
    if stream.link_bitrate_bps is not None and stream.link_bitrate_bps < stream.bitrate_bps:
        raise ConfigError(
            f"{path}.link_bitrate_bps: {stream.link_bitrate_bps} is less than bitrate_bps = {stream.bitrate_bps}; "
            "it is the stream's peak rate: leave it out or raise it"
        )
    return stream


def _check_limit(path: str, value: int, limit: int) -> None:
    if value > limit:
        raise ConfigError(f"{path}: {value} is more than this board's encoder takes; what fits: up to {limit}")


def _too_many_macroblocks(path: str, stream: EncodedStream, excess: int, encoder: Encoder) -> str:
    found = (
        f"{path}.fps: {stream.fps} at {stream.width}x{stream.height} is too much for this board's encoder: "
        f"{encoder.max_macroblocks_per_s + excess} macroblocks/s for all streams, it makes "
        f"{encoder.max_macroblocks_per_s}"
    )
    excess_fps = -(-excess // _macroblocks(stream))
    fitting_fps = stream.fps - excess_fps
    return f"{found}; what fits: {f'up to {fitting_fps}' if fitting_fps > 0 else 'a smaller width and height'}"


def _macroblocks(stream: EncodedStream) -> int:
    columns = -(-stream.width // MACROBLOCK_PIXELS)
    rows = -(-stream.height // MACROBLOCK_PIXELS)
    return columns * rows
