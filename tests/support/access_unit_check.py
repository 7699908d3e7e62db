"""An access unit of any bytes through all that reads H.264: what the fuzz target and its corpus share.

Nothing is raised but what is documented: ValueError for a parameter set, TornPictureError for a buffer.
"""

from contextlib import suppress

from edge_streamer.codec.h264.access_unit import prepare_access_unit
from edge_streamer.codec.h264.nal import NalType, nal_type, split_access_unit
from edge_streamer.codec.h264.picture_order import pictures_without_times
from edge_streamer.codec.h264.sps import parse_sps
from edge_streamer.codec.h264.sps_rewrite import without_reordering
from edge_streamer.codec.h264.unit_reader import AccessUnitReader, TornPictureError

_START_CODE = b"\0\0\0\1"


def check_access_unit(data: bytes) -> None:
    """Assert what holds for any bytes; raises nothing else but for a fault of ours."""
    nal_units = split_access_unit(data)
    assert all(len(nal) and nal[-1] for nal in nal_units), "a NAL unit never ends in a zero byte"
    assert split_access_unit(b"".join(_START_CODE + bytes(nal) for nal in nal_units)) == nal_units
    for nal in nal_units:
        if nal_type(nal) == NalType.SPS:
            _check_rewrite(bytes(nal))
            with suppress(ValueError):
                found = parse_sps(bytes(nal))
                assert found.width > 0
                assert found.height > 0
    sent, known = prepare_access_unit(data, None)
    assert prepare_access_unit(data, known)[1] is known, "what is known already changes nothing"
    if sent and known is not None and NalType.IDR_SLICE in map(nal_type, sent):
        assert bytes(sent[0]) == known.sps[0], "a viewer starts with the parameter sets"
    pictures_without_times([data])
    reader = AccessUnitReader()
    for _ in range(2):  # the second time it knows the parameter sets of the first
        with suppress(TornPictureError):
            reader.read(data)


def _check_rewrite(sps: bytes) -> None:
    rewritten = without_reordering(sps)
    assert without_reordering(rewritten) == rewritten
    assert split_access_unit(_START_CODE + rewritten) == [rewritten], "no start code in it, no zero at its end"
    if rewritten != sps:
        assert parse_sps(rewritten) == parse_sps(sps)
