"""Bit fields and Exp-Golomb codes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_streamer.codec.h264.bits import (
    BitReader,
    BitWriter,
    with_emulation_prevention,
    without_emulation_prevention,
)


@pytest.mark.parametrize(
    ("nal_payload", "rbsp"),
    [
        (b"", b""),
        (b"\x01\x02", b"\x01\x02"),
        (b"\x00\x00\x03\x01", b"\x00\x00\x01"),
        (b"\x00\x00\x03\x00\x00\x03", b"\x00\x00\x00\x00"),
        (b"\x00\x00\x03\x03", b"\x00\x00\x03"),
        (b"\x00\x03\x00", b"\x00\x03\x00"),
    ],
)
def test_emulation_prevention_is_taken_out(nal_payload: bytes, rbsp: bytes) -> None:
    assert without_emulation_prevention(nal_payload) == rbsp


def reader(bits: str) -> BitReader:
    """A reader of these bits and what fills the last byte."""
    padded = bits.replace(" ", "")
    padded += "0" * (-len(padded) % 8)
    return BitReader(int(padded, 2).to_bytes(len(padded) // 8, "big"))


def test_fields_follow_each_other() -> None:
    bits = reader("101 1 0 0011 110")
    assert (bits.bits(3), bits.flag(), bits.flag(), bits.bits(4)) == (5, True, False, 3)
    bits.skip(2)
    assert bits.bits(0) == 0
    assert bits.bits(1) == 0


@pytest.mark.parametrize(
    ("bits", "unsigned", "signed"),
    [("1", 0, 0), ("010", 1, 1), ("011", 2, -1), ("00100", 3, 2), ("00101", 4, -2), ("0001000", 7, 4)],
)
def test_exp_golomb_codes_of_table_9_2_and_9_3(bits: str, unsigned: int, signed: int) -> None:
    assert reader(bits).unsigned("x", 100) == unsigned
    assert reader(bits).signed("x") == signed


def test_the_greatest_code() -> None:
    assert reader("0" * 31 + "1" * 32).unsigned("x", 2**32) == 2**32 - 2


@pytest.mark.parametrize("count", [9, 32])
def test_bits_that_are_not_there(count: int) -> None:
    with pytest.raises(ValueError, match=f"{count} bits wanted, 8 left"):
        BitReader(b"\xff").bits(count)


def test_a_code_that_is_cut_off() -> None:
    with pytest.raises(ValueError, match="truncated"):
        reader("00001").unsigned("x", 100)


def test_a_code_longer_than_any() -> None:
    with pytest.raises(ValueError, match="reference: an Exp-Golomb code of over 31 leading zeros"):
        BitReader(bytes(100)).unsigned("reference", 5)


def test_a_value_above_its_limit() -> None:
    assert reader("00101").unsigned("x", 4) == 4
    with pytest.raises(ValueError, match="x is 4, at most 3 is allowed"):
        reader("00101").unsigned("x", 3)


@pytest.mark.parametrize(
    ("rbsp", "nal_payload"),
    [
        (b"\0\0\1", b"\0\0\3\1"),
        (b"\0\0\0\0\0\x80", b"\0\0\3\0\0\3\0\x80"),
        (b"\0\0\3\xff", b"\0\0\3\3\xff"),
        (b"\0\0\4\0\1", b"\0\0\4\0\1"),
    ],
)
def test_emulation_prevention_is_put_in(rbsp: bytes, nal_payload: bytes) -> None:
    assert with_emulation_prevention(rbsp) == nal_payload


@given(st.lists(st.sampled_from([0, 1, 2, 3, 4, 0x80]), max_size=40).map(bytes))
def test_what_is_put_in_is_all_that_is_taken_out(start: bytes) -> None:
    rbsp = start + b"\x80"
    nal_payload = with_emulation_prevention(rbsp)
    assert without_emulation_prevention(nal_payload) == rbsp
    assert all(nal_payload.find(bytes((0, 0, last))) < 0 for last in range(3))


def test_a_writer_goes_on_where_a_reader_is() -> None:
    bits = reader("101 00100 1")
    bits.skip(3)
    bits.unsigned("code", 3)
    assert bits.consumed == (0b101_00100, 8)
    writer = BitWriter(*bits.consumed)
    writer.bits(0b01, 2)
    writer.unsigned(4)
    assert writer.rbsp() == bytes((0b101_00100, 0b01_00101_1))
    writer.bits(1, 1)
    assert writer.rbsp() == bytes((0b101_00100, 0b01_00101_1, 0x80)), "whole bytes get a byte of trailing bits"


@given(st.lists(st.integers(0, 2**32 - 2), max_size=8))
def test_codes_are_read_as_written(values: list[int]) -> None:
    writer = BitWriter()
    for value in values:
        writer.unsigned(value)
    bits = BitReader(writer.rbsp())
    assert [bits.unsigned("value", 2**32) for _ in values] == values
    assert bits.is_at_trailing_bits


@pytest.mark.parametrize(("data", "is_trailing"), [("10000000", True), ("10000001", False), ("00000000", False)])
def test_trailing_bits_are_a_one_and_zeros(data: str, is_trailing: bool) -> None:
    assert reader(data).is_at_trailing_bits == is_trailing
    behind = reader("10000000")
    behind.skip(8)
    assert not behind.is_at_trailing_bits
