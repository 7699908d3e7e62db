"""The packets of a container as access units in Annex B form; a bad one is left out, counted, and ends nothing.

What is read of an access unit are the types of its NAL units and, in interlaced video, the header of its first slice.
FFmpeg's own filter for this is not used: it puts the container's parameter sets before an IDR even where the stream has
replaced them since. No clock and no file; `clip` calls it for each packet.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypeAlias

import av
import msgspec

from edge_streamer.codec.frame import MAX_ACCESS_UNIT_BYTES
from edge_streamer.codec.h264.length_prefixed import split_sample
from edge_streamer.codec.h264.nal import (
    PARAMETER_SETS,
    SLICES,
    TYPE_MASK,
    NalType,
    NalUnit,
    annex_b,
    units_before_slice,
)
from edge_streamer.codec.h264.parameter_sets import ParameterSetStore
from edge_streamer.codec.h264.picture_order import WITH_SLICE_HEADER, SliceHeader, is_second_field, read_slice_header
from edge_streamer.codec.h264.sps import SliceSyntax
from edge_streamer.codec.h264.start_points import marks_recovery_point
from edge_streamer.sources.file.findings import Findings
from edge_streamer.sources.file.timeline import Order

if TYPE_CHECKING:  # PyAV 14 (Debian trixie) has the class, but not yet as a generic
    Packet: TypeAlias = av.Packet[av.VideoStream]

_IDR, _SEI, _SPS = NalType.IDR_SLICE.value, NalType.SEI.value, NalType.SPS.value


class AccessUnit(msgspec.Struct, gc=False):
    """One picture, or both fields of one, with the stamps of its packet; `stamps_long` is its duration, 0 if unknown.

    `field` is the slice header of a picture that is one field.
    """

    data: bytes
    is_start_point: bool
    order: Order
    decode_stamp: int | None
    presentation_stamp: int | None
    stamps_long: int
    field: SliceHeader | None


class AccessUnitReader:
    """Reads the packets of one pass, in order. A start point carries the parameter sets in force. Sets that come behind
    a picture, or in a packet of their own, belong to the next picture (ITU-T H.264 7.4.1.2.3) and go with it."""

    def __init__(self, length_bytes: int, container_sets: Iterable[bytes], findings: Findings) -> None:
        self._length_bytes = length_bytes
        self._findings = findings
        self._store = ParameterSetStore()
        self._held: list[NalUnit] = []  # parameter sets for the next picture
        self._syntax = SliceSyntax()
        self._order = Order.REORDERED
        self._take_sets(container_sets)

    @property
    def can_begin(self) -> bool:
        """Whether a decoder has had the parameter sets that it needs."""
        return self._store.in_force is not None

    @property
    def may_have_fields(self) -> bool:
        """Whether a picture may be a field, half of a frame."""
        return self._syntax.has_field_pic_flag

    def read(self, packet: "Packet") -> AccessUnit | None:
        """Return the packet's access unit; None for a packet without a picture, which is counted if it is bad."""
        nal_units = self._nal_units(packet)
        if nal_units is None:
            return None
        kinds = {nal[0] & TYPE_MASK for nal in nal_units}
        if self._held or not PARAMETER_SETS.isdisjoint(kinds):
            nal_units = self._in_order(nal_units)
            kinds = {nal[0] & TYPE_MASK for nal in nal_units}
            self._take_sets(nal_units)
        if SLICES.isdisjoint(kinds):
            if not self._held:
                self._findings.discard("torn", "there is no picture in it")
            return None
        is_idr = _IDR in kinds
        is_start = is_idr or (_SEI in kinds and marks_recovery_point(nal_units))
        if is_start and _SPS not in kinds and self._store.in_force is not None:
            nal_units = [*self._store.in_force.sps, *self._store.in_force.pps, *nal_units]
        field = self._field(nal_units) if self._syntax.has_field_pic_flag else None
        order = Order.AFTER_ALL if is_idr else self._order
        return AccessUnit(annex_b(nal_units), is_start, order, packet.dts, packet.pts, packet.duration or 0, field)

    def _nal_units(self, packet: "Packet") -> list[NalUnit] | None:
        """Return the packet's NAL units, of Annex B the slices as one; None when it holds none, or too much."""
        if packet.size > MAX_ACCESS_UNIT_BYTES:
            self._findings.discard("oversized", f"{packet.size} bytes (allowed: {MAX_ACCESS_UNIT_BYTES})")
            return None
        if not packet.size:
            if packet.dts is not None:  # the last packet has neither: its use is to flush a decoder
                self._findings.discard("empty", "0 bytes")
            return None
        if not self._length_bytes:
            data = bytes(packet)
            before, slice_type, start_code = units_before_slice(data)
            return [*before, memoryview(data)[start_code + 3 :]] if slice_type else before
        try:
            return split_sample(memoryview(packet), self._length_bytes)
        except ValueError as error:
            self._findings.discard("torn", str(error))
            return None

    def _in_order(self, nal_units: list[NalUnit]) -> list[NalUnit]:
        """Put the held parameter sets in front, and hold those behind the last slice."""
        nal_units = [*self._held, *nal_units]
        end = len(nal_units)
        while end and nal_units[end - 1][0] & TYPE_MASK in PARAMETER_SETS:
            end -= 1
        self._held = [bytes(nal) for nal in nal_units[end:]]
        return nal_units[:end]

    def _take_sets(self, nal_units: Iterable[NalUnit]) -> None:
        before = self._store.in_force
        known = self._store.take(nal_units)
        self._store.take_changes()  # they are in the access unit itself
        if known is None or known is before:
            return
        try:
            found = known.video_format
        except ValueError:
            return  # a set that cannot be read here may be one that a decoder can
        self._syntax = found.slice_syntax
        self._order = Order.REORDERED if found.may_reorder else Order.AS_CODED

    def _field(self, nal_units: list[NalUnit]) -> SliceHeader | None:
        for nal in nal_units:
            if nal[0] & TYPE_MASK in WITH_SLICE_HEADER:
                try:
                    header = read_slice_header(nal, self._syntax)
                except ValueError:
                    return None
                return None if header.structure == "frame" else header
        return None


def frames_of_fields(units: Iterable[AccessUnit], frame_stamps: int) -> Iterator[AccessUnit]:
    """Yield the access units, and two fields of one frame as one: it is shown, started at and decoded as a whole. It
    lasts as long as both, or `frame_stamps` where each of them is said to last as long as the frame."""
    held: AccessUnit | None = None  # a field whose partner has not come
    for unit in units:
        if held is not None:
            is_pair = unit.field is not None and held.field is not None and is_second_field(held.field, unit.field)
            if is_pair:
                held.data += unit.data
                held.stamps_long = min(held.stamps_long + unit.stamps_long, max(held.stamps_long, frame_stamps))
            yield held
            held = None
            if is_pair:
                continue
        if unit.field is None:
            yield unit
        else:
            held = unit
    if held is not None:
        yield held
