"""What a board's H.264 encoder can make: `[encoder]` of its hardware profile, which travels in a camera's request.

The configuration is checked against it, and the source process decides by it which outputs get the encoder and which
changes it takes. Numbers and arithmetic only; who compares says it in its own words.
"""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

MACROBLOCK_PIXELS: Final = 16
MOST_MACROBLOCKS_PER_S: Final = 16_711_680
"""ITU-T H.264 table A-1: MaxMBPS of level 6.2, the highest."""

_PIXELS: Final = Meta(ge=16, le=16_384)


class EncoderLimits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[encoder]`: the limits of the board's H.264 encoder; pixels, 16x16-pixel macroblocks a second, bit/s.

    Size and bit rate are limits of each stream, macroblocks of all together, as they share one encoder block. There is
    no least: what may be asked of a stream (`ranges`) is above what any known encoder needs.
    """

    kind: Literal["v4l2_m2m"]
    max_width: Annotated[int, _PIXELS]
    max_height: Annotated[int, _PIXELS]
    max_macroblocks_per_s: Annotated[int, Meta(ge=1485, le=MOST_MACROBLOCKS_PER_S)]
    max_bitrate_bps: Annotated[int, Meta(ge=1, le=100_000_000_000)]


def macroblocks(width: int, height: int) -> int:
    """Return how many macroblocks a picture has: those at its right and lower edge count whole."""
    return -(-width // MACROBLOCK_PIXELS) * -(-height // MACROBLOCK_PIXELS)
