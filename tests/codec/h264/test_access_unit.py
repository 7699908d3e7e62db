"""What of an access unit is sent to viewers."""

import pytest

from edge_streamer.codec.h264.access_unit import prepare_access_unit
from edge_streamer.codec.h264.nal import split_access_unit
from edge_streamer.codec.h264.parameter_sets import ParameterSets
from tests.support.rtsp.h264_depacketizer import annex_b

SPS = bytes.fromhex("6742c00dda05066840000003004000000f23c50aa8")  # 320 x 192 at 30 fps, level 1.3, id 0
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
