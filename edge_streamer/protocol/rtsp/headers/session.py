"""Session (RFC 2326 section 12.37): `<id>;timeout=<seconds>`."""

import re
from typing import Final

# Larix sends the id back with `;timeout=60` still on it: parameters of a request are ignored.
_REQUEST_VALUE: Final = re.compile(r"([A-Za-z0-9$_.+-]{1,128})[ \t]*(?:;.*)?")


def parse_session(value: str) -> str | None:
    """Return the session id of a request's field, None when it cannot be one."""
    match = _REQUEST_VALUE.fullmatch(value)
    return match[1] if match else None


def encode_session(session_id: str, timeout_s: int) -> str:
    """Return the reply's value. No blank after `;`: ffmpeg reads the time-out only directly behind it."""
    return f"{session_id};timeout={timeout_s}"
