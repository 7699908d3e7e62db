"""The one table of metric families: the collector, `docs/metrics.md` and the dashboards are all made from it.

A row says what a family is and how its samples are read from a `ServiceStatus`, so every family is both documented and
exported. The module renders nothing (`exposition` and `text` do) and holds no state.

Rules: base units; `_total` for counters; labels from closed sets; a series that may appear later is exported as 0 from
the start. The series of a session are keyed by its slot, a small number that a later session takes over, so that
clients coming and going make no new series; only `session_info` says which session is in the slot.
"""

import platform
from collections.abc import Iterable, Mapping
from typing import Final, get_args

from edge_streamer import __version__
from edge_streamer.protocol.rtsp.faults import STATUS_OF_KIND
from edge_streamer.protocol.rtsp.server.methods import METHODS
from edge_streamer.protocol.source.messages import DiscardReason
from edge_streamer.services.limits import COUNTED_LIMITS
from edge_streamer.services.metrics.device import DEVICE_FAMILIES
from edge_streamer.services.metrics.families import (
    MAX_EXPORTED_SESSIONS,
    MetricFamily,
    MetricKind,
    Sample,
    Samples,
    by_label,
    by_slot,
    by_stream,
    by_stream_and_reason,
    counter,
    exported_sessions,
    gauge,
    histogram,
    if_known,
    info,
    one,
)
from edge_streamer.services.status import EndReason, RestartReason, ServiceStatus, SessionStatus

_TRANSPORTS: Final = ("tcp", "udp", "multicast")

COLLECTOR_SECONDS: Final = MetricFamily(
    "collector_seconds",
    MetricKind.GAUGE,
    "Time that this scrape took, without the process's own families and without compressing.",
    ("collector",),
)
COLLECTOR_ERRORS: Final = MetricFamily(
    "collector_errors_total",
    MetricKind.COUNTER,
    "Scrapes without the service's families because collecting them failed; the traceback is in the journal.",
    ("collector",),
)


def _build_info(_status: ServiceStatus) -> Iterable[Sample]:
    return [((__version__, platform.python_version()), 1)]


def _source_info(status: ServiceStatus) -> Iterable[Sample]:
    for stream in status.streams:
        encoder = (stream.encoder, stream.encoder_reason)
        size = (str(stream.width), str(stream.height), f"{stream.nominal_fps:g}")
        yield (stream.name, stream.source_kind, stream.camera, *encoder, *size), 1


def _session_info(status: ServiceStatus) -> Iterable[Sample]:
    for s in exported_sessions(status):
        yield (str(s.slot), s.session_id, s.peer_ip, s.transport, s.client, s.stream), 1


def _round_trip_s(session: SessionStatus) -> float | None:
    return session.round_trip_s if session.kernel_round_trip_s is None else session.kernel_round_trip_s


def _bytes_per_second(bitrate_bps: float | None) -> float | None:
    return bitrate_bps / 8 if bitrate_bps else None


def _requests_by_method(status: ServiceStatus) -> Mapping[str, int]:
    """Count methods that RTSP does not have as "other": a peer may invent any number of them."""
    counts: dict[str, int] = {}
    for method, count in status.rtsp_requests.items():
        label = method if method in METHODS else "other"
        counts[label] = counts.get(label, 0) + count
    return counts


_BUILD: Final = (
    info("build_info", "The version that is running, and its Python.", Samples(("version", "python"), _build_info)),
)

_SOURCES: Final = (
    info(
        "source_info",
        "What each source makes, with which camera and encoder, and why with this encoder; fps is nominal.",
        Samples(("stream", "kind", "camera", "encoder", "encoder_reason", "width", "height", "fps"), _source_info),
    ),
    gauge("source_up", "Whether the source delivers frames: 1 or 0.", by_stream(lambda stream: stream.is_up)),
    gauge(
        "source_wanted",
        "Whether the source is to deliver frames: 0 for an on-demand source without a viewer, else 1.",
        by_stream(lambda stream: stream.is_wanted),
    ),
    gauge(
        "source_slate_shown",
        "Whether viewers get a still picture that says why there is none: 1 or 0.",
        by_stream(lambda stream: stream.is_slate_shown),
    ),
    counter(
        "source_slate_frames_total",
        "Still pictures sent while the source gave none; no other metric of a source counts them.",
        by_stream(lambda stream: stream.slate_frames),
    ),
    counter("source_frames_total", "Frames that arrived from the source.", by_stream(lambda stream: stream.frames)),
    counter(
        "source_keyframes_total",
        "Key frames among the frames that arrived from the source.",
        by_stream(lambda stream: stream.key_frames),
    ),
    counter(
        "source_bytes_total", "Encoded bytes that arrived from the source.", by_stream(lambda stream: stream.bytes)
    ),
    counter(
        "source_dropped_frames_total",
        "Frames that the source process dropped because the server did not read in time.",
        by_stream(lambda stream: stream.dropped_frames),
    ),
    counter(
        "source_restarts_total",
        "Times the source process was started again, by reason.",
        by_stream_and_reason(lambda stream: stream.restarts, RestartReason),
    ),
    counter(
        "source_discarded_buffers_total",
        "Buffers of the camera, or access units of a file, that held no whole picture, by reason.",
        by_stream_and_reason(lambda stream: stream.discarded_buffers, get_args(DiscardReason)),
    ),
    gauge(
        "source_last_frame_timestamp_seconds",
        "When the last frame arrived, in Unix time; absent before the first one.",
        by_stream(lambda stream: stream.last_frame_wall_s),
    ),
    gauge(
        "source_nominal_frames_per_second",
        "Frame rate that the encoder is set to, or that the file has; the true one is the rate of source_frames_total.",
        by_stream(lambda stream: stream.nominal_fps),
    ),
    gauge(
        "source_nominal_bytes_per_second",
        "Bit rate that the encoder is set to, in bytes per second; absent where frames come encoded. The true one is "
        "the rate of source_bytes_total.",
        by_stream(lambda stream: _bytes_per_second(stream.bitrate_bps)),
    ),
    gauge(
        "source_key_frame_interval_seconds",
        "Time between the last two key frames; absent before the second of a running source.",
        by_stream(lambda stream: stream.key_frame_interval_s),
    ),
    gauge(
        "source_start_cache_bytes",
        "Size of the frames since the last key frame, with which a viewer starts; absent while they exceed "
        "link.start_cache_bytes.",
        by_stream(lambda stream: stream.start_cache_bytes),
    ),
    counter(
        "source_start_cache_overflows_total",
        "Groups of pictures that exceeded link.start_cache_bytes; viewers that joined then waited for the next key "
        "frame.",
        by_stream(lambda stream: stream.start_cache_overflows),
    ),
    gauge(
        "link_bytes_per_second",
        "Peak rate that write budgets are computed from.",
        by_stream(lambda stream: stream.link_bitrate_bps / 8),
    ),
    histogram(
        "frame_handoff_seconds",
        "Time from the encoder handing a frame over to the loop reading it.",
        by_stream(lambda stream: stream.frame_handoff),
    ),
    histogram(
        "capture_to_send_seconds",
        "Time from a frame's exposure until it was handed to the socket of each of its viewers.",
        one(lambda status: status.capture_to_send),
    ),
    histogram(
        "time_to_first_frame_seconds",
        "Time from the demand for a source that was off to its first frame.",
        one(lambda status: status.time_to_first_frame),
    ),
)

_RTSP: Final = (
    counter("rtsp_connections_total", "RTSP connections accepted.", one(lambda status: status.rtsp_connections)),
    counter(
        "rtsp_requests_total",
        "RTSP requests, by method; unknown methods are counted as other.",
        by_label("method", _requests_by_method, (*METHODS, "other")),
    ),
    counter(
        "rtsp_responses_total",
        "RTSP responses, by status code.",
        by_label("code", lambda status: status.rtsp_responses),
    ),
    counter(
        "rtsp_auth_failures_total",
        "RTSP requests refused because of a wrong user or password; requests without credentials are not counted.",
        one(lambda status: status.rtsp_auth_failures),
    ),
    counter(
        "http_auth_failures_total",
        "HTTP requests refused because of a wrong user or password; requests without credentials are not counted.",
        one(lambda status: status.http_auth_failures),
    ),
    counter(
        "rtsp_protocol_errors_total",
        "Protocol errors of RTSP peers, by kind.",
        by_label("kind", lambda status: status.rtsp_protocol_errors, map(str, STATUS_OF_KIND)),
    ),
    gauge(
        "connections_open",
        "Connections that are open now, by protocol.",
        by_label("protocol", lambda status: status.connections_open, ("http", "rtsp")),
    ),
    counter(
        "connections_evicted_total",
        "Connections without an open request or session that were closed to make room for another one, by protocol.",
        by_label("protocol", lambda status: status.connections_evicted, ("http", "rtsp")),
    ),
    counter(
        "limits_reached_total",
        "Times a client was refused or disconnected because of a limit, by its configuration key; descriptors is the "
        "operating system's limit.",
        by_label("limit", lambda status: status.limits_reached, COUNTED_LIMITS),
    ),
)

_TOTALS: Final = (
    gauge("sessions_active", "RTSP sessions that exist now.", one(lambda status: len(status.sessions))),
    gauge("sessions_limit", "RTSP sessions that may exist at once.", one(lambda status: status.sessions_limit)),
    gauge(
        "sessions_truncated",
        f"Sessions without series of their own, because {MAX_EXPORTED_SESSIONS} have them already.",
        one(lambda status: max(0, len(status.sessions) - MAX_EXPORTED_SESSIONS)),
    ),
    counter(
        "sessions_started_total",
        "Sessions that were set up, by transport.",
        by_label("transport", lambda status: status.sessions_started, _TRANSPORTS),
    ),
    counter(
        "sessions_ended_total",
        "Sessions that ended, by reason; each has exactly one.",
        by_label("reason", lambda status: status.sessions_ended, EndReason),
    ),
    counter(
        "sent_bytes_total",
        "Media bytes handed to the kernel for all sessions, ended ones too.",
        by_label("transport", lambda status: status.sent_bytes, _TRANSPORTS),
    ),
    counter(
        "sent_packets_total",
        "RTP packets handed to the kernel for all sessions, ended ones too.",
        by_label("transport", lambda status: status.sent_packets, _TRANSPORTS),
    ),
    counter(
        "discarded_frames_total",
        "Frames that sessions should have got and did not get, over all sessions.",
        by_label("transport", lambda status: status.discarded_frames, _TRANSPORTS),
    ),
    gauge(
        "write_budget_seconds",
        "Stall that every live reader survives without loss; a dead reader is ended after it.",
        one(lambda status: status.write_budget_s),
    ),
)

_SESSIONS: Final = (
    info(
        "session_info",
        "The session that is in the slot now.",
        Samples(("slot", "session", "peer_ip", "transport", "client", "stream"), _session_info),
    ),
    counter(
        "session_sent_bytes_total",
        "Media bytes sent to all occupants of the slot.",
        by_slot(lambda session: session.slot_sent_bytes),
    ),
    counter(
        "session_discarded_frames_total",
        "Frames that occupants of the slot should have got and did not get.",
        by_slot(lambda session: session.slot_discarded_frames),
    ),
    gauge(
        "session_backlog_bytes",
        "Bytes waiting for the reader, in the server and in the kernel.",
        by_slot(lambda session: session.backlog_bytes),
    ),
    gauge(
        "session_backlog_seconds",
        "The bytes waiting for the reader, as seconds of the stream at its peak rate.",
        by_slot(lambda session: session.backlog_s),
    ),
    gauge(
        "session_write_budget_bytes",
        "Write budget: the session ends when more bytes are waiting.",
        by_slot(lambda session: session.write_budget_bytes),
    ),
    gauge(
        "session_rtcp_fraction_lost_ratio",
        "Share of packets lost, 0 to 1, as the reader last reported; absent before that.",
        by_slot(lambda session: session.fraction_lost_ratio),
    ),
    gauge(
        "session_rtcp_jitter_seconds",
        "Interarrival jitter as the reader last reported; absent before that.",
        by_slot(lambda session: session.jitter_s),
    ),
    gauge(
        "session_oldest_unsent_seconds",
        "How long the oldest byte that waits in the server has waited.",
        by_slot(lambda session: session.oldest_unsent_s),
    ),
    gauge(
        "session_round_trip_seconds",
        "Round trip to the reader: over TCP, the kernel's smoothed value of the connection that carries the media; "
        "over UDP or multicast, where the RTSP connection may take another way, as the reader last reported by RTCP.",
        by_slot(_round_trip_s),
    ),
    counter(
        "session_retransmits_total",
        "TCP segments sent again to occupants of the slot; media over UDP is never sent again.",
        by_slot(lambda session: session.slot_retransmits),
    ),
    gauge(
        "session_delivery_bytes_per_second",
        "Rate at which the network last delivered to the reader, as the kernel measured it: with a backlog, the rate "
        "of the link; without one, the rate of what was sent; absent over UDP.",
        by_slot(lambda session: _bytes_per_second(session.delivery_bps)),
    ),
    gauge(
        "session_unacknowledged_bytes",
        "Bytes on their way to the reader, sent and not acknowledged; absent over UDP.",
        by_slot(lambda session: session.unacknowledged_bytes),
    ),
    gauge(
        "session_start_timestamp_seconds",
        "When the session in the slot began, in Unix time.",
        by_slot(lambda session: session.started_wall_s),
    ),
)

_LOOP: Final = (
    histogram(
        "loop_turn_seconds",
        "Duration of one turn of the loop, without waiting.",
        one(lambda status: status.loop_turns),
    ),
    gauge(
        "loop_worst_turn_seconds", "Longest turn of the loop since the start.", one(lambda status: status.worst_turn_s)
    ),
    counter(
        "handler_faults_total",
        "Connections that the server ended because its own code failed; each is in the journal with its traceback.",
        one(lambda status: status.handler_faults),
    ),
)

_BOARD: Final = (
    gauge(
        "soc_temperature_celsius",
        "Temperature of the processor; absent where the board has no such sensor.",
        if_known(lambda status: status.board_temperature_c),
    ),
    gauge(
        "soc_throttled",
        "Whether the board is slowed down now, by cause: 1 or 0; absent on boards whose firmware does not report it.",
        by_label("kind", lambda status: status.board_throttled),
    ),
)

STATUS_FAMILIES: Final = (*_BUILD, *_SOURCES, *_RTSP, *_TOTALS, *_SESSIONS, *_LOOP, *_BOARD, *DEVICE_FAMILIES)
"""Every family that a `ServiceStatus` fills."""
FAMILIES: Final[tuple[MetricFamily, ...]] = (*STATUS_FAMILIES, COLLECTOR_SECONDS, COLLECTOR_ERRORS)
"""Every family under `PREFIX`."""
