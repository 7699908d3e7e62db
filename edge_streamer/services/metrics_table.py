"""The one table of metric families: the collector, `docs/metrics.md` and the dashboards are all made from it.

A row says what a family is and how its samples are read from a `ServiceStatus`, so nothing can be documented and not
exported, or the other way round. It renders nothing (`services.metrics`) and holds no state.

Rules: base units; `_total` for counters; labels from closed sets; a series that may come is exported as 0 before it
does. What belongs to one session is keyed by its slot, a small number that the next session takes over, so that
clients coming and going make no new series; who sits in the slot is on `session_info` alone.
"""

import platform
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from edge_streamer import __version__
from edge_streamer.protocol.rtsp.faults import STATUS_OF_KIND
from edge_streamer.services.status import (
    EndReason,
    Histogram,
    Limit,
    RestartReason,
    ServiceStatus,
    SessionStatus,
    StreamStatus,
)

PREFIX: Final = "edge_streamer_"
MAX_EXPORTED_SESSIONS: Final = 64
"""Sessions that get series of their own, ten each: the scrape stays under 1,000 series and a few milliseconds."""

Sample = tuple[tuple[str, ...], float | Histogram]
"""The label values, in the order of the family's labels, and the value."""
Read = Callable[[ServiceStatus], Iterable[Sample]]

_Value = TypeVar("_Value", bound=str)

_TRANSPORTS: Final = ("tcp", "udp", "multicast")
_DISCARD_REASONS: Final = ("empty", "torn", "error")  # as `media.frame.SourceDiscarded` has them
_METHODS: Final = (
    "DESCRIBE", "GET_PARAMETER", "OPTIONS", "PAUSE", "PLAY", "SETUP", "SET_PARAMETER", "TEARDOWN", "other",
)  # fmt: skip


class MetricKind(StrEnum):
    """The OpenMetrics types in use."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class MetricFamily:
    """One family. `name` is without `PREFIX` and with the suffix that queries use (`_total`, `_info`)."""

    name: str
    kind: MetricKind
    help: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StatusFamily(MetricFamily):
    """A family whose samples come from a `ServiceStatus`."""

    read: Read


COLLECTOR_SECONDS: Final = MetricFamily(
    "collector_seconds",
    MetricKind.GAUGE,
    "Time that collecting this scrape took, without writing it out.",
    ("collector",),
)
COLLECTOR_ERRORS: Final = MetricFamily(
    "collector_errors_total",
    MetricKind.COUNTER,
    "Scrapes that lack the collector's families because it failed; the traceback is in the journal.",
    ("collector",),
)


def exported_sessions(status: ServiceStatus) -> list[SessionStatus]:
    """Return the sessions that get series of their own: those in the lowest slots."""
    return sorted(status.sessions, key=lambda session: session.slot)[:MAX_EXPORTED_SESSIONS]


@dataclass(frozen=True, slots=True)
class _Reader:
    labels: tuple[str, ...]
    read: Read


def _one(value: Callable[[ServiceStatus], float | Histogram]) -> _Reader:
    return _Reader((), lambda status: [((), value(status))])


def _by_label(
    label: str, counts: Callable[[ServiceStatus], Mapping[_Value, int]], known: Iterable[_Value] = ()
) -> _Reader:
    zeros = dict.fromkeys(known, 0)

    def read(status: ServiceStatus) -> Iterable[Sample]:
        return [((str(value),), count) for value, count in sorted({**zeros, **counts(status)}.items())]

    return _Reader((label,), read)


def _by_source(value: Callable[[StreamStatus], float | None]) -> _Reader:
    def read(status: ServiceStatus) -> Iterable[Sample]:
        return [((stream.name,), sample) for stream in status.streams if (sample := value(stream)) is not None]

    return _Reader(("source",), read)


def _by_slot(value: Callable[[SessionStatus], float | None]) -> _Reader:
    def read(status: ServiceStatus) -> Iterable[Sample]:
        sessions = exported_sessions(status)
        return [((str(session.slot),), sample) for session in sessions if (sample := value(session)) is not None]

    return _Reader(("slot",), read)


def _counter(name: str, help_text: str, reader: _Reader) -> StatusFamily:
    return StatusFamily(name, MetricKind.COUNTER, help_text, reader.labels, reader.read)


def _gauge(name: str, help_text: str, reader: _Reader) -> StatusFamily:
    return StatusFamily(name, MetricKind.GAUGE, help_text, reader.labels, reader.read)


def _histogram(name: str, help_text: str, reader: _Reader) -> StatusFamily:
    return StatusFamily(name, MetricKind.HISTOGRAM, help_text, reader.labels, reader.read)


def _info(name: str, help_text: str, reader: _Reader) -> StatusFamily:
    return StatusFamily(name, MetricKind.INFO, help_text, reader.labels, reader.read)


def _build_info(_status: ServiceStatus) -> Iterable[Sample]:
    return [((__version__, platform.python_version()), 1)]


def _source_info(status: ServiceStatus) -> Iterable[Sample]:
    for stream in status.streams:
        encoder = (stream.encoder, stream.encoder_reason)
        size = (str(stream.width), str(stream.height), f"{stream.nominal_fps:g}")
        yield (stream.name, stream.source_kind, stream.camera, *encoder, *size), 1


def _by_source_and_reason(counts: Callable[[StreamStatus], Mapping[str, int]], known: Iterable[str]) -> _Reader:
    zeros = {str(reason): 0 for reason in known}

    def read(status: ServiceStatus) -> Iterable[Sample]:
        for stream in status.streams:
            for reason, count in sorted({**zeros, **counts(stream)}.items()):
                yield (stream.name, str(reason)), count

    return _Reader(("source", "reason"), read)


def _session_info(status: ServiceStatus) -> Iterable[Sample]:
    for s in exported_sessions(status):
        yield (str(s.slot), s.session_id, s.peer_ip, s.transport, s.client, s.stream), 1


def _requests_by_method(status: ServiceStatus) -> Mapping[str, int]:
    """Fold methods that RTSP does not have into "other": a peer may invent any number of them."""
    counts: dict[str, int] = {}
    for method, count in status.rtsp_requests.items():
        label = method if method in _METHODS else "other"
        counts[label] = counts.get(label, 0) + count
    return counts


_BUILD: Final = (
    _info("build_info", "The version that is running, and its Python.", _Reader(("version", "python"), _build_info)),
)

_SOURCES: Final = (
    _info(
        "source_info",
        "What each source makes, with which camera and encoder, and why with this one; fps is nominal.",
        _Reader(("source", "kind", "camera", "encoder", "encoder_reason", "width", "height", "fps"), _source_info),
    ),
    _gauge("source_up", "Whether the source delivers frames: 1 or 0.", _by_source(lambda stream: stream.is_up)),
    _gauge(
        "source_wanted",
        "Whether the source is to deliver frames: 0 for one on demand that nobody watches, else 1.",
        _by_source(lambda stream: stream.is_wanted),
    ),
    _counter("source_frames_total", "Frames that arrived from the source.", _by_source(lambda stream: stream.frames)),
    _counter(
        "source_keyframes_total",
        "Key frames among the frames that arrived from the source.",
        _by_source(lambda stream: stream.key_frames),
    ),
    _counter(
        "source_bytes_total", "Encoded bytes that arrived from the source.", _by_source(lambda stream: stream.bytes)
    ),
    _counter(
        "source_dropped_frames_total",
        "Frames that the source process dropped because the server did not read in time.",
        _by_source(lambda stream: stream.dropped_frames),
    ),
    _counter(
        "source_restarts_total",
        "Times the source process was started again, by reason.",
        _by_source_and_reason(lambda stream: stream.restarts, RestartReason),
    ),
    _counter(
        "source_discarded_buffers_total",
        "Buffers of the camera that held no whole picture, by what was wrong.",
        _by_source_and_reason(lambda stream: stream.discarded_buffers, _DISCARD_REASONS),
    ),
    _gauge(
        "source_last_frame_timestamp_seconds",
        "When the last frame arrived, in Unix time; absent before the first one.",
        _by_source(lambda stream: stream.last_frame_wall_s),
    ),
    _gauge(
        "link_bytes_per_second",
        "Peak rate that write budgets are computed from.",
        _by_source(lambda stream: stream.link_bitrate_bps / 8),
    ),
    _histogram(
        "frame_handoff_seconds",
        "Time from the encoder handing a frame over to the loop reading it.",
        _one(lambda status: status.frame_handoff),
    ),
    _histogram(
        "capture_to_send_seconds",
        "Time from a frame's exposure until it was handed to the socket of each of its viewers.",
        _one(lambda status: status.capture_to_send),
    ),
    _histogram(
        "time_to_first_frame_seconds",
        "Time from the demand for a source that was off to its first frame.",
        _one(lambda status: status.time_to_first_frame),
    ),
)

_RTSP: Final = (
    _counter("rtsp_connections_total", "RTSP connections accepted.", _one(lambda status: status.rtsp_connections)),
    _counter(
        "rtsp_requests_total",
        "RTSP requests, by method; unknown methods are counted as other.",
        _by_label("method", _requests_by_method, _METHODS),
    ),
    _counter(
        "rtsp_responses_total",
        "RTSP responses, by status code.",
        _by_label("code", lambda status: status.rtsp_responses),
    ),
    _counter(
        "rtsp_auth_failures_total",
        "RTSP requests refused because of a wrong user or password; being asked to log in is none.",
        _one(lambda status: status.rtsp_auth_failures),
    ),
    _counter(
        "http_auth_failures_total",
        "HTTP requests refused because of a wrong user or password; being asked to log in is none.",
        _one(lambda status: status.http_auth_failures),
    ),
    _counter(
        "rtsp_protocol_errors_total",
        "What RTSP peers sent that is not RTSP, by kind.",
        _by_label("kind", lambda status: status.rtsp_protocol_errors, map(str, STATUS_OF_KIND)),
    ),
    _gauge(
        "connections_open",
        "Connections that are open now, by protocol.",
        _by_label("protocol", lambda status: status.connections_open, ("http", "rtsp")),
    ),
    _counter(
        "limits_reached_total",
        "Times somebody was refused because of a limit, by its configuration key; descriptors is the system's.",
        _by_label("limit", lambda status: status.limits_reached, Limit),
    ),
)

_TOTALS: Final = (
    _gauge("sessions_active", "RTSP sessions that exist now.", _one(lambda status: len(status.sessions))),
    _gauge("sessions_limit", "RTSP sessions that may exist at once.", _one(lambda status: status.sessions_limit)),
    _gauge(
        "sessions_truncated",
        f"Sessions without series of their own, because {MAX_EXPORTED_SESSIONS} have them already.",
        _one(lambda status: max(0, len(status.sessions) - MAX_EXPORTED_SESSIONS)),
    ),
    _counter(
        "sessions_started_total",
        "Sessions that were set up, by transport.",
        _by_label("transport", lambda status: status.sessions_started, _TRANSPORTS),
    ),
    _counter(
        "sessions_ended_total",
        "Sessions that ended, by reason; each has exactly one.",
        _by_label("reason", lambda status: status.sessions_ended, EndReason),
    ),
    _counter(
        "sent_bytes_total",
        "Media bytes handed to the kernel for all sessions, ended ones too.",
        _by_label("transport", lambda status: status.sent_bytes, _TRANSPORTS),
    ),
    _counter(
        "sent_packets_total",
        "RTP packets handed to the kernel for all sessions, ended ones too.",
        _by_label("transport", lambda status: status.sent_packets, _TRANSPORTS),
    ),
    _counter(
        "discarded_frames_total",
        "Frames that a session was due and did not get, over all sessions.",
        _by_label("transport", lambda status: status.discarded_frames, _TRANSPORTS),
    ),
    _gauge(
        "write_budget_seconds",
        "How long a stall every live reader survives without loss; a dead one is gone after it.",
        _one(lambda status: status.write_budget_s),
    ),
)

_SESSIONS: Final = (
    _info(
        "session_info",
        "Who sits in the slot now.",
        _Reader(("slot", "session", "peer_ip", "transport", "client", "source"), _session_info),
    ),
    _counter(
        "session_sent_bytes_total",
        "Media bytes sent to all occupants of the slot.",
        _by_slot(lambda session: session.slot_sent_bytes),
    ),
    _counter(
        "session_discarded_frames_total",
        "Frames that occupants of the slot were due and did not get.",
        _by_slot(lambda session: session.slot_discarded_frames),
    ),
    _gauge(
        "session_backlog_bytes",
        "Bytes waiting for the reader, in the server and in the kernel.",
        _by_slot(lambda session: session.backlog_bytes),
    ),
    _gauge(
        "session_backlog_seconds",
        "How long the stream takes at its peak rate to make what waits for the reader.",
        _by_slot(lambda session: session.backlog_s),
    ),
    _gauge(
        "session_backlog_limit_bytes",
        "Write budget: the session ends when more is waiting.",
        _by_slot(lambda session: session.backlog_limit_bytes),
    ),
    _gauge(
        "session_rtcp_fraction_lost_ratio",
        "Share of packets lost, 0 to 1, as the reader last reported; absent before that.",
        _by_slot(lambda session: session.fraction_lost_ratio),
    ),
    _gauge(
        "session_rtcp_jitter_seconds",
        "Interarrival jitter as the reader last reported; absent before that.",
        _by_slot(lambda session: session.jitter_s),
    ),
    _gauge(
        "session_round_trip_seconds",
        "Round trip to the reader as last measured; absent before that.",
        _by_slot(lambda session: session.round_trip_s),
    ),
    _gauge(
        "session_start_timestamp_seconds",
        "When the session in the slot began, in Unix time.",
        _by_slot(lambda session: session.started_wall_s),
    ),
)

_LOOP: Final = (
    _histogram(
        "loop_turn_seconds",
        "Time that one turn of the loop took, without waiting.",
        _one(lambda status: status.loop_turns),
    ),
    _gauge(
        "loop_worst_turn_seconds", "Longest turn of the loop since the start.", _one(lambda status: status.worst_turn_s)
    ),
    _counter(
        "handler_faults_total",
        "Connections that the server ended because its own code failed; each is in the journal with its traceback.",
        _one(lambda status: status.handler_faults),
    ),
)

STATUS_FAMILIES: Final = (*_BUILD, *_SOURCES, *_RTSP, *_TOTALS, *_SESSIONS, *_LOOP)
"""Every family that a `ServiceStatus` fills."""
FAMILIES: Final[tuple[MetricFamily, ...]] = (*STATUS_FAMILIES, COLLECTOR_SECONDS, COLLECTOR_ERRORS)
"""Every family under `PREFIX`."""
