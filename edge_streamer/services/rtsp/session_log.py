"""The log events of a session's begin and end.

Called by `sessions`; their texts stand in `logs.events`.
"""

from edge_streamer.logs.events import SessionEnded, SessionOpened
from edge_streamer.protocol.rtsp.server.session import RtspSession
from edge_streamer.services.rtsp.playback import Playback
from edge_streamer.services.status import EndReason


def session_opened(session: RtspSession, playback: Playback) -> SessionOpened:
    """Return the event of a session that has been set up."""
    return SessionOpened(
        session=session.id,
        peer=playback.peer,
        stream=playback.stream.name,
        transport=playback.wire.name,
        client=playback.client,
        user=session.user or None,
    )


def session_ended(session: RtspSession, playback: Playback, reason: EndReason, now: float) -> SessionEnded:
    """Return the event of a session's end; called before its transport is closed, while its backlog is known."""
    wire = playback.wire
    return SessionEnded(
        reason=reason,
        session=session.id,
        peer=playback.peer,
        stream=playback.stream.name,
        transport=wire.name,
        client=playback.client,
        user=session.user or None,
        sent_bytes=wire.sent_bytes,
        backlog_bytes=wire.backlog_bytes,
        backlog_age_s=wire.oldest_unsent_age_s(now),
        duration_s=now - playback.opened_at,
    )
