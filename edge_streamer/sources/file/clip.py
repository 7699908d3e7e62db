"""An H.264 file as access units in Annex B form, repeated if asked for, with continuous 90 kHz time stamps.

The access units are copied, never decoded. The file is opened again for each pass and read packet by packet, so memory
use does not depend on its length: `container` opens it, `access_units` reads the packets, `timeline` places them. A
raw `.h264` has no time stamps: its frames are counted at the rate of its VUI, or the requested rate. This module has no
clock: `source` waits and sends.
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import count, islice
from math import ceil
from typing import TYPE_CHECKING, Final, TypeAlias

import av
import msgspec

from edge_streamer.codec.frame import CLOCK_HZ, MAX_ACCESS_UNIT_BYTES
from edge_streamer.sources.ending import SourceError
from edge_streamer.sources.file.access_units import AccessUnit, AccessUnitReader, frames_of_fields
from edge_streamer.sources.file.container import ALLOWED, look_into, open_container
from edge_streamer.sources.file.findings import Findings
from edge_streamer.sources.file.timeline import MIN_PASS, Timeline

if TYPE_CHECKING:  # PyAV 14 (Debian trixie) has the class, but not yet as a generic
    _Packet: TypeAlias = av.Packet[av.VideoStream]

MAX_LEAD_BYTES: Final = 64 << 20
"""Where no decoder could begin within this much of a file, it is given up: half a minute at 16 Mbit/s."""
MAX_READ_ERRORS: Final = 16
"""Places of a file that cannot be read; after as many of them its rest is given up."""


class ClipFrame(msgspec.Struct, frozen=True, gc=False):
    """An access unit; `decode_time`, `presentation_time` and `duration` in 90 kHz ticks of the clip's own clock."""

    data: bytes
    is_key_frame: bool
    decode_time: int
    presentation_time: int
    duration: int


class Clip:
    """A file that was opened once and found to be H.264. `format` is what it is, `findings` what is wrong with it."""

    def __init__(self, path: str, raw_rate_hz: Fraction | None = None) -> None:
        """Look into the file; `raw_rate_hz` is for a raw file that does not state a rate. SourceError: no H.264, or a
        file without presentation times that needs them."""
        self._path = path
        self.format: Final = look_into(path, raw_rate_hz)
        self.findings: Final = Findings(path)
        self._why_empty = f"{path} has no key frame to begin with ({ALLOWED})"

    def frames(self, *, loop: bool) -> Iterator[ClipFrame]:
        """Yield the file's frames, endlessly if `loop`; time stamps continue from pass to pass without a gap.
        SourceError: nothing in it can be played."""
        clip_format = self.format
        timeline = Timeline(clip_format.time_base, clip_format.rate_hz)
        numbers = count()  # the time stamps of a raw file, over its passes
        while True:
            is_empty = True
            with open_container(self._path, clip_format.options) as container:
                units = frames_of_fields(self._units(container), clip_format.frame_stamps)
                stamped = (
                    _counted(units, numbers, ceil(clip_format.rate_hz * MIN_PASS / CLOCK_HZ))
                    if clip_format.is_raw
                    else _with_decode_stamps(units, clip_format.frame_stamps)
                )
                for frame in self._placed(stamped, timeline):
                    is_empty = False
                    yield frame
            if is_empty:
                raise SourceError(self._why_empty)
            if not loop:
                return
            if not clip_format.is_raw:
                timeline.begin_pass()

    def _placed(self, units: Iterable[AccessUnit], timeline: Timeline) -> Iterator[ClipFrame]:
        for unit in units:
            if len(unit.data) > MAX_ACCESS_UNIT_BYTES:
                self.findings.discard("oversized", f"{len(unit.data)} bytes (allowed: {MAX_ACCESS_UNIT_BYTES})")
                continue
            decode, presentation, duration = timeline.place(
                unit.decode_stamp or 0, unit.presentation_stamp, unit.stamps_long, unit.order
            )
            if timeline.breaks or timeline.leaps:
                self._warn_of_stamps(timeline)
            yield ClipFrame(unit.data, unit.is_start_point, decode, presentation, duration)

    def _warn_of_stamps(self, timeline: Timeline) -> None:
        if timeline.breaks:
            self.findings.warn("breaks", "has time stamps that go back or stand still; it goes on without a gap there")
        if timeline.leaps:
            limit_s = timeline.longest_step_s
            self.findings.warn("leaps", f"has time stamps that leap ahead by more than {limit_s:.0f} s; it does not")
        timeline.breaks = timeline.leaps = 0

    def _units(self, container: av.container.InputContainer) -> Iterator[AccessUnit]:
        """Yield the access units from the first at which a decoder can begin: it needs parameter sets."""
        reader = AccessUnitReader(self.format.length_bytes, self.format.parameter_sets, self.findings)
        packets = self._packets(container)
        lead_bytes = 0
        for packet in packets:
            unit = reader.read(packet)
            if unit is not None and unit.is_start_point:
                if reader.can_begin:
                    yield unit
                    break
                self._why_empty = (
                    f"{self._path} has no parameter sets (SPS and PPS), neither in its header nor in the stream: "
                    f"no player could decode it ({ALLOWED})"
                )
            lead_bytes += packet.size
            if lead_bytes > MAX_LEAD_BYTES:
                return
        for packet in packets:
            unit = reader.read(packet)
            if unit is not None:
                yield unit

    def _packets(self, container: av.container.InputContainer) -> "Iterator[_Packet]":
        """Yield the packets; after a place that cannot be read go on behind it, as long as the container can."""
        stream = next((each for each in container.streams.video if each.index == self.format.stream_index), None)
        if stream is None:
            self._why_empty = f"{self._path} has changed: its H.264 is not where it was"
            return
        for _ in range(MAX_READ_ERRORS):
            try:
                yield from container.demux(stream)
            except av.FFmpegError as error:
                self._why_empty = f"{self._path} cannot be read to its end: {error.strerror}"
                self.findings.discard("error", str(error.strerror))
            else:
                return


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


def _counted(units: Iterable[AccessUnit], numbers: Iterator[int], least: int) -> Iterator[AccessUnit]:
    """Number the frames of a raw file: a stamp is a frame, and a pass has at least so many."""
    frames = 0
    for unit in units:
        frames += 1
        unit.decode_stamp, unit.presentation_stamp, unit.stamps_long = next(numbers), None, 1
        yield unit
    for _ in range(frames, least):
        next(numbers)


def _with_decode_stamps(units: Iterable[AccessUnit], frame_stamps: int) -> Iterator[AccessUnit]:
    """Fill in missing decode times: in Matroska the first frames lack them when frames are reordered."""
    held: list[AccessUnit] = []
    following: int | None = None
    for unit in units:
        if unit.decode_stamp is None:
            if following is None:
                held.append(unit)
                continue
            unit.decode_stamp = following
        if held:
            yield from _stamped_backwards(held, unit.decode_stamp, frame_stamps)
            held.clear()
        following = unit.decode_stamp + (unit.stamps_long or frame_stamps)
        yield unit
    yield from _stamped_backwards(held, len(held) * frame_stamps, frame_stamps)


def _stamped_backwards(held: list[AccessUnit], next_decode_stamp: int, frame_stamps: int) -> Iterator[AccessUnit]:
    for unit, frames_before in zip(held, range(len(held), 0, -1), strict=True):
        unit.decode_stamp = next_decode_stamp - frames_before * frame_stamps
        yield unit
