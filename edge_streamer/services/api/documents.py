"""The JSON documents under `/api/v1`: the parts of a `ServiceStatus` that scripts use, under names that stay the same.

Used by `status`, `streams` and `sessions`. The structs below are the documents, and `openapi` describes them: a field
added to `ServiceStatus` must be added here to appear, and a field renamed there keeps its name here.
"""

from collections.abc import Mapping
from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import Meta

from edge_streamer import __version__
from edge_streamer.accounts.users import Role
from edge_streamer.services.status import EndReason, LimitValue, ServiceStatus, SessionStatus, StreamStatus

_Transport: TypeAlias = Annotated[str, Meta(extra_json_schema={"enum": ["tcp", "udp", "multicast"]})]
_State: TypeAlias = Annotated[str, Meta(extra_json_schema={"enum": ["ready", "playing", "paused"]})]
_RoleName: TypeAlias = Annotated[str, Meta(extra_json_schema={"enum": [str(role) for role in Role]})]


class StreamDocument(msgspec.Struct, frozen=True):
    """One stream; `reason` says why it is not up and is empty when it is, `wanted` is false for a source on demand
    without viewers, `last_frame_wall_s` is Unix time. `key_frame_interval_s` is the time between the last two key
    frames. A viewer that joins starts with `start_cache_bytes`; null: the frames since the last key frame exceed
    `link.start_cache_bytes`, and it waits for the next one. `slate_shown`: viewers get a still picture with the reason;
    `slate_frames` counts these, and no other number does."""

    name: str
    up: bool
    wanted: bool
    reason: str
    source: str
    camera: str
    encoder: str
    encoder_reason: str
    width: int
    height: int
    fps: float
    bitrate_bps: int
    can_set_bitrate: bool
    can_set_fps: bool
    viewers: int
    frames: int
    key_frames: int
    dropped_frames: int
    discarded_buffers: int
    restarts: int
    last_frame_wall_s: float | None
    last_frame_age_s: float | None
    key_frame_interval_s: float | None
    start_cache_bytes: int | None
    slate_shown: bool
    slate_frames: int


class SessionsDocument(msgspec.Struct, frozen=True):
    """How many sessions exist, may exist, and have started, and how many have ended for each reason."""

    active: int
    limit: int
    started: int
    ended: dict[str, int]


class SessionDocument(msgspec.Struct, frozen=True):
    """One RTSP session. `backlog_s` is its backlog at the stream's rate, `oldest_unsent_s` the age of the oldest byte.

    `fraction_lost_ratio` and `jitter_s` come from its last RTCP report, the other values that may be null from its TCP
    connection; `round_trip_s` is TCP's where media goes over TCP, else RTCP's.
    """

    id: str
    stream: str
    slot: int
    peer_ip: str
    transport: _Transport
    client: str
    state: _State
    started_wall_s: float
    duration_s: float
    sent_bytes: int
    discarded_frames: int
    backlog_bytes: int
    backlog_s: float
    write_budget_bytes: int
    oldest_unsent_s: float
    fraction_lost_ratio: float | None
    jitter_s: float | None
    round_trip_s: float | None
    retransmits: int | None
    unacknowledged_bytes: int | None
    delivery_bps: float | None


class YouDocument(msgspec.Struct, frozen=True):
    """The client that asks: `user` is null for a client that did not log in; `role` says what the client may do."""

    user: str | None
    role: _RoleName


class StatusDocument(msgspec.Struct, frozen=True):
    """The status of the service; `limits` are listed by configuration key."""

    version: str
    you: YouDocument
    started_wall_s: float
    streams: list[StreamDocument]
    sessions: SessionsDocument
    limits: Mapping[str, LimitValue]
    write_budget_s: float
    worst_turn_s: float
    handler_faults: int


_ENCODER: Final = msgspec.json.Encoder()


def status_document(status: ServiceStatus, you: YouDocument) -> bytes:
    """Return the document as JSON in UTF-8."""
    document = StatusDocument(
        version=__version__,
        you=you,
        started_wall_s=status.started_wall_s,
        streams=[_stream(stream) for stream in status.streams],
        sessions=SessionsDocument(
            active=len(status.sessions),
            limit=status.sessions_limit,
            started=sum(status.sessions_started.values()),
            ended={reason.value: status.sessions_ended.get(reason, 0) for reason in EndReason},
        ),
        limits=status.limits,
        write_budget_s=status.write_budget_s,
        worst_turn_s=status.worst_turn_s,
        handler_faults=status.handler_faults,
    )
    return _ENCODER.encode(document)


def streams_document(status: ServiceStatus) -> bytes:
    """Return all streams as JSON in UTF-8."""
    return _ENCODER.encode([_stream(stream) for stream in status.streams])


def stream_document(status: ServiceStatus, name: str) -> bytes | None:
    """Return the one stream of that name as JSON in UTF-8; None when there is none."""
    found = next((_stream(stream) for stream in status.streams if stream.name == name), None)
    return None if found is None else _ENCODER.encode(found)


def sessions_document(status: ServiceStatus) -> bytes:
    """Return all sessions as JSON in UTF-8."""
    return _ENCODER.encode([_session(session) for session in status.sessions])


def session_document(status: ServiceStatus, session_id: str) -> bytes | None:
    """Return the one session of that id as JSON in UTF-8; None when there is none."""
    found = next((_session(session) for session in status.sessions if session.session_id == session_id), None)
    return None if found is None else _ENCODER.encode(found)


def _session(session: SessionStatus) -> SessionDocument:
    kernels = session.kernel_round_trip_s
    return SessionDocument(
        id=session.session_id,
        stream=session.stream,
        slot=session.slot,
        peer_ip=session.peer_ip,
        transport=session.transport,
        client=session.client,
        state=session.state,
        started_wall_s=session.started_wall_s,
        duration_s=session.duration_s,
        sent_bytes=session.sent_bytes,
        discarded_frames=session.discarded_frames,
        backlog_bytes=session.backlog_bytes,
        backlog_s=session.backlog_s,
        write_budget_bytes=session.write_budget_bytes,
        oldest_unsent_s=session.oldest_unsent_s,
        fraction_lost_ratio=session.fraction_lost_ratio,
        jitter_s=session.jitter_s,
        round_trip_s=session.round_trip_s if kernels is None else kernels,
        retransmits=session.retransmits,
        unacknowledged_bytes=session.unacknowledged_bytes,
        delivery_bps=session.delivery_bps,
    )


def _stream(stream: StreamStatus) -> StreamDocument:
    return StreamDocument(
        name=stream.name,
        up=stream.is_up,
        wanted=stream.is_wanted,
        reason=stream.reason,
        source=stream.source_kind,
        camera=stream.camera,
        encoder=stream.encoder,
        encoder_reason=stream.encoder_reason,
        width=stream.width,
        height=stream.height,
        fps=stream.nominal_fps,
        bitrate_bps=stream.bitrate_bps,
        can_set_bitrate=stream.can_set_bitrate,
        can_set_fps=stream.can_set_fps,
        viewers=stream.viewers,
        frames=stream.frames,
        key_frames=stream.key_frames,
        dropped_frames=stream.dropped_frames,
        discarded_buffers=sum(stream.discarded_buffers.values()),
        restarts=sum(stream.restarts.values()),
        last_frame_wall_s=stream.last_frame_wall_s,
        last_frame_age_s=stream.last_frame_age_s,
        key_frame_interval_s=stream.key_frame_interval_s,
        start_cache_bytes=stream.start_cache_bytes,
        slate_shown=stream.is_slate_shown,
        slate_frames=stream.slate_frames,
    )
