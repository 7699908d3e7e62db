"""The `[streams.<name>]` tables: the keys of each kind of source.

The structs are parts of `config.Config`; only `config.load` calls `read_streams`. `config.encoder_limits` checks
whether the board's encoder can make the streams, `app.source_plan` decides what `auto` becomes and which streams share
a process, and `media` runs the streams (fan-out, key frames, write budget).
"""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Formatter
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from edge_streamer.config.toml import ConfigError, expect_table, read_struct, shown, shown_key
from edge_streamer.protocol.source.ranges import (
    BITRATE_BPS,
    CAMERA_NUMBER,
    FPS,
    GOP_S,
    MAX_OVERLAY_CHARACTERS,
    PICTURE_SIDE,
    STREAM_NAME_PATTERN,
    CameraFormat,
    EncoderName,
)
from edge_streamer.services.marks import fields_of

MAX_STREAMS: Final = 16

_STREAM_NAME: Final = re.compile(STREAM_NAME_PATTERN)
_STRFTIME_CODES: Final = "aAbBcdDeFGHIjmMpRSTuUVwWxXyYzZ%"
_STRFTIME_TEXT: Final = re.compile(f"(?:[^%]|%[{_STRFTIME_CODES}])*")


def _read_overlay(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_OVERLAY_CHARACTERS or not value.isprintable():
        raise ValueError("not a line of text")
    if not _STRFTIME_TEXT.fullmatch(value):
        raise ValueError("not a code of strftime")
    for _, field, format_spec, conversion in Formatter().parse(value):
        if field is not None and (field, format_spec, conversion) != ("name", "", None):
            raise ValueError("only {name} is known")
    return value


LinkBitrate: TypeAlias = Annotated[
    int,
    Meta(
        description="Peak rate of the stream in bit/s, which the write budget is computed from. "
        "Left out: `bitrate_bps`; for a file, and for a camera that encodes H.264 itself, the measured rate.",
        ge=25_000,
        le=100_000_000,
    ),
]

SlowReaders: TypeAlias = Annotated[
    Literal["end", "skip"],
    Meta(
        description="What happens to a viewer whose backlog passes the write budget: `end` ends its session, `skip` "
        "drops whole frames up to the next key frame and keeps the session. The session of a viewer that takes nothing "
        "at all is ended either way.",
    ),
]

OnDemand: TypeAlias = Annotated[
    bool,
    Meta(
        description="Run the source only while there are viewers. The first viewer waits until the camera has started, "
        "and a camera runs as long as one of its streams needs it.",
    ),
]

LingerSeconds: TypeAlias = Annotated[
    float,
    Meta(description="With `on_demand`: seconds from the last viewer's end to the source's.", ge=1, le=3600),
]

GiveUpAfterSeconds: TypeAlias = Annotated[
    float,
    Meta(
        description="Seconds without a picture after which the viewers' sessions are ended (`stream_ended`). Until "
        "then they wait for the source to come back. Either way the server keeps on starting it again.",
        ge=5,
        le=86_400,
    ),
]

CameraNumber: TypeAlias = Annotated[
    int, CAMERA_NUMBER, Meta(description="libcamera's number of the camera, as `edge-streamer probe` lists it.")
]

BoundReordering: TypeAlias = Annotated[
    bool,
    Meta(
        description="Tell decoders that no picture is reordered, where the encoder does not say so itself: a decoder "
        "that is not told may hold back up to 16 pictures before it shows one. It changes the sequence parameter set "
        "(SPS), where that lacks `bitstream_restriction`. Cameras and the test pattern never reorder.",
    ),
]

TimeStamps: TypeAlias = Annotated[
    Literal["none", "sei"],
    Meta(
        description="`sei`: each picture carries the UTC of its exposure and whether the clock is synchronised, as an "
        "SEI message (MISB ST 0604), which recordings keep. Each picture then has one more packet, of 44 bytes, which "
        "costs a system call for each viewer over UDP.",
    ),
]

EncoderChoice: TypeAlias = Annotated[
    EncoderName,
    Meta(
        description="What encodes the camera's pictures as H.264. `auto` takes the board's encoder where there is one "
        "that works, else software; status and log say which one and why. With `hardware` the stream has no picture "
        "where the board's encoder cannot be used.",
    ),
]


class EncodedStream(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys of every stream whose pictures are encoded on this machine; each such kind of source adds more."""

    source: Literal["auto", "testpattern", "picamera2", "v4l2"] = "auto"
    width: Annotated[int, PICTURE_SIDE, Meta(description="Picture width in pixels.")] = 1280
    height: Annotated[int, PICTURE_SIDE, Meta(description="Picture height in pixels.")] = 720
    fps: Annotated[int, FPS, Meta(description="Pictures a second.")] = 30
    bitrate_bps: Annotated[int, BITRATE_BPS, Meta(description="Target bit rate of the encoder in bit/s.")] = 2_000_000
    gop_s: Annotated[
        float, GOP_S, Meta(description="Seconds from one key frame to the next, when no viewer asks earlier.")
    ] = 2.0
    overlay: Annotated[
        str,
        Meta(
            description="A line of text in the picture, such as `%Y-%m-%d %H:%M:%S {name}`: the device's local time in "
            "codes of strftime, `{name}` is the stream's; `%%`, `{{` and `}}` are the characters themselves. Empty: "
            "none.",
            extra={
                "read": _read_overlay,
                "allowed": f"up to {MAX_OVERLAY_CHARACTERS} characters, in braces only {{name}}, of strftime only "
                f"{' '.join(f'%{code}' for code in _STRFTIME_CODES)}",
            },
        ),
    ] = ""
    bound_reordering: BoundReordering = True
    timestamps: TimeStamps = "none"
    link_bitrate_bps: LinkBitrate | None = None
    slow_readers: SlowReaders = "end"
    on_demand: OnDemand = False
    linger_s: LingerSeconds = 10.0
    give_up_after_s: GiveUpAfterSeconds = 60.0


class AutoStream(EncodedStream, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[streams.<name>]` that takes whichever camera is found: `source = "auto"`."""

    source: Annotated[
        Literal["auto"],
        Meta(
            description="libcamera's camera number `camera` if it is there, else the first USB camera, else "
            "the test pattern. Decided at the start.",
            extra={"allowed": '"auto"'},
        ),
    ] = "auto"
    camera: CameraNumber = 0
    encoder: EncoderChoice = "auto"


class PatternStream(EncodedStream, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[streams.<name>]` that shows a moving test pattern: `source = "testpattern"`."""

    source: Annotated[
        Literal["testpattern"],
        Meta(description="A moving picture made in software.", extra={"allowed": '"testpattern"'}),
    ] = "testpattern"


class CameraStream(EncodedStream, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[streams.<name>]` of a camera that libcamera drives, such as a Raspberry Pi's: `source = "picamera2"`."""

    source: Annotated[
        Literal["picamera2"],
        Meta(
            description="A camera of libcamera's, through picamera2. It feeds one stream or two; the smaller one is "
            "scaled from the same picture.",
            extra={"allowed": '"picamera2"'},
        ),
    ] = "picamera2"
    camera: CameraNumber = 0
    encoder: EncoderChoice = "auto"


class DeviceStream(EncodedStream, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[streams.<name>]` of a camera that is a device file, such as a USB camera: `source = "v4l2"`."""

    source: Annotated[
        Literal["v4l2"],
        Meta(
            description="A camera of the kernel's video interface V4L2. It feeds one stream or two, unless it encodes "
            "by itself.",
            extra={"allowed": '"v4l2"'},
        ),
    ] = "v4l2"
    device: Annotated[
        str,
        Meta(
            description="The camera's device file. Names in `/dev/v4l/by-id` stay the same after a restart and in "
            "another socket; `/dev/video0` need not.",
            pattern=r"\A/[^\x00]{1,255}\Z",
            extra={"allowed": "an absolute path in quotes, as edge-streamer probe lists it"},
        ),
    ]
    format: Annotated[
        CameraFormat,
        Meta(
            description="What the camera is to deliver: `h264` it encodes by itself and it is sent as it comes, the "
            "others are encoded here. `auto` takes the best it has.",
        ),
    ] = "auto"
    encoder: EncoderChoice = "auto"


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
    on_demand: OnDemand = False
    linger_s: LingerSeconds = 10.0
    give_up_after_s: GiveUpAfterSeconds = 60.0


DecidedStream: TypeAlias = PatternStream | CameraStream | DeviceStream | FileStream
"""A stream whose kind of source is known."""
StreamConfig: TypeAlias = AutoStream | DecidedStream
_STREAM_TYPES: Final[dict[str, type[StreamConfig]]] = {
    "auto": AutoStream,
    "testpattern": PatternStream,
    "picamera2": CameraStream,
    "v4l2": DeviceStream,
    "file": FileStream,
}

DEFAULT_STREAMS: Final[Mapping[str, Mapping[str, object]]] = {
    "main": {},
    "sub": {"width": 640, "height": 360, "fps": 15, "bitrate_bps": 400_000},
}
"""The streams of a configuration that names none; keys left out here have the defaults of `EncodedStream`."""


def read_streams(
    written: object, inherited: Mapping[str, Mapping[str, object]], folder: Path
) -> dict[str, StreamConfig]:
    """Return the streams of the `[streams]` table `written`, or those `inherited` where there is no table (None).

    A key that is left out has the value of the inherited stream of the same name, else its struct's default. Paths are
    relative to `folder`. ConfigError for the first mistake.
    """
    tables = expect_table(dict(inherited) if written is None else written, "streams")
    if not tables:
        raise ConfigError("streams: no stream in it; write [streams.main], or leave [streams] out for main and sub")
    if len(tables) > MAX_STREAMS:
        raise ConfigError(f"streams: {len(tables)} streams are not allowed; allowed: up to {MAX_STREAMS}")
    return {name: _read_stream(name, table, inherited.get(name, {}), folder) for name, table in tables.items()}


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


def _stream_type(source: object, path: str) -> type[StreamConfig]:
    if not isinstance(source, str) or source not in _STREAM_TYPES:
        choices = " or ".join(f'"{each}"' for each in _STREAM_TYPES)
        raise ConfigError(f"{path}.source: {shown(source)} is not allowed; allowed: {choices}")
    return _STREAM_TYPES[source]


def _check_keys_of_source(written: Mapping[str, Any], source: str, known: Iterable[str], path: str) -> None:
    """Raise ConfigError for a key of other kinds of source, which is a misunderstanding rather than a typing mistake:
    the error names those kinds."""
    for key in (each for each in written if each not in known):
        owners = [f'"{each}"' for each, struct_type in _STREAM_TYPES.items() if key in fields_of(struct_type)]
        if owners:
            raise ConfigError(
                f'{path}.{key}: not a key of source = "{source}"; remove it, or write source = {" or ".join(owners)}'
            )


def _checked_stream(stream: StreamConfig, path: str, folder: Path) -> StreamConfig:
    if isinstance(stream, FileStream):
        return msgspec.structs.replace(stream, path=_absolute_path(folder, stream.path, path))
    if stream.link_bitrate_bps is not None and stream.link_bitrate_bps < stream.bitrate_bps:
        raise ConfigError(
            f"{path}.link_bitrate_bps: {stream.link_bitrate_bps} is less than bitrate_bps = {stream.bitrate_bps}; "
            "it is the stream's peak rate: leave it out or raise it"
        )
    if isinstance(stream, DeviceStream) and stream.format == "h264":
        _check_encoded_by_camera(stream, path)
    return stream


def _absolute_path(folder: Path, file: str, path: str) -> str:
    """The file's name goes to its source process as JSON, which is UTF-8; the name of a folder may be any bytes."""
    absolute = str(folder / file)
    try:
        absolute.encode()
    except UnicodeEncodeError:
        raise ConfigError(
            f"{path}.path: the configuration file's folder, {os.fsencode(folder)!r}, is not UTF-8; allowed: an "
            "absolute path, or a folder whose name is UTF-8"
        ) from None
    return absolute


def _check_encoded_by_camera(stream: DeviceStream, path: str) -> None:
    """Raise ConfigError for an encoder or an overlay: pictures that the camera encodes are neither drawn on nor encoded
    again."""
    useless = "encoder" if stream.encoder != "auto" else "overlay" if stream.overlay else None
    if useless is not None:
        raise ConfigError(
            f'{path}.{useless}: cannot be had with format = "h264", which the camera encodes by itself; remove it, or '
            'write format = "mjpeg" or another one'
        )
