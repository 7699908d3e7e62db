"""What the RTSP service is told: its settings, and the protocol's limits that follow from them. Values only.

Made by `app` from the configuration; other ones may be applied while the service runs (`RtspService.apply`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from edge_streamer.protocol.rtsp.limits import RtspLimits
from edge_streamer.runtime.udp.multicast import GroupAddress

EXPIRY_FACTOR: Final = 1.5
"""Sessions are ended later than advertised: some clients ping at the very time-out, some VLC builds even after it."""


@dataclass(frozen=True, slots=True)
class RtspSettings:
    """What the configuration says of RTSP. `groups` has every stream's, where `transports` has multicast."""

    transports: tuple[str, ...] = ("tcp", "udp")
    session_timeout_s: int = 60
    max_sessions: int = 64
    max_sessions_per_address: int = 16
    max_connections: int = 256
    max_connections_per_address: int = 64
    setup_within_s: float = 10.0
    max_pending_describes: int = 32
    max_header_bytes: int = 16_384
    max_body_bytes: int = 65_536
    udp_ports: tuple[int, int] = (50000, 50999)
    groups: Mapping[str, GroupAddress] = field(default_factory=dict)
    dead_after_s: float = 8.0


def limits_of(settings: RtspSettings) -> RtspLimits:
    """Return what the protocol objects of new connections go by."""
    return RtspLimits(
        header_bytes=settings.max_header_bytes,
        body_bytes=settings.max_body_bytes,
        setup_within_s=settings.setup_within_s,
        session_timeout_s=settings.session_timeout_s,
        session_expiry_s=settings.session_timeout_s * EXPIRY_FACTOR,
    )
