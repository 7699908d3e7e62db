"""What of an access unit is sent to viewers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_streamer.codec.h264.access_unit import prepare_access_unit
from edge_streamer.codec.h264.nal import NalUnit, nal_type
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


KNOWN = ParameterSets((SPS,), (PPS, PPS_1))


def sent(nal_units: list[bytes], known: ParameterSets | None = KNOWN, *, is_key_frame: bool = False) -> list[NalUnit]:
    return prepare_access_unit(annex_b(nal_units), known, is_key_frame=is_key_frame)[0]


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
def test_an_idr_begins_with_each_parameter_set_once(nal_units: list[bytes]) -> None:
    rest = [nal for nal in nal_units if nal in (SEI, IDR)]
    assert sent(nal_units) == [SPS, PPS, PPS_1, *rest]


def test_copies_no_slice() -> None:
    data = annex_b([AUD, SPS, SEI, IDR])
    nal_units, _parameter_sets = prepare_access_unit(data, KNOWN)
    assert nal_units == [SPS, PPS, PPS_1, SEI, IDR]
    assert all(isinstance(nal, memoryview) and nal.obj is data for nal in nal_units[-2:])


@pytest.mark.parametrize(
    ("unreadable", "prepared"),
    [
        (b"\x67\x42", [SPS, b"\x67\x42", PPS, PPS_1, IDR]),
        (b"\x68\x00\x01", [SPS, PPS, PPS_1, b"\x68\x00\x01", IDR]),
    ],
)
def test_a_parameter_set_that_was_not_learned_is_still_sent(unreadable: bytes, prepared: list[bytes]) -> None:
    assert sent([unreadable, IDR]) == prepared


def test_an_sps_is_sent_and_known_as_it_is_rewritten() -> None:
    rewritten = SPS[:-1] + b"\xac"
    asked: list[bytes] = []

    def rewrite(sps: NalUnit) -> bytes:
        asked.append(bytes(sps))
        return rewritten

    data = annex_b([SPS, PPS, IDR])
    first, known = prepare_access_unit(data, None, rewrite_sps=rewrite)
    assert (first, known) == ([rewritten, PPS, IDR], ParameterSets((rewritten,), (PPS,)))
    again = prepare_access_unit(data, known, rewrite_sps=rewrite)
    assert again[0] == first
    assert again[1] is known, "a repeated SPS is no change"
    assert prepare_access_unit(annex_b([PPS, P_SLICE]), known, rewrite_sps=rewrite)[1] is known
    assert asked == [SPS, SPS]


def test_other_pictures_are_left_as_they_are() -> None:
    nal_units = [SEI, PPS, P_SLICE, P_SLICE]
    assert sent(nal_units) == nal_units


def test_a_key_frame_by_intra_refresh_gets_parameter_sets_too() -> None:
    assert sent([P_SLICE], is_key_frame=True) == [SPS, PPS, PPS_1, P_SLICE]


def test_an_idr_without_known_parameter_sets_is_sent_as_it_is() -> None:
    assert sent([AUD, SPS, IDR], None) == [SPS, IDR]


def test_delimiters_end_marks_and_filler_stay_behind() -> None:
    nal_units = [AUD, SEI, P_SLICE, FILLER, END_OF_SEQUENCE, END_OF_STREAM]
    assert sent(nal_units) == [SEI, P_SLICE]


@pytest.mark.parametrize("kind", [0, *range(24, 32)])
def test_types_that_mean_packets_in_rtp_stay_behind(kind: int) -> None:
    assert sent([P_SLICE, bytes([0x60 | kind, 1])]) == [P_SLICE]


@pytest.mark.parametrize("nal_units", [[], [AUD], [FILLER], [SPS, PPS], [SEI], [AUD, SPS, PPS, END_OF_STREAM]])
def test_what_holds_no_slice_is_not_sent(nal_units: list[bytes]) -> None:
    assert sent(nal_units, is_key_frame=True) == []


@pytest.mark.parametrize("nal_units", [[P_SLICE], [IDR], [SPS, PPS, PPS_1, IDR], [SPS, PPS], [AUD], []])
def test_parameter_sets_stay_the_same_object_when_nothing_changed(nal_units: list[bytes]) -> None:
    assert prepare_access_unit(annex_b(nal_units), KNOWN)[1] is KNOWN


def test_an_idr_begins_with_the_parameter_sets_that_it_brought() -> None:
    nal_units, parameter_sets = prepare_access_unit(annex_b([OTHER_PPS, IDR]), KNOWN)
    assert nal_units == [SPS, OTHER_PPS, PPS_1, IDR]
    assert parameter_sets == ParameterSets((SPS,), (OTHER_PPS, PPS_1))


@pytest.mark.parametrize("nal_units", [[SPS, PPS], [AUD, SPS, PPS, SEI]])
def test_parameter_sets_are_learned_without_a_slice(nal_units: list[bytes]) -> None:
    assert prepare_access_unit(annex_b(nal_units), None) == ([], ParameterSets((SPS,), (PPS,)))


@given(st.binary(max_size=60) | st.lists(st.binary(min_size=1, max_size=20)).map(annex_b), st.booleans())
def test_any_bytes_are_slices_with_what_may_be_sent(data: bytes, is_key_frame: bool) -> None:
    nal_units, parameter_sets = prepare_access_unit(data, KNOWN, is_key_frame=is_key_frame)
    assert parameter_sets is not None
    assert not nal_units or any(1 <= nal_type(nal) <= 5 for nal in nal_units)
    assert all(1 <= nal_type(nal) <= 23 for nal in nal_units)
