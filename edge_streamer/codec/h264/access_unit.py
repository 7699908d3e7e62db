"""What of an H.264 access unit is sent to viewers (ITU-T H.264 7.4.1.2).

Called by `media.Stream` once per frame, after `split_access_unit` and `update_parameter_sets`; the packetizer takes
what comes out. No slice is read and nothing is copied.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from edge_streamer.codec.h264.nal import PARAMETER_SETS, SLICES, TYPE_MASK, NalType, NalUnit, nal_type
from edge_streamer.codec.h264.parameter_sets import ParameterSets

_SENT: Final = frozenset(range(1, 24)) - {
    NalType.ACCESS_UNIT_DELIMITER,
    NalType.END_OF_SEQUENCE,
    NalType.END_OF_STREAM,
    NalType.FILLER,
}
"""H.264 leaves 0 and 24 to 31 unspecified, and RTP uses them for its packet types (RFC 6184 5.2, table 1)."""


def prepare_access_unit(
    nal_units: Iterable[NalUnit], known: ParameterSets | None, *, is_key_frame: bool = False
) -> list[NalUnit]:
    """Return the NAL units of an access unit that are sent to viewers; none when it holds no slice.

    Delimiters, end marks and filler stay behind, SEI is kept. A unit where viewers may start, which is one with an IDR
    slice or one that the source calls a key frame (intra refresh has no IDR), begins with every known SPS, then PPS,
    each once, whether or not the encoder repeated them. `known` are the sets in force once this unit was seen.
    """
    sent = [nal for nal in nal_units if nal[0] & TYPE_MASK in _SENT]
    kinds = {nal[0] & TYPE_MASK for nal in sent}
    if kinds.isdisjoint(SLICES):
        return []
    if known is None or not (is_key_frame or NalType.IDR_SLICE in kinds):
        return sent
    return [
        *_united(known.sps, sent, NalType.SPS),
        *_united(known.pps, sent, NalType.PPS),
        *(nal for nal in sent if nal[0] & TYPE_MASK not in PARAMETER_SETS),
    ]


def _united(known: Sequence[bytes], nal_units: Sequence[NalUnit], kind: NalType) -> list[NalUnit]:
    return [*known, *(nal for nal in nal_units if nal_type(nal) == kind and nal not in known)]
