"""The limits of a board's H.264 encoder: `[encoder]` of its hardware profile, a part of a camera's request.

The configuration is checked against them, and the source process decides with them which outputs get the encoder and
which changes are possible. Numbers and arithmetic only; the callers compare, and word the errors.
"""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

MACROBLOCK_PIXELS: Final = 16
MOST_MACROBLOCKS_PER_S: Final = 16_711_680
"""ITU-T H.264 table A-1: MaxMBPS of level 6.2, the highest."""

_PIXELS: Final = Meta(ge=16, le=16_384)


class EncoderLimits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[encoder]`: the limits of the board's H.264 encoder; pixels, 16x16-pixel macroblocks a second, bit/s.

    Size and bit rate are limits of each stream, macroblocks of all together, as they share one encoder block. There are
    no lower limits: the ranges of a request (`ranges`) begin above the minimum of every known encoder.
    """

    kind: Literal["v4l2_m2m"]
    max_width: Annotated[int, _PIXELS]
    max_height: Annotated[int, _PIXELS]
    max_macroblocks_per_s: Annotated[int, Meta(ge=1485, le=MOST_MACROBLOCKS_PER_S)]
    max_bitrate_bps: Annotated[int, Meta(ge=1, le=100_000_000_000)]


def macroblocks(width: int, height: int) -> int:
    """Return the number of macroblocks of a picture; partial ones at its right and lower edge count as whole."""
    return -(-width // MACROBLOCK_PIXELS) * -(-height // MACROBLOCK_PIXELS)
