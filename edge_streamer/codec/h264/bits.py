"""Bits of an H.264 raw byte sequence payload (ITU-T H.264 7.2, 7.4.1, 9.1): the only bit reader for H.264."""


def without_emulation_prevention(nal_payload: bytes) -> bytes:
    """Return the RBSP of a NAL unit's payload: the 03 of each 00 00 03 is removed (ITU-T H.264 7.4.1)."""
    return nal_payload.replace(b"\x00\x00\x03", b"\x00\x00")


class BitReader:
    """Reads big-endian bit fields and Exp-Golomb codes; ValueError when the bits run out or a code is out of range."""

    MAX_LEADING_ZERO_BITS = 31
    """ue(v) is at most 2^32 - 2 (ITU-T H.264 9.1)."""

    def __init__(self, rbsp: bytes) -> None:
        self._value = int.from_bytes(rbsp, "big")
        self._left_bits = 8 * len(rbsp)

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
