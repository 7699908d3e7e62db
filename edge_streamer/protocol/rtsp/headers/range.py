"""Range (RFC 2326 section 12.29) of a live stream, which has one position: now.

A request's Range is not read: `npt=0.000-` (ffmpeg, retina), `npt=now-`, `clock=...` and none at all mean the same
here, and refusing one of them refuses a client.
"""

from typing import Final

LIVE_RANGE: Final = "npt=now-"
"""What a PLAY reply says: from now, without end."""
