"""Where decoding can start: IDR pictures and recovery points, as encoders write them and as no encoder does."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_streamer.codec.h264.start_points import MAX_SEI_MESSAGES, is_start_point
from tests.support.rtsp.h264_depacketizer import annex_b

SPS, PPS, AUD = b"\x67\x42\xc0\x1f\xda\x05", b"\x68\xce\x3c\x80", b"\x09\xf0"
IDR, P_SLICE = b"\x65\x88\x84\x21", b"\x41\x9a\x02\x11"
RECOVERY_POINT = b"\x06\x01\xc4"  # a message: recovery_frame_cnt 0
OTHERS = (
    b"\x05\x01\xaa",
    b"\x05\xff\x10" + bytes(range(1, 256)) + bytes(16),  # 271 bytes
    b"\xff\x2d\x02\x06\x01",  # payloadType 300, whose payload looks like a recovery point
    b"\x01\x03\x00\x00\x01",  # needs emulation prevention
)


def sei(*messages: bytes) -> bytes:
    """Return an SEI NAL unit with emulation prevention (ITU-T H.264 7.4.1)."""
    written = bytearray(b"\x06")
    zeros = 0
    for byte in b"".join(messages) + b"\x80":
        if zeros >= 2 and byte <= 3:
            written.append(3)
            zeros = 0
        written.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(written)


@pytest.mark.parametrize("before", [(), *itertools.permutations(OTHERS, 2), OTHERS])
def test_a_recovery_point_is_found_behind_other_messages(before: tuple[bytes, ...]) -> None:
    assert is_start_point(annex_b([AUD, sei(*before, RECOVERY_POINT), P_SLICE]))
    assert is_start_point(annex_b([*map(sei, before), sei(RECOVERY_POINT, *before), P_SLICE]))
    assert not is_start_point(annex_b([AUD, *([sei(*before)] if before else []), P_SLICE]))


@pytest.mark.parametrize("recovery_frame_cnt", [b"\xc4", b"\x0a\xc4", b"\x00\x00\x08\xc4"])
def test_gradual_refresh_is_a_start_point_too(recovery_frame_cnt: bytes) -> None:
    message = bytes((6, len(recovery_frame_cnt))) + recovery_frame_cnt
    assert is_start_point(annex_b([sei(message), P_SLICE]))


@pytest.mark.parametrize(
    ("nal_units", "expected"),
    [
        ([IDR], True),
        ([AUD, SPS, PPS, IDR, IDR], True),
        ([SPS, PPS, P_SLICE], False),
        ([SPS, PPS], False),
        ([sei(RECOVERY_POINT)], False),
        ([P_SLICE, sei(RECOVERY_POINT)], False),  # of the next picture
        ([], False),
    ],
)
def test_a_picture_decides(nal_units: list[bytes], expected: bool) -> None:
    assert is_start_point(annex_b(nal_units)) == expected


@pytest.mark.parametrize("cut", [b"\x06", b"\x06\x06", b"\x06\xff\xff", b"\x06\x06\x00\x80", b"\x06\x06\x02\xc4"])
def test_a_message_that_is_cut_is_none(cut: bytes) -> None:
    assert not is_start_point(annex_b([cut, P_SLICE]))


def test_as_many_messages_are_looked_at_as_the_limit_says() -> None:
    empty = b"\x01\x00"
    last = empty * (MAX_SEI_MESSAGES - 1) + b"\x06\x01\xc4\x80"
    assert is_start_point(annex_b([b"\x06" + last, P_SLICE]))
    assert not is_start_point(annex_b([b"\x06" + empty + last, P_SLICE]))


@given(st.binary(max_size=80))
def test_any_bytes_have_an_answer(data: bytes) -> None:
    assert is_start_point(annex_b([b"\x06" + data, P_SLICE])) in (True, False)
    is_start_point(data)
