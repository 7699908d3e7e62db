"""`/api/v1/status`: the part of a `ServiceStatus` that a script asks for, as JSON whose names are a promise.

Called by `services.http`. The structs below are the document: a field added to `ServiceStatus` does not appear here by
itself, and one renamed there keeps its name here. Single sessions have an address of their own and are not listed.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from edge_streamer import __version__
from edge_streamer.services.status import EndReason, LimitValue, ServiceStatus, StreamStatus


class StreamDocument(msgspec.Struct, frozen=True):
    """One stream; `reason` says why it is not up and is empty when it is, `last_frame_wall_s` is Unix time."""

    name: str
    up: bool
    reason: str
    source: str
    encoder: str
    width: int
    height: int
    fps: float
    viewers: int
    frames: int
    key_frames: int
    dropped_frames: int
    restarts: int
    last_frame_wall_s: float | None


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


def _stream(stream: StreamStatus) -> StreamDocument:
    return StreamDocument(
        name=stream.name,
        up=stream.is_up,
        reason=stream.reason,
        source=stream.source_kind,
        encoder=stream.encoder,
        width=stream.width,
        height=stream.height,
        fps=stream.nominal_fps,
        viewers=stream.viewers,
        frames=stream.frames,
        key_frames=stream.key_frames,
        dropped_frames=stream.dropped_frames,
        restarts=sum(stream.restarts.values()),
        last_frame_wall_s=stream.last_frame_wall_s,
    )
