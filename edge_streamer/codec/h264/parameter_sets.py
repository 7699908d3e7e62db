"""The parameter sets in force: those that a decoder needs before an IDR (ITU-T H.264 7.4.1.2.1, RFC 6184 8.1).

Called for each frame; only new parameter sets are copied.
"""

from base64 import b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from edge_streamer.codec.h264.nal import PARAMETER_SETS, TYPE_MASK, NalType, NalUnit, nal_type
from edge_streamer.codec.h264.sps import VideoFormat, parse_sps, pps_id, sps_id


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
        """The picture format that the first SPS states; ValueError when the SPS is broken behind its id."""
        return parse_sps(self.sps[0])


def update_parameter_sets(known: ParameterSets | None, nal_units: Iterable[NalUnit]) -> ParameterSets | None:
    """Return the parameter sets in force after an access unit; None until both kinds are known.

    A set replaces the set of the same id, and a changed SPS that comes with PPSs replaces all known sets. A set that is
    too long, or whose id cannot be read, is ignored. Without a change `known` itself is returned, so that callers
    compare with `is`.
    """
    found = [bytes(nal) for nal in nal_units if nal[0] & TYPE_MASK in PARAMETER_SETS]
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
