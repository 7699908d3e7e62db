"""The source process of a slate: encodes one still picture as two access units, hands them over, and ends.

Called by `__main__`. The server starts it once for an outage and repeats the two by turns, so nothing is drawn or
encoded while the outage lasts. Both are IDRs of the same picture; the second exists because consecutive IDRs must
differ in `idr_pic_id` (ITU-T H.264 7.4.3).
"""

import os
from typing import Final

from edge_streamer.codec.frame import EncodedFrame
from edge_streamer.protocol.source.request import Output, SlateOptions
from edge_streamer.sources.encoding.still import encode_still
from edge_streamer.sources.link import Link
from edge_streamer.sources.slate.picture import draw_slate

LOW_PRIORITY: Final = 10
"""Nice value: a camera that is just being started again comes first."""


def run_slate(link: Link, output: Output, options: SlateOptions) -> None:
    """Send both access units of the slate; SourceError when it cannot be encoded."""
    os.nice(LOW_PRIORITY)
    for data in encode_still(draw_slate(output, options), output, options.profile):
        link.send_frame(0, EncodedFrame(data, is_key_frame=True, media_time=0))
