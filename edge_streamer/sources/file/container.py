"""Opening a file and looking into it: where its H.264 is, in what form, and what its container says of it.

`look_into` is called once, `open_container` for each pass. A file that cannot be played is a SourceError with what is
allowed and, where one helps, the command that converts it.
"""

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import av

from edge_streamer.codec.frame import CLOCK_HZ
from edge_streamer.codec.h264.length_prefixed import CONFIGURATION_VERSION, parse_configuration
from edge_streamer.codec.h264.nal import annex_b, split_access_unit
from edge_streamer.codec.h264.picture_order import pictures_without_times
from edge_streamer.sources.ending import SourceError
from edge_streamer.sources.file.access_units import AccessUnit, AccessUnitReader, frames_of_fields
from edge_streamer.sources.file.findings import Findings
from edge_streamer.sources.file.timeline import MAX_RATE_HZ

if TYPE_CHECKING:  # PyAV 14 (Debian trixie) has the class, but not yet as a generic
    Packet: TypeAlias = av.Packet[av.VideoStream]

ALLOWED: Final = "allowed: H.264 as raw Annex B without B-frames, or in MP4, Matroska or MPEG-TS"
QUICK_LOOK: Final[Mapping[str, str]] = {}
DEEP_LOOK: Final[Mapping[str, str]] = {"probesize": "50000000", "analyzeduration": "60000000"}
"""Bytes and microseconds that are searched for parameter sets where FFmpeg's 5 MB and 5 s have none: the longest group
of pictures that encoders make by default is 10 s."""
DEFAULT_RATE_HZ: Final = Fraction(30)
"""The rate of a raw file that states none, where the configuration has none either."""

_SAMPLE_FRAMES: Final = 300  # a few groups of pictures
_RAW_H264: Final = "h264"  # FFmpeg's names of demultiplexers: a file without a container
_AVI: Final = "avi"
_ROTATING: Final = frozenset({"mov", "matroska"})


@dataclass(frozen=True, slots=True)
class ClipFormat:
    """What a look into the file found: `options` are FFmpeg's with which it was found, `time_base` are the seconds of a
    stamp, `length_bytes` is 0 for Annex B, `parameter_sets` are the container's."""

    options: Mapping[str, str]
    stream_index: int
    time_base: Fraction
    width: int
    height: int
    rate_hz: Fraction
    states_rate: bool
    is_raw: bool
    length_bytes: int
    parameter_sets: tuple[bytes, ...]
    rotation_degrees: int

    @property
    def frame_stamps(self) -> int:
        """The duration of a frame that does not state one."""
        return max(1, round(1 / (self.rate_hz * self.time_base)))


def look_into(path: str, raw_rate_hz: Fraction | None) -> ClipFormat:
    """Return what the file is; `raw_rate_hz` is for a raw file that does not state a rate. SourceError: no H.264, or
    a file that needs presentation times and has none."""
    for options in (QUICK_LOOK, DEEP_LOOK):
        with open_container(path, options) as container:
            stream = _video(path, container)
            if stream is not None:
                return _format(path, container, stream, options, raw_rate_hz)
    raise SourceError(f"{path} has no H.264 video in it ({ALLOWED})")


def open_container(path: str, options: Mapping[str, str]) -> av.container.InputContainer:
    """Open the file; SourceError when it is none or no container."""
    file = Path(path)
    if not file.is_file():  # a named pipe would block, a URL would be fetched
        what = "is no regular file" if file.exists() else "does not exist"
        raise SourceError(f"{path} {what} ({ALLOWED})")
    if not file.stat().st_size:
        raise SourceError(f"{path} is empty ({ALLOWED})")
    try:
        return av.open(f"file:{path}", options=dict(options))
    except av.FFmpegError as error:
        raise SourceError(f"{path} cannot be opened: {error.strerror} ({ALLOWED})") from None


def _video(path: str, container: av.container.InputContainer) -> av.VideoStream | None:
    """Return the H.264 stream, None when there may be one that was not analysed far enough."""
    streams = container.streams.video
    for stream in streams:
        if stream.codec_context.name == "h264" and stream.codec_context.width:
            return stream
    if not streams or any(stream.codec_context.name == "h264" for stream in streams):
        return None
    convert = f"ffmpeg -i {shlex.quote(path)} -an -c:v libx264 -bf 0 -g 30 converted.mp4"
    raise SourceError(f"{path} is {streams[0].codec_context.name}, not H.264 ({ALLOWED}; convert it: {convert})")


def _format(
    path: str,
    container: av.container.InputContainer,
    stream: av.VideoStream,
    options: Mapping[str, str],
    raw_rate_hz: Fraction | None,
) -> ClipFormat:
    name = container.format.name
    codec = stream.codec_context
    is_raw = name == _RAW_H264
    # Without timing in the VUI, the average rate of a raw file is 25 whatever the file.
    stated_hz = codec.framerate if is_raw else stream.average_rate or stream.guessed_rate
    states_rate = stated_hz is not None and 0 < stated_hz <= MAX_RATE_HZ
    length_bytes, parameter_sets = _storage(path, codec.extradata or b"")
    rate_hz = stated_hz if stated_hz and states_rate else (is_raw and raw_rate_hz) or DEFAULT_RATE_HZ
    clip_format = ClipFormat(
        options=options,
        stream_index=stream.index,
        time_base=1 / rate_hz if is_raw else stream.time_base or Fraction(1, CLOCK_HZ),
        width=codec.width,
        height=codec.height,
        rate_hz=rate_hz,
        states_rate=states_rate,
        is_raw=is_raw,
        length_bytes=length_bytes,
        parameter_sets=parameter_sets,
        rotation_degrees=_rotation(container, stream) if name.split(",")[0] in _ROTATING else 0,
    )
    reader = AccessUnitReader(length_bytes, parameter_sets, Findings(path))
    lacks_times = is_raw or name == _AVI
    if lacks_times or reader.may_have_fields:
        units = [unit for packet in _sample(container, stream) if (unit := reader.read(packet))]
        if lacks_times:
            _refuse_what_needs_times(path, clip_format, units)
        clip_format = replace(clip_format, rate_hz=_rate_of_frames(clip_format, units))
    return clip_format


def _sample(container: av.container.InputContainer, stream: av.VideoStream) -> "list[Packet]":
    packets: list[Packet] = []
    try:
        for packet in islice(container.demux(stream), _SAMPLE_FRAMES):
            packets.append(packet)  # noqa: PERF402 - packets before a failure count
    except av.FFmpegError:
        pass  # it is met again, and reported, when the file is played
    return packets


def _rate_of_frames(clip_format: ClipFormat, units: list[AccessUnit]) -> Fraction:
    """Return the rate of frames where the container counts fields: Matroska may have a block for each."""
    if not any(unit.field for unit in units):
        return clip_format.rate_hz
    return min(clip_format.rate_hz, _usual_rate(clip_format, frames_of_fields(units, clip_format.frame_stamps)))


def _storage(path: str, extradata: bytes) -> tuple[int, tuple[bytes, ...]]:
    """Return the bytes of a NAL unit's length, 0 for Annex B, and the parameter sets of the container."""
    if extradata[:1] != bytes((CONFIGURATION_VERSION,)):
        return 0, tuple(map(bytes, split_access_unit(extradata)))
    try:
        configuration = parse_configuration(extradata)
    except ValueError as error:
        raise SourceError(f"{path} has a damaged header: {error} ({ALLOWED})") from None
    return configuration.length_bytes, configuration.parameter_sets


def _rotation(container: av.container.InputContainer, stream: av.VideoStream) -> int:
    """Return by how many degrees, counter-clockwise, the picture is to be turned: the first one says it, decoded."""
    stream.codec_context.thread_count = 1  # more would wait for more pictures
    try:
        for packet in islice(container.demux(stream), _SAMPLE_FRAMES):
            for picture in packet.decode():
                return picture.rotation
    except av.FFmpegError:
        pass  # what cannot be decoded here may be left out when the file is played
    return 0


def _refuse_what_needs_times(path: str, clip_format: ClipFormat, units: list[AccessUnit]) -> None:
    """Raise SourceError for a file that needs presentation times and has none. The error names mkvmerge because
    `ffmpeg -c copy` stamps such frames with their decode time: its Matroska and MPEG-TS fail, and its MP4 shows
    B-frames out of order without a warning (FFmpeg 5.1). mkvmerge writes an empty file from an AVI with B-frames
    (74.0), so that the raw stream is taken out first."""
    found = pictures_without_times([annex_b(clip_format.parameter_sets), *(unit.data for unit in units)])
    if not found:
        return
    commands = []
    kind, raw, rate = "a raw stream", shlex.quote(path), ""
    if not clip_format.is_raw:
        kind = "an AVI"
        commands.append(f"ffmpeg -i {raw} -c:v copy -an converted.h264")
        raw, rate = "converted.h264", f"--default-duration 0:{_usual_rate(clip_format, units)}fps "
    commands.append(f"mkvmerge -o converted.mkv {rate}{raw}")
    raise SourceError(
        f"{path} has {found}, and {kind} does not say when they are shown "
        f"({ALLOWED}; convert it without loss, with mkvtoolnix: {' && '.join(commands)})"
    )


def _usual_rate(clip_format: ClipFormat, units: Iterable[AccessUnit]) -> Fraction:
    """Return the rate that most steps between units have: an AVI may state twice the rate of its pictures, with a gap
    after each."""
    stamps = [unit.decode_stamp for unit in units if unit.decode_stamp is not None]
    steps = Counter(later - earlier for earlier, later in pairwise(stamps) if later > earlier)
    return 1 / (steps.most_common(1)[0][0] * clip_format.time_base) if steps else clip_format.rate_hz
