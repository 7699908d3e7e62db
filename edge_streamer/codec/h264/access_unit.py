"""H.264 access units as encoders write them: Annex B NAL units and parameter sets (ITU-T H.264 7.3.1, 7.4.1.2, B.1).

Called by `media.Stream` once per frame, in this order: `split_access_unit`, `update_parameter_sets`,
`prepare_access_unit`; the packetizer takes what comes out. No slice is read and nothing is copied but parameter sets.
"""

from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, TypeAlias

from edge_streamer.codec.h264.sps import VideoFormat, parse_sps, pps_id, sps_id

NalUnit: TypeAlias = memoryview | bytes
"""A NAL unit without its start code, never empty."""


class NalType(IntEnum):
    """nal_unit_type of ITU-T H.264 table 7-1."""

    SLICE = 1
    PARTITION_A = 2
    PARTITION_B = 3
    PARTITION_C = 4
    IDR_SLICE = 5
    SEI = 6
    SPS = 7
    PPS = 8
    ACCESS_UNIT_DELIMITER = 9
    END_OF_SEQUENCE = 10
    END_OF_STREAM = 11
    FILLER = 12


_START_CODE: Final = b"\x00\x00\x01"
_SLICES: Final = frozenset(range(NalType.SLICE, NalType.IDR_SLICE + 1))
_PARAMETER_SETS: Final = frozenset((NalType.SPS, NalType.PPS))
_SENT: Final = frozenset(range(1, 24)) - {
    NalType.ACCESS_UNIT_DELIMITER,
    NalType.END_OF_SEQUENCE,
    NalType.END_OF_STREAM,
    NalType.FILLER,
}
"""0 and 24 to 31 are nobody's in H.264, and in RTP they mean kinds of packets (RFC 6184 5.2, table 1)."""


def nal_type(nal: NalUnit) -> int:
    """Return nal_unit_type, 0 to 31 (ITU-T H.264 7.3.1)."""
    return nal[0] & 0x1F


def split_access_unit(data: bytes) -> list[memoryview]:
    """Return the NAL units of an Annex B access unit, in order, as views on `data` (ITU-T H.264 B.1).

    Start codes may have three or four bytes, and zeros may surround them. What precedes the first is ignored, and so
    is a NAL unit without a byte.
    """
    find = data.find
    view = memoryview(data)
    nal_units = []
    start_code = find(_START_CODE)
    while start_code >= 0:
        start = start_code + 3
        start_code = find(_START_CODE, start)
        end = _end_without_zeros(data, start, start_code if start_code >= 0 else len(data))
        if end > start:
            nal_units.append(view[start:end])
    return nal_units


def _end_without_zeros(data: bytes, start: int, end: int) -> int:
    """A NAL unit never ends in a zero byte (7.4.1): these are the next start code's first, or trailing_zero_8bits."""
    if end > start and data[end - 1] == 0:
        end -= 1
        if end > start and data[end - 1] == 0:
            return start + len(data[start:end].rstrip(b"\x00"))  # copies: only stuffing comes here
    return end


@dataclass(frozen=True, slots=True)
class ParameterSets:
    """The parameter sets that a decoder needs before an IDR: at least one of each kind, in order of appearance."""

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
        """What the first SPS says of the picture; ValueError when it is broken beyond its id."""
        return parse_sps(self.sps[0])


def update_parameter_sets(known: ParameterSets | None, nal_units: Iterable[NalUnit]) -> ParameterSets | None:
    """Return the parameter sets in force once an access unit was seen; None until both kinds are known.

    A set replaces that of the same id, and a changed SPS that comes with PPSs replaces everything known. A set too long
    or too broken to have an id is ignored. `known` itself is returned when nothing changed, so `is` tells.
    """
    found = [bytes(nal) for nal in nal_units if nal[0] & 0x1F in _PARAMETER_SETS]
    if known is not None and all(nal in known.sps or nal in known.pps for nal in found):
        return known
    sps = _by_id(sps_id, (nal for nal in found if nal_type(nal) == NalType.SPS))
    pps = _by_id(pps_id, (nal for nal in found if nal_type(nal) == NalType.PPS))
    if known is not None and (not pps or all(nal in known.sps for nal in sps.values())):
        sps = _by_id(sps_id, known.sps) | sps
        pps = _by_id(pps_id, known.pps) | pps
    if not sps or not pps:
        return None
    updated = ParameterSets(tuple(sps.values()), tuple(pps.values()))
    return known if updated == known else updated


def _by_id(read_id: Callable[[bytes], int], parameter_sets: Iterable[bytes]) -> dict[int, bytes]:
    by_id = {}
    for parameter_set in parameter_sets:
        try:
            by_id[read_id(parameter_set)] = parameter_set
        except ValueError:
            continue
    return by_id


def prepare_access_unit(
    nal_units: Iterable[NalUnit], known: ParameterSets | None, *, is_key_frame: bool = False
) -> list[NalUnit]:
    """Return the NAL units of an access unit that are sent to viewers; none when it holds no slice.

    Delimiters, end marks and filler stay behind, SEI is kept. A unit where viewers may start, which is one with an IDR
    slice or one that the source calls a key frame (intra refresh has no IDR), begins with every known SPS, then PPS,
    each once, whether or not the encoder repeated them. `known` are the sets in force once this unit was seen.
    """
    sent = [nal for nal in nal_units if nal[0] & 0x1F in _SENT]
    kinds = {nal[0] & 0x1F for nal in sent}
    if kinds.isdisjoint(_SLICES):
        return []
    if known is None or not (is_key_frame or NalType.IDR_SLICE in kinds):
        return sent
    return [
        *_united(known.sps, sent, NalType.SPS),
        *_united(known.pps, sent, NalType.PPS),
        *(nal for nal in sent if nal[0] & 0x1F not in _PARAMETER_SETS),
    ]


def _united(known: Sequence[bytes], nal_units: Sequence[NalUnit], kind: NalType) -> list[NalUnit]:
    return [*known, *(nal for nal in nal_units if nal_type(nal) == kind and nal not in known)]
