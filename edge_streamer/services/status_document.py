"""`/api/v1/status`, `/api/v1/streams`: what a script asks for of a `ServiceStatus`, as JSON whose names are a promise.

Called by `services.http` and `services.http_streams`. The structs below are the document: a field added to
`ServiceStatus` does not appear here by itself, and one renamed there keeps its name here. Single sessions have an
address of their own and are not listed.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from edge_streamer import __version__
from edge_streamer.services.status import EndReason, LimitValue, ServiceStatus, StreamStatus


class StreamDocument(msgspec.Struct, frozen=True):
    """One stream; `reason` says why it is not up and is empty when it is, `wanted` is false for a source on demand that
    nobody watches, `last_frame_wall_s` is Unix time."""

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


class SessionsDocument(msgspec.Struct, frozen=True):
    """How many sessions there are and were, by why they ended."""

    active: int
    limit: int
    started: int
    ended: dict[str, int]


class StatusDocument(msgspec.Struct, frozen=True):
    """The whole document; `limits` by their configuration keys."""

    version: str
    started_wall_s: float
    streams: list[StreamDocument]
    sessions: SessionsDocument
    limits: Mapping[str, LimitValue]
    write_budget_s: float
    worst_turn_s: float
    handler_faults: int


_ENCODER: Final = msgspec.json.Encoder()


def status_document(status: ServiceStatus) -> bytes:
    """Return the document as JSON in UTF-8."""
    document = StatusDocument(
        version=__version__,
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


def stream_document(status: ServiceStatus, name: str) -> bytes:
    """Return the one stream of that name as JSON in UTF-8; StopIteration when there is none."""
    return _ENCODER.encode(next(_stream(stream) for stream in status.streams if stream.name == name))


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
    )
