"""Content-Length (RFC 2326 section 12.14): how many body bytes follow a head. A wrong one loses the framing."""

import re
from typing import Final

_DIGITS: Final = re.compile(r"[0-9]{1,10}")
"""Ten digits exceed every body limit; a longer number only costs time to convert."""


def parse_content_length(value: str | None) -> int | None:
    """Return the body's length in bytes, 0 when the field is absent or empty, None when it is no length."""
    if not value:
        return 0
    return int(value) if _DIGITS.fullmatch(value) else None
