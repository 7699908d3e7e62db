"""Range (RFC 2326 section 12.29) of a live stream, which has one position: now.

The Range of a request is ignored: `npt=0.000-` (ffmpeg, retina), `npt=now-`, `clock=...` and no Range at all mean the
same for a live stream, and a server that refuses one of them loses a client.
"""

from typing import Final

LIVE_RANGE: Final = "npt=now-"
"""The Range of a PLAY reply: from now, without end."""
