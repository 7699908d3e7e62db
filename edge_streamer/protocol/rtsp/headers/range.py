"""Range (RFC 2326 section 12.29) of a live stream, which has one position: now.

The reply to PLAY says when that is: the UTC of the packet that RTP-Info names (ONVIF Streaming 5.2.2.3), so that a
recorder can date the first picture without a sender report.

The Range of a request is ignored: `npt=0.000-` (ffmpeg, retina), `npt=now-`, `clock=...` and no Range at all mean the
same for a live stream, and a server that refuses one of them loses a client.
"""

from datetime import UTC, datetime
from typing import Final

LIVE_RANGE: Final = "npt=now-"
"""The Range of a PLAY reply that names no packet: from now, without end."""

_NS_PER_MS: Final = 1_000_000
_READS_NPT_ONLY: Final = ("exoplayer", "androidxmedia3")
"""In the names of clients that give up at a Range in another unit: ExoPlayer, Media3 (google/ExoPlayer#10804,
androidx/media#2322). They match the value with a pattern that begins with `npt`."""


def play_range(first_wall_ns: int, user_agent: str) -> str:
    """Return the Range of a PLAY reply; `first_wall_ns` is when the packet that RTP-Info names was captured."""
    name = user_agent.lower()
    return LIVE_RANGE if any(mark in name for mark in _READS_NPT_ONLY) else clock_range(first_wall_ns)


def clock_range(wall_ns: int) -> str:
    """Return the Range from a UTC instant (ns since 1970) on, without end, to the millisecond (section 3.7)."""
    seconds, milliseconds = divmod((wall_ns + _NS_PER_MS // 2) // _NS_PER_MS, 1000)
    return f"clock={datetime.fromtimestamp(seconds, UTC):%Y%m%dT%H%M%S}.{milliseconds:03d}Z-"
