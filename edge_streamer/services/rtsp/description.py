"""What DESCRIBE answers: the SDP of a stream whose parameter sets are known."""

from edge_streamer.media.stream import Stream
from edge_streamer.protocol.sdp import application_specific_kbps, describe_video

PACKET_OVERHEAD = 1.05
"""RTP, UDP and IP headers over the encoder's bitrate at full packets, rounded up: RFC 3550 section 6.2 counts
them in the session bandwidth."""


def describe(stream: Stream, server_host: str) -> bytes:
    """Return the SDP; AssertionError when the parameter sets are not known yet."""
    parameter_sets = stream.parameter_sets
    assert parameter_sets is not None, "wait for Stream.when_described"
    return describe_video(
        session_id=stream.identity.ssrc,
        session_version=1,
        server_host=server_host,
        name=stream.name,
        profile_level_id=parameter_sets.profile_level_id,
        sprop=parameter_sets.sprop,
        bandwidth_kbps=application_specific_kbps(stream.link_bitrate_bps * PACKET_OVERHEAD),
        frame_rate=stream.nominal_fps or None,
    )
