"""Decides which source processes feed the streams of a configuration, given the cameras found on the machine.

One process serves one camera, one file, or one test pattern: a camera is opened once, however many streams it feeds,
and nothing else is shared, so that a change of one stream (`reload_plan`) touches no other. The module starts nothing;
its specs become command lines of `edge_streamer.sources`. Called by `cli`: `serve` hands the result to `app`, `check`
only checks that there is one.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import msgspec

from edge_streamer.config.cameras import CameraConfig
from edge_streamer.config.streams import (
    AutoStream,
    CameraStream,
    DecidedStream,
    DeviceStream,
    FileStream,
    PatternStream,
    StreamConfig,
)
from edge_streamer.config.toml import ConfigError
from edge_streamer.device.cameras import FoundCamera
from edge_streamer.protocol.source.encoder_limits import EncoderLimits
from edge_streamer.protocol.source.ranges import EncoderName
from edge_streamer.protocol.source.request import (
    CameraOptions,
    FileOptions,
    FileOutput,
    Output,
    PatternOptions,
    V4l2Options,
)
from edge_streamer.services.marks import fields_of
from edge_streamer.services.supervision.spec import SourceSpec

STREAMS_A_CAMERA: Final = 2
"""libcamera makes two pictures at once, `main` and `lores`; a V4L2 camera makes one, which is scaled once at most."""

_Encoded = TypeVar("_Encoded", PatternStream, CameraStream, DeviceStream)
_Kind = TypeVar("_Kind", CameraStream, DeviceStream)
_Camera = TypeVar("_Camera", CameraStream, DeviceStream)


@dataclass(frozen=True, slots=True)
class PlannedSource:
    """A source process and the streams that it feeds by name, in the order of its outputs; none of them is `auto`."""

    spec: SourceSpec
    streams: Mapping[str, DecidedStream]


def plan_sources(
    streams: Mapping[str, StreamConfig],
    cameras: Mapping[int, CameraConfig],
    found: Sequence[FoundCamera],
    encoder: EncoderLimits | None = None,
) -> tuple[PlannedSource, ...]:
    """Return the sources of `streams`, where `found` are the cameras that `auto` can become.

    `encoder` has the limits of the board's encoder; None where no hardware profile states them.

    ConfigError, beginning with the key's path, when the streams of one camera ask for more than it can give at once.
    """
    decided = {name: decide_source(stream, found) for name, stream in streams.items()}
    by_camera = _groups(decided, CameraStream, lambda stream: stream.camera)
    by_device = _groups(decided, DeviceStream, lambda stream: stream.device)
    return (
        *(_camera_source(group, cameras, encoder) for group in by_camera),
        *(_device_source(group, encoder) for group in by_device),
        *(_pattern_source(name, stream) for name, stream in decided.items() if isinstance(stream, PatternStream)),
        *(_file_source(name, stream) for name, stream in decided.items() if isinstance(stream, FileStream)),
    )


def decide_source(stream: StreamConfig, found: Sequence[FoundCamera]) -> DecidedStream:
    """Return `stream` with a definite source: `auto` becomes a camera of those `found`, or the test pattern."""
    if not isinstance(stream, AutoStream):
        return stream
    if any(camera.kind == "picamera2" and camera.number == stream.camera for camera in found):
        return _as_kind(stream, CameraStream)
    usb = next((camera for camera in found if camera.kind == "v4l2"), None)
    return _as_kind(stream, DeviceStream, device=usb.device) if usb else _as_kind(stream, PatternStream)


def _as_kind(stream: AutoStream, struct_type: type[_Encoded], **own: Any) -> _Encoded:
    taken = fields_of(struct_type).keys() - {"source"}
    shared = {key: value for key, value in msgspec.structs.asdict(stream).items() if key in taken}
    return struct_type(**shared, **own)


def _groups(
    streams: Mapping[str, DecidedStream], kind: type[_Kind], process_of: Callable[[_Kind], Hashable]
) -> Iterator[dict[str, _Kind]]:
    """Yield the streams of that kind, grouped by the process that they share."""
    groups: dict[Hashable, dict[str, _Kind]] = {}
    for name, stream in streams.items():
        if isinstance(stream, kind):
            groups.setdefault(process_of(stream), {})[name] = stream
    yield from groups.values()


def _camera_source(
    group: Mapping[str, CameraStream], cameras: Mapping[int, CameraConfig], encoder: EncoderLimits | None
) -> PlannedSource:
    number = next(iter(group.values())).camera
    _check_number_of_streams(group, f"camera {number}", STREAMS_A_CAMERA)
    streams = _larger_first(group)
    _check_sizes(streams)
    settings = msgspec.structs.asdict(cameras.get(number, CameraConfig()))
    outputs = tuple(_output(name, stream, stream.encoder) for name, stream in streams.items())
    options = CameraOptions(camera=number, **settings, encoder_limits=encoder)
    return PlannedSource(SourceSpec(outputs, options), streams)


def _device_source(group: Mapping[str, DeviceStream], encoder: EncoderLimits | None) -> PlannedSource:
    streams = _larger_first(group)
    first = next(iter(streams.values()))
    _check_formats(streams, first)
    _check_number_of_streams(group, first.device, 1 if first.format == "h264" else STREAMS_A_CAMERA)
    outputs = tuple(_output(name, stream, stream.encoder) for name, stream in streams.items())
    fastest_fps = max(stream.fps for stream in streams.values())  # the camera keeps it when a stream is set slower
    options = V4l2Options(first.device, first.format, fastest_fps, encoder)
    return PlannedSource(SourceSpec(outputs, options), streams)


def _pattern_source(name: str, stream: PatternStream) -> PlannedSource:
    return PlannedSource(SourceSpec((_output(name, stream),), PatternOptions()), {name: stream})


def _file_source(name: str, stream: FileStream) -> PlannedSource:
    spec = SourceSpec((FileOutput(name),), FileOptions(stream.path, stream.loop, stream.fps))
    return PlannedSource(spec, {name: stream})


def _output(name: str, stream: PatternStream | CameraStream | DeviceStream, encoder: EncoderName = "auto") -> Output:
    return Output(
        name,
        stream.width,
        stream.height,
        stream.fps,
        stream.bitrate_bps,
        stream.gop_s,
        encoder=encoder,
        overlay=stream.overlay,
    )


def _larger_first(group: Mapping[str, _Camera]) -> dict[str, _Camera]:
    """Return the streams by size: a source scales its first picture from the camera's, its second from the first."""
    return dict(sorted(group.items(), key=lambda item: item[1].width * item[1].height, reverse=True))


def _check_number_of_streams(group: Mapping[str, CameraStream | DeviceStream], camera: str, limit: int) -> None:
    names = list(group)
    if len(names) > limit:
        raise ConfigError(
            f"streams.{names[limit]}.source: {camera} feeds {' and '.join(names[:limit])} already; allowed: "
            f"{limit} stream{'s' if limit > 1 else ''} of this camera; take another camera, or another source"
        )


def _check_sizes(streams: Mapping[str, CameraStream]) -> None:
    """ConfigError for a second stream larger than the first: libcamera scales `lores` down from `main`."""
    (large_name, large), *rest = streams.items()
    for name, stream in rest:
        for key, side, limit in (("width", stream.width, large.width), ("height", stream.height, large.height)):
            if side > limit:
                raise ConfigError(
                    f"streams.{name}.{key}: {side} is more than streams.{large_name}.{key}, and one camera makes the "
                    f"smaller picture from the larger; allowed: up to {limit}"
                )


def _check_formats(streams: Mapping[str, DeviceStream], first: DeviceStream) -> None:
    for name, stream in streams.items():
        if stream.format != first.format:
            raise ConfigError(
                f'streams.{name}.format: "{stream.format}" is not allowed beside "{first.format}": {stream.device} '
                "delivers one format for all its streams; write the same for each"
            )
