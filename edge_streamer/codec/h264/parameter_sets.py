"""The parameter sets in force: those that a decoder needs before an IDR (ITU-T H.264 7.4.1.2.1, RFC 6184 8.1).

A `ParameterSetStore` is fed by each frame of a stream: by the server's `media.track` for all viewers, and by sources
for what they pass on and for snapshots.
"""

from base64 import b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from edge_streamer.codec.h264.nal import PARAMETER_SETS, TYPE_MASK, NalType, NalUnit, nal_type
from edge_streamer.codec.h264.sps import (
    MAX_PARAMETER_SET_BYTES,
    VideoFormat,
    parse_sps,
    pps_id,
    pps_id_of_slice,
    sps_id,
    sps_id_of_pps,
)

MAX_STORE_BYTES: Final = 4 * MAX_PARAMETER_SET_BYTES
"""Of all sets of a stream together, as they are sent before every start point; a hundred bytes is usual."""


@dataclass(frozen=True, slots=True)
class ParameterSets:
    """The parameter sets that a decoder needs before an IDR: at least one of each kind. The first SPS is the one
    that the picture uses."""

    sps: tuple[bytes, ...]
    pps: tuple[bytes, ...]

    def __post_init__(self) -> None:
        if not self.sps or not self.pps:
            raise ValueError(f"{len(self.sps)} SPS and {len(self.pps)} PPS: a decoder needs both")

    @property
    def profile_level_id(self) -> str:
        """Six hexadecimal digits for SDP, of the first SPS (RFC 6184 8.1)."""
        return self.sps[0][1:4].hex().upper()

    @property
    def sprop(self) -> str:
        """`sprop-parameter-sets` for SDP (RFC 6184 8.1)."""
        return ",".join(b64encode(parameter_set).decode("ascii") for parameter_set in self.sps + self.pps)

    @property
    def video_format(self) -> VideoFormat:
        """The picture format that the first SPS states; ValueError when the SPS is broken behind its id."""
        return parse_sps(self.sps[0])


@dataclass(frozen=True, slots=True)
class _Stored:
    received: bytes
    sent: bytes  # what viewers get: another form of `received` where the store rewrites SPS
    sps_id: int  # its own, or that of the SPS that a PPS refers to


class ParameterSetStore:
    """The parameter sets of one stream by id (ITU-T H.264 7.4.1.2.1), fed by every NAL unit in order.

    SPS and PPS may come in any order, in access units of their own, each alone: a set stays until another of its kind
    and id replaces it. `in_force` is None until both kinds are known; it is the same object until a set changes, so
    that callers compare with `is`. A set that came again unchanged is compared and not copied.

    A set is ignored when it is too long, when its id cannot be read, or when the store would exceed `MAX_STORE_BYTES`.
    `rewrite_sps` is called once for each new SPS and returns the form that viewers get, in `in_force` and in band.
    """

    __slots__ = ("_active_sps_id", "_changed", "_pps", "_rewrite_sps", "_sps", "in_force")

    def __init__(self, rewrite_sps: Callable[[bytes], bytes] = bytes) -> None:
        self.in_force: ParameterSets | None = None
        self._rewrite_sps = rewrite_sps
        self._sps: dict[int, _Stored] = {}
        self._pps: dict[int, _Stored] = {}
        self._active_sps_id: int | None = None
        self._changed: dict[tuple[int, int], bytes] = {}  # by kind and id, so it is never more than what is stored

    def take(self, nal_units: Iterable[NalUnit]) -> ParameterSets | None:
        """Store the parameter sets among the NAL units of an access unit, which may be all of them, and return
        `in_force`."""
        has_changed = False
        for nal in nal_units:
            if nal[0] & TYPE_MASK in PARAMETER_SETS and self.sent_form(nal) is None:
                has_changed |= self._store(bytes(nal))
        if has_changed:
            self._renew()
        return self.in_force

    def sent_form(self, nal: NalUnit) -> bytes | None:
        """Return what viewers get for a parameter set that is stored just as `nal` is; None when it is not stored."""
        stored = self._sps if nal[0] & TYPE_MASK == NalType.SPS else self._pps
        for each in stored.values():
            if nal == each.received:
                return each.sent
        return None

    def has_replaced(self, nal: NalUnit) -> bool:
        """Return whether another set than `nal` is stored with its kind and id."""
        if self.sent_form(nal) is not None:
            return False
        try:
            of_kind, number, _sps_id = self._place_of(bytes(nal))
        except ValueError:
            return False
        return number in of_kind

    def take_changes(self) -> list[bytes]:
        """Return the sets that changed since the last call, as viewers get them: those of access units without a slice,
        which are not sent themselves, go before the next slice. Of a set that changed more than once, the last form."""
        changed = list(self._changed.values())
        self._changed.clear()
        return changed

    def activate(self, slice_nal: NalUnit) -> None:
        """Put the SPS that a start point's slice refers to in front of `in_force`: an encoder that was set up anew may
        use another id, and the older SPS stays stored."""
        if len(self._sps) < 2:  # as in nearly every stream: no slice is read
            return
        try:
            pps = self._pps.get(pps_id_of_slice(slice_nal))
        except ValueError:
            return
        if pps is not None and pps.sps_id in self._sps and pps.sps_id != self._active_sps_id:
            self._active_sps_id = pps.sps_id
            self._renew()

    def clear(self) -> None:
        """Forget everything: the source is given up."""
        self._sps.clear()
        self._pps.clear()
        self._changed.clear()
        self._active_sps_id = self.in_force = None

    def _place_of(self, received: bytes) -> tuple[dict[int, _Stored], int, int]:
        """Return where a parameter set is stored, its id, and its SPS's; ValueError when it holds none."""
        if nal_type(received) == NalType.SPS:
            number = sps_id(received)
            return self._sps, number, number
        return self._pps, pps_id(received), sps_id_of_pps(received)

    def _store(self, received: bytes) -> bool:
        """Store a parameter set in place of the one with its id; return whether it is stored."""
        try:
            of_kind, number, of_sps = self._place_of(received)
        except ValueError:
            return False
        replaced_bytes = len(of_kind[number].received) if number in of_kind else 0
        stored_bytes = sum(len(each.received) for each in (*self._sps.values(), *self._pps.values()))
        if stored_bytes - replaced_bytes + len(received) > MAX_STORE_BYTES:
            return False
        sent = self._rewrite_sps(received) if of_kind is self._sps else received
        of_kind[number] = _Stored(received, sent, of_sps)
        self._changed[nal_type(received), number] = sent
        return True

    def _renew(self) -> None:
        """A PPS counts when its SPS is known: a decoder refuses any other. If none counts, the SPS is still to come."""
        by_use = sorted(self._sps.items(), key=lambda item: item[0] != self._active_sps_id)
        sps = tuple(stored.sent for _id, stored in by_use)
        pps = tuple(stored.sent for stored in self._pps.values() if stored.sps_id in self._sps)
        if sps and pps and (updated := ParameterSets(sps, pps)) != self.in_force:
            self.in_force = updated
