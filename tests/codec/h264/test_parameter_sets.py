"""The parameter sets in force: learned, replaced, and written as SDP wants them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_streamer.codec.h264.nal import split_access_unit
from edge_streamer.codec.h264.parameter_sets import ParameterSets, update_parameter_sets
from edge_streamer.codec.h264.sps import MAX_PARAMETER_SET_BYTES
from tests.support.rtsp.h264_depacketizer import annex_b

SPS = bytes.fromhex("6742c00dda05066840000003004000000f23c50aa8")  # 320 x 192 at 30 fps, level 1.3, id 0
OTHER_SPS = bytes.fromhex("6742c01fda05066840000003004000000f23c50aa8")  # the same at level 3.1
SPS_1 = bytes.fromhex("6742c00d") + b"\x5a\x05"  # id 1
PPS = b"\x68\xce\x3c\x80"  # id 0, of SPS 0
OTHER_PPS = b"\x68\xce\x38\x80"
PPS_1 = b"\x68\x5a\x3c\x80"  # id 1
SEI = b"\x06\x05\x01\xaa\x80"
IDR = b"\x65\x88\x84\x21"
P_SLICE = b"\x41\x9a\x02\x11"
AUD = b"\x09\xf0"


class TestParameterSets:
    def test_speak_sdp(self) -> None:
        parameter_sets = ParameterSets((SPS,), (PPS, PPS_1))
        assert parameter_sets.profile_level_id == "42C00D"
        assert parameter_sets.sprop == "Z0LADdoFBmhAAAADAEAAAA8jxQqo,aM48gA==,aFo8gA=="

    def test_know_the_picture(self) -> None:
        video_format = ParameterSets((SPS,), (PPS,)).video_format
        assert (video_format.width, video_format.height, video_format.profile_idc) == (320, 192, 66)

    @pytest.mark.parametrize(("sps", "pps"), [((), (PPS,)), ((SPS,), ())])
    def test_are_never_incomplete(self, sps: tuple[bytes, ...], pps: tuple[bytes, ...]) -> None:
        with pytest.raises(ValueError, match="a decoder needs both"):
            ParameterSets(sps, pps)


class TestUpdateParameterSets:
    KNOWN = ParameterSets((SPS,), (PPS, PPS_1))

    @pytest.mark.parametrize("nal_units", [[], [SPS], [PPS], [P_SLICE], [b"\x67\x42", PPS], [SPS, b"\x68"]])
    def test_nothing_is_known_before_both_kinds_came(self, nal_units: list[bytes]) -> None:
        assert update_parameter_sets(None, nal_units) is None

    def test_learns_from_a_key_frame(self) -> None:
        nal_units = split_access_unit(annex_b([AUD, SPS, PPS, PPS_1, SEI, IDR]))
        learned = update_parameter_sets(None, nal_units)
        assert learned == self.KNOWN
        assert all(type(parameter_set) is bytes for parameter_set in learned.sps + learned.pps)

    @pytest.mark.parametrize(
        "nal_units", [[], [P_SLICE], [IDR], [SPS, PPS, PPS_1, IDR], [SPS, IDR], [PPS_1], [b"\x67\x42"], [b"\x68"]]
    )
    def test_returns_the_same_object_when_nothing_changed(self, nal_units: list[bytes]) -> None:
        assert update_parameter_sets(self.KNOWN, nal_units) is self.KNOWN

    @pytest.mark.parametrize(
        ("nal_units", "sps", "pps"),
        [
            ([OTHER_PPS], (SPS,), (OTHER_PPS, PPS_1)),  # the same id: replaced
            ([SPS, OTHER_PPS], (SPS,), (OTHER_PPS, PPS_1)),
            ([OTHER_SPS], (OTHER_SPS,), (PPS, PPS_1)),
            ([SPS_1], (SPS, SPS_1), (PPS, PPS_1)),  # another id: added
            ([OTHER_SPS, PPS], (OTHER_SPS,), (PPS,)),  # an encoder set up anew: all is replaced
            ([SPS_1, PPS_1], (SPS_1,), (PPS_1,)),
        ],
    )
    def test_takes_what_changed(self, nal_units: list[bytes], sps: tuple[bytes, ...], pps: tuple[bytes, ...]) -> None:
        assert update_parameter_sets(self.KNOWN, nal_units) == ParameterSets(sps, pps)

    def test_ignores_parameter_sets_that_are_too_long(self) -> None:
        stuffed = SPS + b"\xff" * MAX_PARAMETER_SET_BYTES
        assert update_parameter_sets(None, [stuffed, PPS]) is None

    @given(st.lists(st.binary(min_size=1, max_size=40), max_size=8))
    def test_any_bytes_leave_it_complete(self, nal_units: list[bytes]) -> None:
        seven_or_eight = [bytes([0x67 + nal[0] % 2]) + nal[1:] for nal in nal_units]
        assert update_parameter_sets(self.KNOWN, seven_or_eight) is not None
