"""What one RTSP peer may cost: every size, count and time-out of this package, with the value it ships with.

The code that enforces a limit names it (`limits.header_bytes`), so a search finds both ends. What limits several
connections together (how many, how many sessions) is the service's business, not the protocol's.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class RtspLimits:
    """Limits of one connection; ValueError when the advertised time-out could end a client that keeps to it."""

    header_bytes: int = 16384
    """Request line and header fields, with the blank line that ends them."""
    headers: int = 64
    body_bytes: int = 65536
    pipelined_bytes: int = 131072
    """Bytes that may wait unparsed behind a request that the service has not answered yet."""
    request_s: float = 30.0
    """A request or `$` frame that was begun must be complete by then. A link that stalls for 8 s still makes it."""
    setup_within_s: float = 10.0
    """How long a connection may be without a session; see `server` for when it begins. ZoneMinder sleeps for a second
    between DESCRIBE and SETUP, a link may stall for 8 s."""
    session_timeout_s: int = 60
    """Advertised in `Session`. Not below 60: Media3 pings every 30 s whatever it is told (androidx/media#662)."""
    session_expiry_s: float = 90.0
    """Enforced. Later than advertised: Media Foundation pings at the very time-out, some VLC builds each 70 s."""

    def __post_init__(self) -> None:
        if not 1 <= self.session_timeout_s <= self.session_expiry_s:
            raise ValueError("session_timeout_s must be at least 1 and at most session_expiry_s")


DEFAULT_LIMITS: Final = RtspLimits()
