"""Buffers of H.264: whole, without parameter sets, torn at every byte, and rubbish."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_streamer.codec.frame import MAX_ACCESS_UNIT_BYTES
from edge_streamer.codec.h264.unit_reader import AccessUnit, AccessUnitReader, TornPictureError

SPS, PPS = b"\0\0\0\1\x67\x42\xc0\x1f", b"\0\0\0\1\x68\xce"
SEI, DELIMITER = b"\0\0\1\x06\x05\x01\xaa\x80", b"\0\0\0\1\x09\x10"
IDR, SLICE = b"\0\0\1\x65\x88\x84", b"\0\0\1\x41\x9a\x02"


@pytest.mark.parametrize(
    ("data", "is_key_frame"),
    [
        (SPS + PPS + IDR, True),
        (DELIMITER + SPS + PPS + SEI + IDR + IDR, True),
        (DELIMITER + SLICE, False),
        (SEI + SLICE, False),
        (b"\0\0\0\0" + SLICE, False),
    ],
)
def test_a_whole_unit_is_as_it_was(data, is_key_frame):
    assert AccessUnitReader().read(data) == AccessUnit(data, is_key_frame)


def test_parameter_sets_alone_go_before_the_next_idr_that_lacks_them():
    reader = AccessUnitReader()
    assert reader.read(SPS + PPS) is None
    assert reader.read(SLICE) == AccessUnit(SLICE, is_key_frame=False)
    assert reader.read(IDR) == AccessUnit(SPS + PPS + b"" + IDR, is_key_frame=True)


def test_the_newest_parameter_sets_count():
    reader = AccessUnitReader()
    reader.read(SPS + PPS + IDR)
    newer = SPS[:-1] + b"\x28" + PPS
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
