"""What one RTSP peer may cost: every size, count and time-out of this package, with the value it ships with.

The code that enforces a limit names it (`limits.max_header_bytes`), so a search finds both ends. Limits over
several connections (their number, the number of sessions) belong to the service, not to the protocol.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class RtspLimits:
    """Limits of one connection; ValueError when the advertised time-out could end a client that keeps to it."""

    max_header_bytes: int = 16384
    """Request line and header fields, with the blank line that ends them."""
    headers: int = 64
    max_body_bytes: int = 65536
    pipelined_bytes: int = 131072
    """Bytes that may wait unparsed behind a request that the service has not answered yet."""
    request_s: float = 30.0
    """A request or `$` frame must be complete this long after its first byte. A link that stalls for 8 s meets it."""
    setup_within_s: float = 10.0
    """How long a connection may have no session; `server.protocol` says from when. ZoneMinder sleeps for a second
    between DESCRIBE and SETUP, and a link may stall for 8 s."""
    session_timeout_s: int = 60
    """Advertised in `Session`. Not below 60: Media3 pings every 30 s whatever is advertised (androidx/media#662)."""
    session_expiry_s: float = 90.0
    """Enforced, and longer than advertised: Media Foundation pings exactly at the time-out, some VLC builds every
    70 s."""

    def __post_init__(self) -> None:
        if not 1 <= self.session_timeout_s <= self.session_expiry_s:
            raise ValueError("session_timeout_s must be at least 1 and at most session_expiry_s")


DEFAULT_LIMITS: Final = RtspLimits()
