"""The counters of the RTSP service since its start; metrics and API are made from them."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from edge_streamer.services.marks import keys_marked
from edge_streamer.services.rtsp.settings import RtspSettings
from edge_streamer.services.rtsp.wire import Traffic
from edge_streamer.services.status import EndReason

_LIMITS: Final = keys_marked({"rtsp": RtspSettings}, "limit", "counted")


@dataclass(slots=True)
class RtspCounters:
    """Counters since the start. A session's part of a sum stays when the session ends. `limits_reached` accepts only
    the keys of limits."""

    requests: Counter[str] = field(default_factory=Counter)
    responses: Counter[str] = field(default_factory=Counter)
    protocol_errors: Counter[str] = field(default_factory=Counter)
    sessions_started: Counter[str] = field(default_factory=Counter)
    sessions_ended: Counter[EndReason] = field(default_factory=Counter)
    limits_reached: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_LIMITS, 0))
    sent_bytes: Counter[str] = field(default_factory=Counter)
    sent_packets: Counter[str] = field(default_factory=Counter)
    discarded_frames: Counter[str] = field(default_factory=Counter)

    def count_reply(self, method: str, status: int) -> None:
        """Count a request and its reply."""
        self.requests[method] += 1
        self.responses[str(status)] += 1

    def count_traffic(self, traffic: Traffic) -> None:
        """Add the bytes, packets and discarded frames of `traffic`."""
        self.sent_bytes[traffic.name] += traffic.sent_bytes
        self.sent_packets[traffic.name] += traffic.sent_packets
        self.discarded_frames[traffic.name] += traffic.discarded_frames
