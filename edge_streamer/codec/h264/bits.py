"""Bits of an H.264 raw byte sequence payload (ITU-T H.264 7.2, 7.4.1, 9.1): the only reader and writer of them."""

import re
from typing import Final

_EMULATES_START_CODE: Final = re.compile(rb"\0\0(?=[\0-\3])")


def without_emulation_prevention(nal_payload: bytes) -> bytes:
    """Return the RBSP of a NAL unit's payload: the 03 of each 00 00 03 is removed (ITU-T H.264 7.4.1)."""
    return nal_payload.replace(b"\x00\x00\x03", b"\x00\x00")


def with_emulation_prevention(rbsp: bytes) -> bytes:
    """Return the NAL unit's payload of an RBSP: 03 is put between 00 00 and a byte of up to 03 (ITU-T H.264 7.4.1)."""
    return _EMULATES_START_CODE.sub(b"\0\0\3", rbsp)


class BitReader:
    """Reads big-endian bit fields and Exp-Golomb codes; ValueError when the bits run out or a code is out of range."""

    MAX_LEADING_ZERO_BITS = 31
    """ue(v) is at most 2^32 - 2 (ITU-T H.264 9.1)."""

    def __init__(self, rbsp: bytes) -> None:
        self._value = int.from_bytes(rbsp, "big")
        self._size_bits = self._left_bits = 8 * len(rbsp)

    @property
    def consumed(self) -> tuple[int, int]:
        """The bits read so far, as a number, and how many they are: a `BitWriter` continues from there."""
        return self._value >> self._left_bits, self._size_bits - self._left_bits

    @property
    def is_at_trailing_bits(self) -> bool:
        """Whether only rbsp_trailing_bits are left (ITU-T H.264 7.3.2.11): a one and zeros."""
        return self._left_bits > 0 and self._value & ((1 << self._left_bits) - 1) == 1 << (self._left_bits - 1)

    def bits(self, count: int) -> int:
        """u(n): the next `count` bits as an unsigned number."""
        if count > self._left_bits:
            raise ValueError(f"truncated: {count} bits wanted, {self._left_bits} left")
        self._left_bits -= count
        return (self._value >> self._left_bits) & ((1 << count) - 1)

    def flag(self) -> bool:
        """u(1)."""
        return self.bits(1) == 1

    def skip(self, count: int) -> None:
        """Skip `count` bits."""
        self.bits(count)

    def unsigned(self, name: str, most: int) -> int:
        """ue(v), ITU-T H.264 9.1; ValueError naming the field when it exceeds `most`."""
        leading_zero_bits = 0
        while not self.flag():
            leading_zero_bits += 1
            if leading_zero_bits > self.MAX_LEADING_ZERO_BITS:
                raise ValueError(f"{name}: an Exp-Golomb code of over {self.MAX_LEADING_ZERO_BITS} leading zeros")
        value = (1 << leading_zero_bits) - 1 + self.bits(leading_zero_bits)
        if value > most:
            raise ValueError(f"{name} is {value}, at most {most} is allowed")
        return value

    def signed(self, name: str) -> int:
        """se(v), ITU-T H.264 9.1.1: 0, 1, -1, 2, -2, ..."""
        code = self.unsigned(name, (1 << 32) - 2)
        return (code + 1) // 2 if code % 2 else -(code // 2)


class BitWriter:
    """Writes big-endian bit fields and Exp-Golomb codes behind `count` bits whose number is `value`."""

    def __init__(self, value: int = 0, count: int = 0) -> None:
        self._value = value
        self._count = count

    def bits(self, value: int, count: int) -> None:
        """u(n): append `value`, an unsigned number of `count` bits."""
        self._value = self._value << count | value
        self._count += count

    def unsigned(self, value: int) -> None:
        """ue(v), ITU-T H.264 9.1."""
        self.bits(value + 1, 2 * (value + 1).bit_length() - 1)

    def rbsp(self) -> bytes:
        """Return all bits and rbsp_trailing_bits (ITU-T H.264 7.3.2.11)."""
        size_bytes = self._count // 8 + 1
        trailing_bits = 8 * size_bytes - self._count
        return (self._value << trailing_bits | 1 << (trailing_bits - 1)).to_bytes(size_bytes, "big")
