"""H.264 syntax written bit by bit, from ITU-T H.264 7.3 and 9.1 alone; the strings are bits."""

from dataclasses import dataclass


def ue(*values: int) -> str:
    """Exp-Golomb codes (section 9.1)."""
    codes = [f"{value + 1:b}" for value in values]
    return "".join("0" * (len(code) - 1) + code for code in codes)


def se(value: int) -> str:
    """A signed Exp-Golomb code (section 9.1.1)."""
    return ue(2 * value - 1 if value > 0 else -2 * value)


def u(value: int, bits: int) -> str:
    """A field of fixed width."""
    return f"{value:0{bits}b}"


def nal(bits: str, first_byte: int = 0x67) -> bytes:
    """A NAL unit of these bits, rbsp_trailing_bits and emulation prevention added; an SPS unless another is said."""
    bits += "1"
    bits += "0" * (-len(bits) % 8)
    escaped = bytearray((first_byte,))
    zeros = 0
    for byte in int(bits, 2).to_bytes(len(bits) // 8, "big"):
        if zeros >= 2 and byte <= 3:
            escaped.append(3)
            zeros = 0
        escaped.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(escaped)


@dataclass(frozen=True)
class Sps:
    """A sequence parameter set field by field; the strings are bits."""

    profile_idc: int = 66
    level_idc: int = 31
    own_id: int = 0
    chroma: str = ""
    log2_max_frame_num_minus4: int = 0
    order: str = ue(2)
    reference_frames: int = 1
    width_mbs: int = 80
    height_map_units: int = 45
    frame_mbs_only: str = "1"
    crop: str = "0"
    vui: str = "0"

    def encoded(self) -> bytes:
        """Return the NAL unit."""
        return nal(
            u(self.profile_idc, 8) + u(0xC0, 8) + u(self.level_idc, 8) + ue(self.own_id)
            + self.chroma
            + ue(self.log2_max_frame_num_minus4) + self.order + ue(self.reference_frames) + "0"
            + ue(self.width_mbs - 1) + ue(self.height_map_units - 1) + self.frame_mbs_only + "1"
            + self.crop + self.vui
        )  # fmt: skip
