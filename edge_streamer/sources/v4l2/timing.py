"""What a frame says of its exposure.

Used by `raw` and `native`.
"""

import time

from edge_streamer.codec.frame import EncodedFrame
from edge_streamer.sources.timing.schedule import media_time_of
from edge_streamer.sources.timing.wall_clock import wall_ns_of


def encoded_frame(data: bytes, captured_ns: int, is_key_frame: bool) -> EncodedFrame:
    """Return the frame of an exposure at `captured_ns`, handed over now."""
    sent_ns = time.monotonic_ns()
    wall_ns = wall_ns_of(captured_ns)
    return EncodedFrame(data, is_key_frame, media_time_of(captured_ns), wall_ns, sent_ns, captured_ns=captured_ns)
