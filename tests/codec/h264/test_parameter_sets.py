"""The parameter sets in force: learned, replaced, and written as SDP wants them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_streamer.codec.h264.nal import split_access_unit
from edge_streamer.codec.h264.parameter_sets import MAX_STORE_BYTES, ParameterSets, ParameterSetStore
from edge_streamer.codec.h264.sps import MAX_PARAMETER_SET_BYTES
from tests.support.rtsp.h264_depacketizer import annex_b

SPS = bytes.fromhex("6742c00dda05066840000003004000000f23c50aa8")  # 320 x 192 at 30 fps, level 1.3, id 0
OTHER_SPS = bytes.fromhex("6742c01fda05066840000003004000000f23c50aa8")  # the same at level 3.1
SPS_1 = bytes.fromhex("6742c00d") + b"\x5a\x05"  # id 1
PPS = b"\x68\xce\x3c\x80"  # id 0, of SPS 0
OTHER_PPS = b"\x68\xce\x38\x80"
PPS_1 = b"\x68\x5a\x3c\x80"  # id 1
PPS_OF_SPS_1 = b"\x68\x68\x40"  # id 2
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


def store_of(*nal_units: bytes) -> ParameterSetStore:
    store = ParameterSetStore()
    store.take(nal_units)
    return store


class TestParameterSetStore:
    KNOWN = ParameterSets((SPS,), (PPS, PPS_1))

    @pytest.mark.parametrize(
        "nal_units", [[], [SPS], [PPS], [P_SLICE], [b"\x67\x42", PPS], [SPS, b"\x68"], [SPS_1, PPS]]
    )
    def test_nothing_is_in_force_before_both_kinds_came(self, nal_units: list[bytes]) -> None:
        assert store_of(*nal_units).in_force is None

    def test_learns_from_a_key_frame(self) -> None:
        store = ParameterSetStore()
        learned = store.take(split_access_unit(annex_b([AUD, SPS, PPS, PPS_1, SEI, IDR])))
        assert learned == store.in_force == self.KNOWN
        assert all(type(parameter_set) is bytes for parameter_set in learned.sps + learned.pps)

    @pytest.mark.parametrize("order", [(SPS, PPS, PPS_1), (PPS, PPS_1, SPS), (PPS, SPS, PPS_1)])
    def test_sets_come_each_alone_in_any_order(self, order: tuple[bytes, ...]) -> None:
        store = ParameterSetStore()
        for parameter_set in order:
            store.take([parameter_set])
        assert store.in_force == self.KNOWN

    @pytest.mark.parametrize(
        "nal_units", [[], [P_SLICE], [IDR], [SPS, PPS, PPS_1, IDR], [SPS, IDR], [PPS_1], [b"\x67\x42"], [b"\x68"]]
    )
    def test_what_is_in_force_is_the_same_object_when_nothing_changed(self, nal_units: list[bytes]) -> None:
        store = store_of(SPS, PPS, PPS_1)
        before = store.in_force
        assert store.take(nal_units) is before

    @pytest.mark.parametrize(
        ("nal_units", "sps", "pps"),
        [
            ([OTHER_PPS], (SPS,), (OTHER_PPS, PPS_1)),  # the same id: replaced
            ([SPS, OTHER_PPS], (SPS,), (OTHER_PPS, PPS_1)),
            ([OTHER_SPS], (OTHER_SPS,), (PPS, PPS_1)),
            ([OTHER_SPS, PPS], (OTHER_SPS,), (PPS, PPS_1)),
            ([SPS_1], (SPS, SPS_1), (PPS, PPS_1)),  # another id: added
            ([PPS_OF_SPS_1], (SPS,), (PPS, PPS_1)),  # of an SPS that is not known
            ([PPS_OF_SPS_1, SPS_1], (SPS, SPS_1), (PPS, PPS_1, PPS_OF_SPS_1)),
        ],
    )
    def test_takes_what_changed(self, nal_units: list[bytes], sps: tuple[bytes, ...], pps: tuple[bytes, ...]) -> None:
        store = store_of(SPS, PPS, PPS_1)
        for nal in nal_units:
            store.take([nal])
        assert store.in_force == ParameterSets(sps, pps)

    def test_the_sets_in_force_stay_until_the_next_are_complete(self) -> None:
        store = store_of(SPS, PPS)
        before = store.in_force
        of_sps_1 = b"\x68\xa0\x40"  # id 0
        assert store.take([of_sps_1]) is before
        assert store.take([SPS_1]) == ParameterSets((SPS, SPS_1), (of_sps_1,))

    def test_tells_what_changed_once(self) -> None:
        store = store_of(SPS, PPS)
        assert store.take_changes() == [SPS, PPS]
        store.take([SPS, OTHER_PPS])
        assert store.take_changes() == [OTHER_PPS]
        assert store.take_changes() == []

    def test_a_set_whose_form_is_rewritten_is_recognised_by_the_form_that_came(self) -> None:
        calls: list[bytes] = []
        store = ParameterSetStore(lambda sps: calls.append(sps) or OTHER_SPS)
        before = store.take([SPS, PPS])
        assert before == ParameterSets((OTHER_SPS,), (PPS,))
        assert store.take([SPS, PPS]) is before
        assert calls == [SPS]
        assert (store.sent_form(SPS), store.sent_form(OTHER_SPS), store.sent_form(PPS)) == (OTHER_SPS, None, PPS)

    @pytest.mark.parametrize("slice_nal", [b"\x65", b"\x65\x00\x00\x00\x00\x00", IDR, b"\x65\xbf"])
    def test_a_slice_that_names_no_other_sps_changes_nothing(self, slice_nal: bytes) -> None:
        store = store_of(SPS, SPS_1, PPS)
        store.activate(IDR)
        before = store.in_force
        store.activate(slice_nal)
        assert store.in_force is before

    def test_one_that_is_cleared_begins_anew(self) -> None:
        store = store_of(SPS, PPS)
        store.clear()
        assert store.in_force is None
        assert store.take_changes() == []
        assert store.take([PPS_1, SPS_1]) is None

    def test_ignores_parameter_sets_that_are_too_long(self) -> None:
        stuffed = SPS + b"\xff" * MAX_PARAMETER_SET_BYTES
        assert store_of(stuffed, PPS).in_force is None

    def test_ignores_what_would_exceed_its_limit(self) -> None:
        store = store_of(SPS, PPS)
        for number in range(2 * MAX_STORE_BYTES // MAX_PARAMETER_SET_BYTES):
            store.take([bytes([0x68, 0x04 + number // 8, 0x20 * (number % 8) + 0x18]) + b"\x55" * 4000])
        assert store.in_force is not None
        assert PPS in store.in_force.pps
        assert MAX_STORE_BYTES // 2 < sum(map(len, store.in_force.sps + store.in_force.pps)) <= MAX_STORE_BYTES

    @given(st.lists(st.binary(min_size=1, max_size=40), max_size=8))
    def test_any_bytes_leave_it_complete(self, nal_units: list[bytes]) -> None:
        seven_or_eight = [bytes([0x67 + nal[0] % 2]) + nal[1:] for nal in nal_units]
        assert store_of(SPS, PPS).take(seven_or_eight) is not None


class TestChanges:
    def test_of_a_set_that_changed_twice_the_last_form_is_due(self) -> None:
        store = store_of(SPS, PPS)
        store.take_changes()
        for pps in (OTHER_PPS, PPS, OTHER_PPS):
            store.take([pps])
        assert store.take_changes() == [OTHER_PPS]
        assert store.take_changes() == []

    def test_changes_that_no_slice_follows_do_not_pile_up(self) -> None:
        store = store_of(SPS, PPS, PPS_1)
        for _ in range(100):
            store.take([OTHER_PPS])
            store.take([PPS])
        assert store.take_changes() == [SPS, PPS, PPS_1]

    def test_a_full_store_takes_a_set_in_place_of_another(self) -> None:
        store = store_of(SPS, PPS)
        for number, size_bytes in enumerate((4000, 4000, 4000, 4000, 342)):
            store.take([bytes([0x68, 0x05, 0x20 * number + 0x18]) + b"\x55" * size_bytes])
        in_force = store.take([OTHER_PPS])
        assert in_force is not None
        assert OTHER_PPS in in_force.pps
        assert PPS not in in_force.pps
