"""When an RTP packet was captured, as a client computes it: from a sender report, or from the reply to PLAY."""

import struct
from datetime import UTC, datetime
from typing import Final

from tests.support.rtsp.wire import Response

CLOCK_HZ: Final = 90_000
NTP_EPOCH_OFFSET_S: Final = 2_208_988_800
"""1900 to 1970 (RFC 5905 figure 4)."""


def instant_of(report: bytes, rtp_timestamp: int) -> float:
    """Return the UTC (seconds since 1970) of an RTP timestamp on the line of a sender report (RFC 3550 6.4.1)."""
    seconds, fraction, report_timestamp = struct.unpack_from("!III", report, 8)
    behind_ticks = (report_timestamp - rtp_timestamp + 2**31) % 2**32 - 2**31
    return seconds - NTP_EPOCH_OFFSET_S + fraction / 2**32 - behind_ticks / CLOCK_HZ


def instant_in(play: Response) -> float:
    """Return the UTC in the Range of a reply to PLAY (RFC 2326 section 3.7); ValueError when it has another unit."""
    return datetime.strptime(play.headers["range"], "clock=%Y%m%dT%H%M%S.%fZ-").replace(tzinfo=UTC).timestamp()
