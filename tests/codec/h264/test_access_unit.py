"""What of an access unit is sent to viewers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_streamer.codec.h264.access_unit import prepare_access_unit
from edge_streamer.codec.h264.nal import NalUnit, nal_type
from edge_streamer.codec.h264.parameter_sets import ParameterSets, ParameterSetStore
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


RECOVERY_POINT = b"\x06\x06\x01\xc4\x80"
KNOWN = (SPS, PPS, PPS_1)


def store_of(*nal_units: bytes) -> ParameterSetStore:
    """Return a store whose sets were all sent."""
    store = ParameterSetStore()
    store.take(nal_units)
    store.take_changes()
    return store


def sent(nal_units: list[bytes], known: tuple[bytes, ...] = KNOWN, *, is_key_frame: bool = False) -> list[NalUnit]:
    return prepare_access_unit(annex_b(nal_units), store_of(*known), is_key_frame=is_key_frame)[0]


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
    nal_units, _may_start = prepare_access_unit(data, store_of(*KNOWN))
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


@pytest.mark.parametrize("picture", [IDR, P_SLICE])
def test_a_parameter_set_that_another_replaces_at_once_is_not_sent(picture: bytes) -> None:
    store = store_of(*KNOWN)
    nal_units, _may_start = prepare_access_unit(annex_b([OTHER_PPS, PPS, picture]), store)
    assert [nal for nal in nal_units if nal in (PPS, OTHER_PPS)] == [PPS]
    assert store.in_force == ParameterSets((SPS,), (PPS, PPS_1))


def test_other_pictures_have_the_parameter_sets_that_came_with_them_in_front() -> None:
    assert sent([SEI, P_SLICE, P_SLICE]) == [SEI, P_SLICE, P_SLICE]
    assert sent([SEI, PPS, P_SLICE, P_SLICE]) == [PPS, SEI, P_SLICE, P_SLICE]


def test_a_key_frame_by_intra_refresh_gets_parameter_sets_too() -> None:
    assert sent([P_SLICE], is_key_frame=True) == [SPS, PPS, PPS_1, P_SLICE]


def test_an_idr_without_known_parameter_sets_is_sent_as_it_is() -> None:
    assert sent([AUD, SPS, IDR], ()) == [SPS, IDR]


def test_delimiters_end_marks_and_filler_stay_behind() -> None:
    nal_units = [AUD, SEI, P_SLICE, FILLER, END_OF_SEQUENCE, END_OF_STREAM]
    assert sent(nal_units) == [SEI, P_SLICE]


@pytest.mark.parametrize("kind", [0, *range(24, 32)])
def test_types_that_mean_packets_in_rtp_stay_behind(kind: int) -> None:
    assert sent([P_SLICE, bytes([0x60 | kind, 1])]) == [P_SLICE]


@pytest.mark.parametrize("nal_units", [[], [AUD], [FILLER], [SPS, PPS], [SEI], [AUD, SPS, PPS, END_OF_STREAM]])
def test_what_holds_no_slice_is_not_sent(nal_units: list[bytes]) -> None:
    assert sent(nal_units, is_key_frame=True) == []


def test_an_idr_begins_with_the_parameter_sets_that_it_brought() -> None:
    store = store_of(*KNOWN)
    nal_units, _may_start = prepare_access_unit(annex_b([OTHER_PPS, IDR]), store)
    assert nal_units == [SPS, OTHER_PPS, PPS_1, IDR]
    assert store.in_force == ParameterSets((SPS,), (OTHER_PPS, PPS_1))


@pytest.mark.parametrize("nal_units", [[SPS, PPS], [AUD, SPS, PPS, SEI]])
def test_parameter_sets_are_learned_without_a_slice(nal_units: list[bytes]) -> None:
    store = ParameterSetStore()
    assert prepare_access_unit(annex_b(nal_units), store) == ([], False)
    assert store.in_force == ParameterSets((SPS,), (PPS,))


def test_a_set_that_changed_without_a_slice_goes_before_the_next_picture_once() -> None:
    store = store_of(*KNOWN)
    assert prepare_access_unit(annex_b([AUD, OTHER_PPS]), store)[0] == []
    assert prepare_access_unit(annex_b([SEI, P_SLICE]), store)[0] == [OTHER_PPS, SEI, P_SLICE]
    assert prepare_access_unit(annex_b([P_SLICE]), store)[0] == [P_SLICE]


def test_a_set_that_changed_within_a_picture_is_sent_once() -> None:
    store = store_of(*KNOWN)
    assert prepare_access_unit(annex_b([OTHER_PPS, P_SLICE]), store)[0] == [OTHER_PPS, P_SLICE]
    assert prepare_access_unit(annex_b([P_SLICE]), store)[0] == [P_SLICE]


@pytest.mark.parametrize("rest", [[IDR], [P_SLICE]])
def test_a_rewritten_sps_is_sent_in_band_as_well(rest: list[bytes]) -> None:
    store = ParameterSetStore(lambda sps: sps[:3] + b"\x1f" + sps[4:])
    rewritten = SPS[:3] + b"\x1f" + SPS[4:]
    for _ in range(2):
        assert prepare_access_unit(annex_b([SPS, PPS, *rest]), store)[0] == [rewritten, PPS, *rest]


@pytest.mark.parametrize(
    ("nal_units", "may_start"),
    [
        ([IDR], True),
        ([RECOVERY_POINT, P_SLICE], True),
        ([SEI, RECOVERY_POINT, P_SLICE], True),
        ([SEI, P_SLICE], False),
        ([P_SLICE], False),
        ([RECOVERY_POINT], False),
    ],
)
def test_viewers_start_at_an_idr_or_a_recovery_point(nal_units: list[bytes], may_start: bool) -> None:
    prepared, found = prepare_access_unit(annex_b(nal_units), store_of(*KNOWN))
    assert found == may_start
    if may_start:
        assert prepared == [*KNOWN, *nal_units]


def test_the_sps_that_the_picture_uses_is_first() -> None:
    sps_1, pps_2 = bytes.fromhex("6742c00d") + b"\x5a\x05", b"\x68\x68\x40"  # PPS 2 refers to SPS 1
    idr = b"\x65\x88\x70"  # of PPS 2
    store = store_of(*KNOWN)
    nal_units, _may_start = prepare_access_unit(annex_b([sps_1, pps_2, idr]), store)
    assert nal_units == [sps_1, SPS, PPS, PPS_1, pps_2, idr]
    assert store.in_force == ParameterSets((sps_1, SPS), (PPS, PPS_1, pps_2))


@given(st.binary(max_size=60) | st.lists(st.binary(min_size=1, max_size=20)).map(annex_b), st.booleans())
def test_any_bytes_are_slices_with_what_may_be_sent(data: bytes, is_key_frame: bool) -> None:
    store = store_of(*KNOWN)
    nal_units, may_start = prepare_access_unit(data, store, is_key_frame=is_key_frame)
    assert store.in_force is not None
    assert not nal_units or any(1 <= nal_type(nal) <= 5 for nal in nal_units)
    assert all(1 <= nal_type(nal) <= 23 for nal in nal_units)
    assert may_start <= bool(nal_units)
