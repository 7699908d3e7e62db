"""The status of the service, as values: metrics, API and logs are made from these and nothing else.

A `ServiceStatus` is made in one turn of the loop and never changes, so a renderer never sees a half-changed state.
`status` is what is known; `snapshot` is a picture of a stream.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import accumulate
from math import inf
from typing import TypeAlias

import msgspec

from edge_streamer.device.info import DeviceInfo
from edge_streamer.runtime.turns import TimeHistogram


class EndReason(StrEnum):
    """Why a session ended: exactly one reason for each session, of a closed set that operators' alerts rely on."""

    TEARDOWN = "teardown"
    PEER_CLOSED = "peer_closed"
    BACKLOG = "backlog"
    STALLED = "stalled"
    UNREACHABLE = "unreachable"
    IDLE = "idle"
    PROTOCOL_ERROR = "protocol_error"
    LIMIT = "limit"
    AUTH = "auth"
    STREAM_ENDED = "stream_ended"
    STREAM_REPLACED = "stream_replaced"
    KICKED = "kicked"
    SHUTDOWN = "shutdown"
    INTERNAL_ERROR = "internal_error"


class RestartReason(StrEnum):
    """Why a source process was started again: a closed set."""

    EXITED = "exited"
    KILLED = "killed"
    SILENT = "silent"
    UNSERVABLE = "unservable"
    GARBAGE = "garbage"
    FAULT = "fault"
    FAILED = "failed"


LimitValue = int | list[int]


class SessionStatus(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One RTSP session. `slot_*` counters belong to the slot and grow over all its occupants (`services.rtsp.slots`).

    It is a struct because a scrape makes one for every session, and making a frozen dataclass takes eight times as
    long.
    """

    session_id: str
    slot: int
    stream: str
    peer_ip: str
    transport: str  # "tcp" | "udp" | "multicast"
    client: str  # client family: ffmpeg, gstreamer, vlc, ..., other
    state: str  # "ready" | "playing" | "paused"
    started_wall_s: float
    sent_bytes: int
    slot_sent_bytes: int
    slot_discarded_frames: int
    backlog_bytes: int
    backlog_s: float
    write_budget_bytes: int
    fraction_lost_ratio: float | None = None  # of the last RTCP receiver report
    jitter_s: float | None = None
    round_trip_s: float | None = None  # of the last RTCP receiver report
    duration_s: float = 0.0
    discarded_frames: int = 0
    slot_retransmits: int = 0
    oldest_unsent_s: float = 0.0  # age of the oldest byte that waits here
    # What the kernel says of the TCP connection that carries the media; None where the media goes over UDP.
    kernel_round_trip_s: float | None = None
    retransmits: int | None = None  # segments
    unacknowledged_bytes: int | None = None  # sent, and not yet acknowledged by the peer
    delivery_bps: float | None = None  # newest measured rate at which the network delivered


@dataclass(frozen=True, slots=True)
class Histogram:
    """A cumulative histogram: `counts[i]` observations were at most `bounds_s[i]`; the last bound is infinity."""

    bounds_s: tuple[float, ...]
    counts: tuple[int, ...]
    sum_s: float

    @classmethod
    def of(cls, times: TimeHistogram) -> "Histogram":
        """Return what has been counted so far."""
        return cls((*times.bounds_s, inf), tuple(accumulate(times.counts)), times.sum_s)


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """One stream and the source that feeds it."""

    name: str
    source_kind: str
    encoder: str
    encoder_reason: str  # why this encoder was chosen
    camera: str  # its model, or the device's name
    width: int
    height: int
    nominal_fps: float
    bitrate_bps: int  # the encoder's setting; 0 where there is none (a file)
    can_set_bitrate: bool
    can_set_fps: bool
    link_bitrate_bps: int
    write_budget_bytes: int
    is_up: bool
    is_wanted: bool  # False for a source on demand without viewers
    is_failing: bool  # wanted and not up, unless it is starting on demand: /healthz reports it
    reason: str  # why it is not up; empty when it is
    viewers: int
    frames: int
    key_frames: int
    bytes: int
    dropped_frames: int  # by the source process, because the server did not read
    discarded_buffers: Mapping[str, int]  # reason -> of a camera or file, without a whole picture
    restarts: Mapping[str, int]  # reason -> how often
    last_frame_wall_s: float | None
    last_frame_age_s: float | None
    frame_handoff: Histogram
    key_frame_interval_s: float | None = None  # between the last two; None before the second
    start_cache_bytes: int | None = 0  # that a viewer starts with; None: too many since the last key frame
    start_cache_overflows: int = 0  # groups of pictures that outgrew the cache
    is_slate_shown: bool = False  # viewers get a still picture that says why there is none
    slate_frames: int = 0  # sent since the stream was made; in none of the numbers above


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """Everything at one instant."""

    started_wall_s: float
    sessions: tuple[SessionStatus, ...]  # by their slots
    streams: tuple[StreamStatus, ...]
    sessions_limit: int
    write_budget_s: float
    worst_turn_s: float
    loop_turns: Histogram
    capture_to_send: Histogram
    time_to_first_frame: Histogram
    sessions_started: Mapping[str, int] = field(default_factory=dict)  # transport -> count
    sessions_ended: Mapping[EndReason, int] = field(default_factory=dict)
    rtsp_connections: int = 0
    rtsp_requests: Mapping[str, int] = field(default_factory=dict)  # method -> count
    rtsp_responses: Mapping[str, int] = field(default_factory=dict)  # code -> count
    rtsp_protocol_errors: Mapping[str, int] = field(default_factory=dict)  # kind -> count
    rtsp_auth_failures: int = 0
    http_auth_failures: int = 0
    limits: Mapping[str, LimitValue] = field(default_factory=dict)  # configuration key -> value in effect
    limits_reached: Mapping[str, int] = field(default_factory=dict)  # configuration key -> refusals
    connections_open: Mapping[str, int] = field(default_factory=dict)  # "rtsp" | "http" -> now
    connections_evicted: Mapping[str, int] = field(default_factory=dict)  # "rtsp" | "http" -> since the start
    sent_bytes: Mapping[str, int] = field(default_factory=dict)  # transport -> count, survives session end
    sent_packets: Mapping[str, int] = field(default_factory=dict)
    discarded_frames: Mapping[str, int] = field(default_factory=dict)
    handler_faults: int = 0
    board_temperature_c: float | None = None
    board_throttled: Mapping[str, bool] = field(default_factory=dict)  # cause -> whether it is so now
    device: DeviceInfo = field(default_factory=DeviceInfo)


TakeStatus: TypeAlias = Callable[[], ServiceStatus]
"""Returns the present status; each call makes a new one."""


@dataclass(frozen=True, slots=True)
class ReloadOutcome:
    """The outcome of a reload: `error` is the configuration's mistake in one line, and empty when it was applied.

    `changed` names the streams that were added, removed or replaced, or that paused because the other stream of their
    camera changed; `needs_restart` names the changed keys that wait for a restart of the service.
    """

    error: str = ""
    changed: tuple[str, ...] = ()
    needs_restart: tuple[str, ...] = ()


OnReloaded: TypeAlias = Callable[[ReloadOutcome], None]
"""Called once, with the outcome of a reload."""
