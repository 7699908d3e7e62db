"""Start codes, and the types and splitting of NAL units."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_streamer.codec.h264 import nal as byte_stream
from edge_streamer.codec.h264.nal import NalType, begins_as_annex_b, nal_headers, nal_type, split_access_unit
from tests.support.rtsp.h264_depacketizer import annex_b

SPS, PPS, IDR = b"\x67\x42\xc0\x0d", b"\x68\xce\x3c\x80", b"\x65\x88\x84\x21"


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


class TestNalHeaders:
    def test_come_with_the_index_of_their_start_code(self) -> None:
        assert list(nal_headers(b"\0\0\0\1" + SPS + b"\0\0\1" + IDR)) == [(1, 0x67), (8, 0x65)]

    @pytest.mark.parametrize("data", [b"", b"\x65\x88", b"\0\0\1", b"\0\0\0\1"])
    def test_need_a_start_code_and_a_byte(self, data: bytes) -> None:
        assert list(nal_headers(data)) == []

    @given(st.lists(st.binary(max_size=8) | st.sampled_from([b"\0\0\1", b"\0\0\0\1", b"\0\0\1\x65"])))
    def test_stand_behind_a_start_code_in_any_bytes(self, chunks: list[bytes]) -> None:
        data = b"".join(chunks)
        for start_code, header in nal_headers(data):
            assert data[start_code : start_code + 4] == b"\0\0\1" + bytes([header])


@pytest.mark.parametrize(
    ("data", "is_annex_b"),
    [
        (b"\0\0\1\x65", True),
        (b"\0\0\0\1\x65", True),
        (bytes(5) + b"\0\0\1", True),
        (bytes(6) + b"\0\0\1", False),
        (b"x\0\0\1\x65", False),
        (b"\0\0\0\x0d\x65", False),  # a length of four bytes, as in MP4
        (b"", False),
    ],
)
def test_annex_b_begins_with_a_start_code(data: bytes, is_annex_b: bool) -> None:
    assert begins_as_annex_b(data) == is_annex_b


def test_nal_type_ignores_importance_and_the_forbidden_bit() -> None:
    assert [nal_type(bytes([first])) for first in (0x65, 0x25, 0xE5)] == [NalType.IDR_SLICE] * 3


@pytest.mark.parametrize("nal_units", [[], [SPS], [SPS, PPS, IDR]])
def test_nal_units_become_a_byte_stream(nal_units: list[bytes]) -> None:
    data = byte_stream.annex_b(map(memoryview, nal_units))
    assert data == annex_b(nal_units)
    assert split_access_unit(data) == nal_units
