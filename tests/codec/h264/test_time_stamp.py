"""The SEI message with a picture's UTC: its bytes, and its place in an access unit."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edge_streamer.codec.h264.time_stamp import time_stamp, with_time_stamp
from tests.support.time_stamps import TimeStamp, time_stamps_in

SPS, PPS, SEI, IDR, P_SLICE = b"\x67\x42", b"\x68\xce", b"\x06\x00\x01\x80", b"\x65\x88", b"\x41\x9a"
PREFIX = b"\x6e\x40"
STAMP = b"\x06\x05\x01\xaa\x80"


def test_bytes() -> None:
    assert time_stamp(0x0001_0203_0405_0607, is_locked=True) == (
        b"\x06\x05\x1cMISPmicrosectime\x1f" + bytes.fromhex("0001 ff 0203 ff 0405 ff 0607") + b"\x80"
    )
    assert time_stamp(0, is_locked=False)[19] == 0x9F
    assert time_stamp(0, is_locked=True, jump_us=1)[19] == 0x5F
    assert time_stamp(0, is_locked=False, jump_us=-1)[19] == 0xFF


@given(st.integers(0, 2**64 - 1), st.booleans())
@example(0, True)
@example(1, True)
@example(3 << 32, False)
def test_any_time_is_read_back_and_needs_no_emulation_prevention(wall_us: int, is_locked: bool) -> None:
    stamp = time_stamp(wall_us, is_locked=is_locked)
    assert time_stamps_in(b"\0\0\1" + stamp) == [TimeStamp(wall_us, is_locked)]
    assert all(stamp.find(bytes((0, 0, last))) < 0 for last in range(4))


def test_a_time_outside_of_the_field_wraps() -> None:
    assert time_stamp(-1, is_locked=True) == time_stamp(2**64 - 1, is_locked=True)


@pytest.mark.parametrize(
    ("nal_units", "stamped"),
    [
        ([P_SLICE], [STAMP, P_SLICE]),
        ([SPS, PPS, SEI, IDR, IDR], [SPS, PPS, SEI, STAMP, IDR, IDR]),
        ([SPS, PPS, PREFIX, IDR, SEI], [SPS, PPS, STAMP, PREFIX, IDR, SEI]),
    ],
)
def test_it_is_right_before_the_picture(nal_units: list[bytes], stamped: list[bytes]) -> None:
    assert with_time_stamp(nal_units, STAMP) == stamped
