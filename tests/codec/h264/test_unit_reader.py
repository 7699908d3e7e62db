"""Buffers of H.264: whole, without parameter sets, torn at every byte, and rubbish."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_streamer.codec.frame import MAX_ACCESS_UNIT_BYTES
from edge_streamer.codec.h264.unit_reader import AccessUnit, AccessUnitReader, TornPictureError

SPS, PPS = b"\0\0\0\1\x67\x42\xc0\x1f\xda\x05", b"\0\0\0\1\x68\xce\x3c\x80"
OTHER_PPS = b"\0\0\0\1\x68\xce\x38\x80"
RECOVERY_POINT = b"\0\0\1\x06\x06\x01\xc4\x80"
SEI, DELIMITER = b"\0\0\1\x06\x05\x01\xaa\x80", b"\0\0\0\1\x09\x10"
IDR, SLICE = b"\0\0\1\x65\x88\x84", b"\0\0\1\x41\x9a\x02"


@pytest.mark.parametrize(
    ("data", "is_key_frame"),
    [
        (SPS + PPS + IDR, True),
        (DELIMITER + SPS + PPS + SEI + IDR + IDR, True),
        (DELIMITER + SLICE, False),
        (SEI + SLICE, False),
        (SEI + RECOVERY_POINT + SLICE, True),
        (b"\0\0\0\0" + SLICE, False),
    ],
)
def test_a_whole_unit_is_as_it_was(data, is_key_frame):
    assert AccessUnitReader().read(data) == AccessUnit(data, is_key_frame)


def test_parameter_sets_alone_go_before_the_next_idr_that_lacks_them():
    reader = AccessUnitReader()
    assert reader.read(SPS + PPS) is None
    assert reader.read(SLICE) == AccessUnit(SPS + PPS + SLICE, is_key_frame=False)
    assert reader.read(SLICE) == AccessUnit(SLICE, is_key_frame=False)
    assert reader.read(IDR) == AccessUnit(SPS + PPS + IDR, is_key_frame=True)


@pytest.mark.parametrize("order", [(SPS, PPS), (PPS, SPS)])
@pytest.mark.parametrize("picture", [IDR, RECOVERY_POINT + SLICE])
def test_each_may_come_in_a_buffer_of_its_own(order, picture):
    reader = AccessUnitReader()
    assert [reader.read(buffer) for buffer in order] == [None, None]
    assert reader.read(picture) == AccessUnit(SPS + PPS + picture, is_key_frame=True)


def test_a_pps_that_is_repeated_alone_loses_no_sps():
    reader = AccessUnitReader()
    reader.read(SPS + PPS + IDR)
    assert reader.read(PPS + IDR) == AccessUnit(SPS + PPS + IDR, is_key_frame=True)
    assert reader.read(PPS) is None
    assert reader.read(IDR) == AccessUnit(SPS + PPS + IDR, is_key_frame=True)


def test_a_pps_that_is_replaced_alone_goes_before_the_next_picture():
    reader = AccessUnitReader()
    reader.read(SPS + PPS + IDR)
    assert reader.read(OTHER_PPS) is None
    assert reader.read(SLICE) == AccessUnit(OTHER_PPS + SLICE, is_key_frame=False)
    assert reader.read(IDR) == AccessUnit(SPS + OTHER_PPS + IDR, is_key_frame=True)


def test_the_newest_parameter_sets_count():
    reader = AccessUnitReader()
    reader.read(SPS + PPS + IDR)
    newer = SPS[:-1] + b"\x07" + PPS
    reader.read(newer + IDR)
    assert reader.read(IDR).data.startswith(newer)


@pytest.mark.parametrize(
    "data",
    [b"", b"\0\0\1", DELIMITER, SEI, b"x" + SLICE, b"\0\0\1\xe5\x88", bytes(16) + SLICE, DELIMITER * 64 + SLICE],
)
def test_what_holds_no_picture_is_torn(data):
    with pytest.raises(TornPictureError):
        AccessUnitReader().read(data)


def test_a_unit_that_no_server_takes_is_torn():
    with pytest.raises(TornPictureError):
        AccessUnitReader().read(SLICE.ljust(MAX_ACCESS_UNIT_BYTES, b"\xaa"))


def test_a_unit_that_is_cut_before_its_slice_is_no_picture():
    whole = DELIMITER + SPS + PPS + IDR
    slice_at = len(whole) - len(IDR) + 3
    for length in range(slice_at + 1):
        try:
            unit = AccessUnitReader().read(whole[:length])
        except TornPictureError:
            continue
        assert unit is None, length
    assert AccessUnitReader().read(whole[: slice_at + 1]).is_key_frame


@given(st.lists(st.one_of(st.binary(max_size=8), st.sampled_from([SPS, PPS, SEI, DELIMITER, IDR, SLICE])), max_size=6))
def test_any_bytes_are_a_unit_or_torn(pieces):
    data = b"".join(pieces)
    try:
        unit = AccessUnitReader().read(data)
    except TornPictureError:
        return
    assert unit is None or unit.data == data
