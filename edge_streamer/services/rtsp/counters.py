"""What the RTSP service has counted since its start; metrics and API are made from it. Sums survive their sessions."""

from collections import Counter
from dataclasses import dataclass, field

from edge_streamer.services.rtsp.wire import Traffic
from edge_streamer.services.status import EndReason, Limit


@dataclass(slots=True)
class RtspCounters:
    """What has happened since the start; sums survive their sessions."""

    requests: Counter[str] = field(default_factory=Counter)
    responses: Counter[str] = field(default_factory=Counter)
    protocol_errors: Counter[str] = field(default_factory=Counter)
    sessions_started: Counter[str] = field(default_factory=Counter)
    sessions_ended: Counter[EndReason] = field(default_factory=Counter)
    limits_reached: Counter[Limit] = field(default_factory=Counter)
    sent_bytes: Counter[str] = field(default_factory=Counter)
    sent_packets: Counter[str] = field(default_factory=Counter)
    discarded_frames: Counter[str] = field(default_factory=Counter)

    def count_reply(self, method: str, status: int) -> None:
        """Count a request and its reply."""
        self.requests[method] += 1
        self.responses[str(status)] += 1

    def count_traffic(self, traffic: Traffic) -> None:
        """Add what has been sent."""
        self.sent_bytes[traffic.name] += traffic.sent_bytes
        self.sent_packets[traffic.name] += traffic.sent_packets
        self.discarded_frames[traffic.name] += traffic.discarded_frames
