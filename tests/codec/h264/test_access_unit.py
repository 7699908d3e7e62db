"""Splitting access units, keeping parameter sets, and preparing what is sent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_streamer.codec.h264.access_unit import (
    NalType,
    ParameterSets,
    nal_type,
    prepare_access_unit,
    split_access_unit,
    update_parameter_sets,
)
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
FILLER = b"\x0c\xff\xff\x80"
END_OF_SEQUENCE = b"\x0a"
END_OF_STREAM = b"\x0b"


class TestSplitAccessUnit:
    @pytest.mark.parametrize(
        ("data", "nal_units"),
        [
            (b"", []),
            (b"\x41\x9a", []),
            (b"\x00\x00\x01", []),
            (b"\x00\x00\x00\x01", []),
            (b"\x00\x00\x00\x00\x00", []),
            (b"\x00\x00\x01\x41", [b"\x41"]),
            (b"\x00\x00\x00\x01\x41\x9a", [b"\x41\x9a"]),
            (b"\xff\x00\x00\x01\x41", [b"\x41"]),
            (b"\x00\x00\x00\x00\x00\x01\x41", [b"\x41"]),
            (b"\x00\x00\x01\x41\x00", [b"\x41"]),
            (b"\x00\x00\x01\x41\x00\x00\x00\x00\x00", [b"\x41"]),
            (b"\x00\x00\x01\x41\x00\x00\x01\x42", [b"\x41", b"\x42"]),
            (b"\x00\x00\x01\x41\x00\x00\x00\x01\x42", [b"\x41", b"\x42"]),
            (b"\x00\x00\x01\x41\x00\x00\x00\x00\x00\x01\x42", [b"\x41", b"\x42"]),
            (b"\x00\x00\x01\x00\x00\x01\x42", [b"\x42"]),
            (b"\x00\x00\x01\x00\x00\x00\x01\x42", [b"\x42"]),
            (b"\x00\x00\x01\x00\x00\x00\x00\x01\x42", [b"\x42"]),
            (b"\x00\x00\x01\x41\x00\x00\x03\x01", [b"\x41\x00\x00\x03\x01"]),
            (b"\x00\x00\x01\x41\x00\x01\x00\x00\x02", [b"\x41\x00\x01\x00\x00\x02"]),
        ],
    )
    def test_finds_the_nal_units(self, data: bytes, nal_units: list[bytes]) -> None:
        assert split_access_unit(data) == nal_units

    def test_copies_nothing(self) -> None:
        data = annex_b([SPS, PPS, IDR])
        assert all(nal.obj is data for nal in split_access_unit(data))

    @given(st.lists(st.binary(max_size=20)), st.lists(st.sampled_from([b"\0\0\1", b"\0\0\0\1", b"\0\0\0\0\0\1"])))
    def test_any_bytes_give_nal_units_that_need_no_start_code(self, chunks: list[bytes], codes: list[bytes]) -> None:
        data = b"".join(piece for pair in zip(codes, chunks, strict=False) for piece in pair)
        for nal in map(bytes, split_access_unit(data)):
            assert nal
            assert b"\x00\x00\x01" not in nal
            assert not nal.endswith(b"\x00")

    @given(st.lists(st.binary(min_size=1).filter(lambda nal: nal[-1] and b"\0\0\1" not in nal and nal[:2] != b"\0\1")))
    def test_puts_back_what_was_put_together(self, nal_units: list[bytes]) -> None:
        assert split_access_unit(annex_b(nal_units)) == nal_units


def test_nal_type_ignores_importance_and_the_forbidden_bit() -> None:
    assert [nal_type(bytes([first])) for first in (0x65, 0x25, 0xE5)] == [NalType.IDR_SLICE] * 3


class TestParameterSets:
    def test_speak_sdp(self) -> None:
        parameter_sets = ParameterSets((SPS,), (PPS, PPS_1))
        assert parameter_sets.profile_level_id == "42C00D"
        assert parameter_sets.sprop == "Z0LADdoFBmhAAAADAEAAAA8jxQqo,aM48gA==,aFo8gA=="

    def test_know_the_picture(self) -> None:
        video_format = ParameterSets((SPS,), (PPS,)).video_format
        assert (video_format.width, video_format.height, video_format.max_fps) == (320, 192, 30.0)

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


class TestPrepareAccessUnit:
    KNOWN = ParameterSets((SPS,), (PPS, PPS_1))

    @pytest.mark.parametrize(
        "nal_units",
        [
            [IDR],
            [SEI, IDR],
            [SPS, PPS, PPS_1, IDR],
            [SEI, SPS, PPS, PPS_1, IDR],
            [SPS, PPS, SEI, IDR],
            [PPS_1, SPS, IDR],
            [AUD, SPS, PPS, PPS_1, IDR, IDR],
        ],
    )
    def test_an_idr_begins_with_each_parameter_set_once(self, nal_units: list[bytes]) -> None:
        rest = [nal for nal in nal_units if nal in (SEI, IDR)]
        assert prepare_access_unit(nal_units, self.KNOWN) == [SPS, PPS, PPS_1, *rest]

    def test_takes_views_as_well_as_bytes(self) -> None:
        nal_units = split_access_unit(annex_b([AUD, SPS, SEI, IDR]))
        assert prepare_access_unit(nal_units, self.KNOWN) == [SPS, PPS, PPS_1, SEI, IDR]

    def test_a_parameter_set_that_was_not_learned_is_still_sent(self) -> None:
        assert prepare_access_unit([OTHER_PPS, IDR], self.KNOWN) == [SPS, PPS, PPS_1, OTHER_PPS, IDR]

    def test_other_pictures_are_left_as_they_are(self) -> None:
        nal_units = [SEI, PPS, P_SLICE, P_SLICE]
        assert prepare_access_unit(nal_units, self.KNOWN) == nal_units

    def test_a_key_frame_by_intra_refresh_gets_parameter_sets_too(self) -> None:
        assert prepare_access_unit([P_SLICE], self.KNOWN, is_key_frame=True) == [SPS, PPS, PPS_1, P_SLICE]

    def test_an_idr_without_known_parameter_sets_is_sent_as_it_is(self) -> None:
        assert prepare_access_unit([AUD, SPS, IDR], None) == [SPS, IDR]

    def test_delimiters_end_marks_and_filler_stay_behind(self) -> None:
        nal_units = [AUD, SEI, P_SLICE, FILLER, END_OF_SEQUENCE, END_OF_STREAM]
        assert prepare_access_unit(nal_units, self.KNOWN) == [SEI, P_SLICE]

    @pytest.mark.parametrize("kind", [0, *range(24, 32)])
    def test_types_that_mean_packets_in_rtp_stay_behind(self, kind: int) -> None:
        assert prepare_access_unit([P_SLICE, bytes([0x60 | kind, 1])], self.KNOWN) == [P_SLICE]

    @pytest.mark.parametrize("nal_units", [[], [AUD], [FILLER], [SPS, PPS], [SEI], [AUD, SPS, PPS, END_OF_STREAM]])
    def test_what_holds_no_slice_is_not_sent(self, nal_units: list[bytes]) -> None:
        assert prepare_access_unit(nal_units, self.KNOWN, is_key_frame=True) == []
