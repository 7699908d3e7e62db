"""CSeq (RFC 2326 section 12.17): the number that joins a reply to its request.

The number stays text, since the reply must repeat it exactly, also `0` (ExoPlayer and Scrypted count from 0) and `007`.
"""

import re
from typing import Final

_DIGITS: Final = re.compile(r"[0-9]{1,20}")
"""Twenty digits hold 64 bits; whatever is longer is not a counter."""


def parse_cseq(value: str | None) -> str | None:
    """Return the digits to echo, None for an absent or unusable value."""
    return value if value is not None and _DIGITS.fullmatch(value) else None
