"""Selects the NAL units of an H.264 access unit that are sent to viewers (ITU-T H.264 7.4.1.2).

`media.track.Track` calls `prepare_access_unit` once per frame, and the packetizer takes the result. No slice is read,
and only new parameter sets are copied.
"""

from collections.abc import Callable, Sequence
from typing import Final

from edge_streamer.codec.h264.nal import PARAMETER_SETS, SLICES, TYPE_MASK, NalType, NalUnit, split_access_unit
from edge_streamer.codec.h264.parameter_sets import ParameterSets, update_parameter_sets

_SPS, _PPS = NalType.SPS.value, NalType.PPS.value  # plain ints: a comparison with an enum member takes 100 ns longer
_SENT: Final = frozenset(range(1, 24)) - {
    NalType.ACCESS_UNIT_DELIMITER,
    NalType.END_OF_SEQUENCE,
    NalType.END_OF_STREAM,
    NalType.FILLER,
}
"""H.264 leaves 0 and 24 to 31 unspecified, and RTP uses them for its packet types (RFC 6184 5.2, table 1)."""


def prepare_access_unit(
    data: bytes,
    known: ParameterSets | None,
    *,
    is_key_frame: bool = False,
    rewrite_sps: Callable[[NalUnit], NalUnit] | None = None,
) -> tuple[list[NalUnit], ParameterSets | None]:
    """Return the NAL units of an Annex B access unit that are sent to viewers, none when it holds no slice, and the
    parameter sets in force after it: `known` itself when the access unit changes nothing.

    Delimiters, end marks and filler are dropped, SEI is kept. Viewers may start at an access unit that has an IDR slice
    or that the source calls a key frame (intra refresh has no IDR): it begins with every SPS in force, then every PPS,
    each once, whether or not the encoder repeated them. Each SPS is replaced by what `rewrite_sps` returns for it.
    """
    nal_units = split_access_unit(data)
    kinds = [nal[0] & TYPE_MASK for nal in nal_units]
    if rewrite_sps is not None and _SPS in kinds:
        nal_units = [rewrite_sps(nal) if kind == _SPS else nal for nal, kind in zip(nal_units, kinds, strict=True)]
    parameter_sets = known if PARAMETER_SETS.isdisjoint(kinds) else update_parameter_sets(known, nal_units)
    if SLICES.isdisjoint(kinds):
        return [], parameter_sets
    if not _SENT.issuperset(kinds):
        nal_units = [nal for nal, kind in zip(nal_units, kinds, strict=True) if kind in _SENT]
    if parameter_sets is None or not (is_key_frame or NalType.IDR_SLICE in kinds):
        return nal_units, parameter_sets
    return _with_parameter_sets(nal_units, parameter_sets), parameter_sets


def _with_parameter_sets(nal_units: Sequence[NalUnit], known: ParameterSets) -> list[NalUnit]:
    """Parameter sets whose id cannot be read are not stored, but still sent."""
    return [
        *known.sps,
        *[nal for nal in nal_units if nal[0] & TYPE_MASK == _SPS and nal not in known.sps],
        *known.pps,
        *[nal for nal in nal_units if nal[0] & TYPE_MASK == _PPS and nal not in known.pps],
        *[nal for nal in nal_units if nal[0] & TYPE_MASK not in PARAMETER_SETS],
    ]
