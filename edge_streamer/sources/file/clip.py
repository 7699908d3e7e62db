"""An H.264 file as access units in Annex B form, repeated if asked for, with continuous 90 kHz time stamps.

The access units are copied, never decoded: PyAV demultiplexes, FFmpeg's `h264_mp4toannexb` filter restores start codes
and parameter sets. The file is opened again for each pass and read packet by packet, so memory use does not depend on
its length. A raw `.h264` has no time stamps: its frames are counted at the rate of its VUI, or the requested rate; a
raw file with B-frames or field pictures is refused. This module has no clock: `source` waits and sends.
"""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import av
import msgspec
from av.bitstream import BitStreamFilterContext

from edge_streamer.codec.frame import CLOCK_HZ
from edge_streamer.codec.h264.picture_order import pictures_without_times
from edge_streamer.sources.ending import SourceError

if TYPE_CHECKING:  # PyAV 14 (Debian trixie) has the class, but not yet as a generic
    _Packet: TypeAlias = av.Packet[av.VideoStream]

_ALLOWED = "allowed: H.264 as raw Annex B without B-frames, or in MP4, Matroska or MPEG-TS"
_SAMPLE_FRAMES = 300
"""Frames of a raw stream that are examined before it is played: a few groups of pictures."""
_NEVER = 1 << 62
_RAW_H264 = "h264"  # the name of FFmpeg's demultiplexer of a file without a container


class ClipFrame(msgspec.Struct, frozen=True, gc=False):
    """An access unit; `decode_time`, `presentation_time` and `duration` in 90 kHz ticks of the clip's own clock."""

    data: bytes
    is_key_frame: bool
    decode_time: int
    presentation_time: int
    duration: int


@dataclass(frozen=True, slots=True)
class ClipFormat:
    """Size and rate of the file's picture."""

    width: int
    height: int
    rate_hz: Fraction


class Clip:
    """A file that was opened once and found to be H.264."""

    def __init__(self, path: str, raw_rate_hz: Fraction) -> None:
        """Examine the file; `raw_rate_hz` is for a raw file that does not state a rate. SourceError: no H.264, or a raw
        stream that needs time stamps."""
        self._path = path
        self._raw_rate_hz = raw_rate_hz
        with self._open() as container:
            stream = self._video(container)
            self._is_raw = container.format.name == _RAW_H264
            self.format = ClipFormat(stream.codec_context.width, stream.codec_context.height, self._rate_hz(stream))
            if self._is_raw:
                self._refuse_what_needs_times(islice(_packets(container, stream), _SAMPLE_FRAMES))

    def frames(self, *, loop: bool) -> Iterator[ClipFrame]:
        """Yield the file's frames, endlessly if `loop`; time stamps continue from pass to pass without a gap."""
        is_empty = True
        try:
            for frame in self._raw_passes(loop=loop) if self._is_raw else self._timed_passes(loop=loop):
                is_empty = False
                yield frame
        except av.FFmpegError as error:
            raise SourceError(f"{self._path} cannot be read to its end: {error.strerror}") from None
        if is_empty or loop:
            raise SourceError(f"{self._path} has no key frame to begin with ({_ALLOWED})")

    def _timed_passes(self, *, loop: bool) -> Iterator[ClipFrame]:
        """Shift each pass by the length of those before it, from the first frame shown to the end of the last."""
        shift = 0
        while True:
            begin, end = _NEVER, -_NEVER
            for frame in self._timed_pass(shift):
                begin = min(begin, frame.presentation_time)
                end = max(end, frame.presentation_time + frame.duration)
                yield frame
            if end < begin or not loop:
                return
            shift += end - begin

    def _timed_pass(self, shift: int) -> Iterator[ClipFrame]:
        with self._open() as container:
            stream = self._video(container)
            annex_b = BitStreamFilterContext("h264_mp4toannexb", stream)
            filtered = (unit for packet in _packets(container, stream) for unit in annex_b.filter(packet))
            time_base = stream.time_base or Fraction(1, CLOCK_HZ)
            yield from _clip_frames(filtered, _PassClock.of(time_base, self.format.rate_hz, shift))

    def _raw_passes(self, *, loop: bool) -> Iterator[ClipFrame]:
        count = 0
        while True:
            first = count
            with self._open() as container:
                for packet in _packets(container, self._video(container)):
                    begin, end = self._media_time(count), self._media_time(count + 1)
                    yield ClipFrame(bytes(packet), packet.is_keyframe, begin, begin, end - begin)
                    count += 1
            if count == first or not loop:
                return

    def _media_time(self, frame_number: int) -> int:
        return frame_number * CLOCK_HZ // self.format.rate_hz

    def _open(self) -> av.container.InputContainer:
        path = Path(self._path)
        if not path.is_file():  # a named pipe would block, a URL would be fetched
            what = "is no regular file" if path.exists() else "does not exist"
            raise SourceError(f"{self._path} {what} ({_ALLOWED})")
        if not path.stat().st_size:
            raise SourceError(f"{self._path} is empty ({_ALLOWED})")
        try:
            return av.open(f"file:{self._path}")
        except av.FFmpegError as error:
            raise SourceError(f"{self._path} cannot be opened: {error.strerror} ({_ALLOWED})") from None

    def _video(self, container: av.container.InputContainer) -> av.VideoStream:
        streams = container.streams.video
        for stream in streams:
            if stream.codec_context.name == "h264" and stream.codec_context.width:
                return stream
        if not streams or streams[0].codec_context.name == "h264":
            raise SourceError(f"{self._path} has no H.264 video in it ({_ALLOWED})")
        convert = f"ffmpeg -i {shlex.quote(self._path)} -an -c:v libx264 -bf 0 -g 30 converted.mp4"
        raise SourceError(
            f"{self._path} is {streams[0].codec_context.name}, not H.264 ({_ALLOWED}; convert it: {convert})"
        )

    def _refuse_what_needs_times(self, packets: "Iterator[_Packet]") -> None:
        """Raise SourceError for a raw stream that needs time stamps. The error names mkvmerge because `ffmpeg -c copy`
        stamps the frames of a raw stream with their decode time: its Matroska and MPEG-TS fail, and its MP4 shows
        B-frames out of order without a warning (FFmpeg 5.1)."""
        found = pictures_without_times(bytes(packet) for packet in packets)
        if found:
            convert = f"mkvmerge -o converted.mkv {shlex.quote(self._path)}"
            raise SourceError(
                f"{self._path} has {found}, and a raw stream does not say when they are shown "
                f"({_ALLOWED}; convert it without loss, with mkvtoolnix: {convert})"
            )

    def _rate_hz(self, stream: av.VideoStream) -> Fraction:
        if self._is_raw:  # without timing in the VUI, average_rate is 25 whatever the file
            return stream.codec_context.framerate or self._raw_rate_hz
        return stream.average_rate or stream.guessed_rate or self._raw_rate_hz


def read_ahead(frames: Iterator[ClipFrame], count: int) -> Iterator[ClipFrame]:
    """Yield the same frames, read `count` at a time: all but the first find the demultiplexer's code and data in the
    caches, which saves a third of the CPU. An error is raised after the frames before it were yielded."""
    is_over = False
    while not is_over:
        batch: list[ClipFrame] = []
        failure: SourceError | None = None
        try:
            for frame in islice(frames, count):
                batch.append(frame)  # noqa: PERF402 - frames before a failure must be kept
        except SourceError as error:
            failure = error
        yield from batch
        if failure is not None:
            raise failure
        is_over = len(batch) < count


def _packets(container: av.container.InputContainer, stream: av.VideoStream) -> "Iterator[_Packet]":
    """Yield the coded packets from the first key frame on."""
    has_begun = False
    for packet in container.demux(stream):
        has_begun = has_begun or packet.is_keyframe
        if has_begun and packet.size:  # the last packet is empty: its use is to flush a decoder
            yield packet


class _PassClock(NamedTuple):
    """Converts the time stamps of one pass: `ticks` of the container become `shift + ticks * numerator / denominator`
    ticks of 90 kHz; a frame lasts `frame_ticks` of the container."""

    numerator: int
    denominator: int
    shift: int
    frame_ticks: int

    @classmethod
    def of(cls, time_base: Fraction, rate_hz: Fraction, shift: int) -> "_PassClock":
        media_ticks = CLOCK_HZ * time_base
        return cls(media_ticks.numerator, media_ticks.denominator, shift, round(1 / (rate_hz * time_base)))

    def frame(self, packet: "_Packet", decode_ticks: int) -> ClipFrame:
        """Copy a packet; a presentation time that is missing, or before the decode time, is the decode time."""
        presentation_ticks = decode_ticks if packet.pts is None else max(packet.pts, decode_ticks)
        return ClipFrame(
            bytes(packet),
            packet.is_keyframe,
            self.shift + self._media_ticks(decode_ticks),
            self.shift + self._media_ticks(presentation_ticks),
            self._media_ticks(packet.duration or self.frame_ticks),
        )

    def _media_ticks(self, ticks: int) -> int:
        return ticks * self.numerator // self.denominator


def _clip_frames(packets: "Iterator[_Packet]", clock: _PassClock) -> Iterator[ClipFrame]:
    """Fill in missing decode times: in Matroska the first frames lack them when frames are reordered."""
    held: list[_Packet] = []
    previous: int | None = None
    for packet in packets:
        decode_ticks = packet.dts
        if decode_ticks is None:
            if previous is None:
                held.append(packet)
                continue
            decode_ticks = previous + clock.frame_ticks
        yield from _stamped_backwards(held, decode_ticks, clock)
        held.clear()
        yield clock.frame(packet, decode_ticks)
        previous = decode_ticks
    yield from _stamped_backwards(held, len(held) * clock.frame_ticks, clock)


def _stamped_backwards(held: "list[_Packet]", next_decode_ticks: int, clock: _PassClock) -> Iterator[ClipFrame]:
    for index, packet in enumerate(held):
        yield clock.frame(packet, next_decode_ticks - (len(held) - index) * clock.frame_ticks)
