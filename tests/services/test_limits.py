"""The limits follow from the settings sections; their keys are a promise to whoever has dashboards and scripts."""

from edge_streamer.runtime.address import PortRange
from edge_streamer.services.http.settings import HttpSettings
from edge_streamer.services.limits import COUNTED_LIMITS, DESCRIPTORS, limits_in_effect
from edge_streamer.services.rtsp.settings import RtspSettings


def test_what_clients_are_refused_for_is_a_closed_set() -> None:
    assert set(COUNTED_LIMITS) == {
        "rtsp.max_sessions",
        "rtsp.max_sessions_per_address",
        "rtsp.max_connections",
        "rtsp.max_connections_per_address",
        "rtsp.setup_within_s",
        "rtsp.max_pending_describes",
        "rtsp.udp_ports",
        "http.max_connections",
        "http.max_connections_per_address",
        "descriptors",
    }
    assert len(set(COUNTED_LIMITS)) == len(COUNTED_LIMITS)


def test_what_is_in_effect_is_shown_by_its_key() -> None:
    rtsp = RtspSettings(max_sessions=3, udp_ports=PortRange(40000, 40009), session_timeout_s=30)
    limits = dict(limits_in_effect(rtsp, HttpSettings(max_connections=5)))
    assert limits.pop(DESCRIPTORS) > 0
    assert limits == {
        "rtsp.session_timeout_s": 30,
        "rtsp.max_sessions": 3,
        "rtsp.max_sessions_per_address": 16,
        "rtsp.max_connections": 256,
        "rtsp.max_connections_per_address": 64,
        "rtsp.setup_within_s": 10,
        "rtsp.max_pending_describes": 32,
        "rtsp.max_header_bytes": 16384,
        "rtsp.max_body_bytes": 65536,
        "rtsp.udp_ports": [40000, 40009],
        "http.max_connections": 5,
        "http.max_connections_per_address": 32,
    }
