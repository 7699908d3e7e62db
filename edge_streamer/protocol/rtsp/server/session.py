"""RTSP sessions and the table of all of them (RFC 2326 sections 3.4 and 12.37).

One table owns all sessions and their expiry, for all connections together, because a UDP session may outlive its
connection. The table sends nothing: `protocol` fills and queries it, the service expires its sessions.

A session id is not a password. A TCP session belongs to its connection. A UDP session, unicast or multicast, belongs to
its peer's address, and a new connection from that address may take it over (some NVRs reconnect); for every other peer
the session does not exist (in live555 2026, sessions could be stolen by their id).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from edge_streamer.protocol.rtsp.headers.transport import TransportReply
from edge_streamer.protocol.rtsp.limits import DEFAULT_LIMITS, RtspLimits
from edge_streamer.protocol.rtsp.server.states import SessionState

SessionEndReason = Literal["teardown", "peer_closed", "idle", "protocol_error"]


@dataclass(frozen=True, slots=True)
class ConnectionPeer:
    """The peer of a connection. Hosts have no port and no brackets, `local_host` has no zone either, because URLs name
    it; `connection_id` is never used twice."""

    connection_id: int
    peer_host: str
    local_host: str


@dataclass(slots=True, eq=False)
class RtspSession:
    """One viewer of one track. Compared by identity: an id may be used again, an object not.

    `control_url` is the track's URL as this client derives it, for RTP-Info. `last_renewed` is a `now` in seconds.
    `user` is the logged-in user, empty for an anonymous client. `context` belongs to the service.
    """

    id: str
    connection_id: int
    peer_host: str
    path: str
    track: int
    control_url: str
    transport: TransportReply
    user_agent: str
    last_renewed: float
    user: str = ""
    state: SessionState = SessionState.READY
    context: object | None = None


@dataclass(frozen=True, slots=True)
class SessionRemoved:
    """`session` is no longer in the table and plays no more; the reason is one of the closed set."""

    session: RtspSession
    reason: SessionEndReason


class SessionTable:
    """All sessions of the server. The number of sessions is limited by the service, which answers 453 to SETUP."""

    def __init__(self, limits: RtspLimits = DEFAULT_LIMITS) -> None:
        self._expiry_s = limits.session_expiry_s
        self._by_id: dict[str, RtspSession] = {}
        self._by_connection: dict[int, list[RtspSession]] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[RtspSession]:
        return iter(tuple(self._by_id.values()))

    def __contains__(self, session: RtspSession) -> bool:
        return self._by_id.get(session.id) is session

    def get(self, session_id: str) -> RtspSession | None:
        """Return the session of that id, whichever peer owns it."""
        return self._by_id.get(session_id)

    def of_connection(self, connection_id: int) -> tuple[RtspSession, ...]:
        """Return the sessions that belong to a connection, oldest first."""
        return tuple(self._by_connection.get(connection_id, ()))

    def add(self, session: RtspSession) -> None:
        """Enter a new session; ValueError when its id is taken."""
        if session.id in self._by_id:
            raise ValueError(f"session id {session.id} is taken")
        self._by_id[session.id] = session
        self._by_connection.setdefault(session.connection_id, []).append(session)

    def remove(self, session: RtspSession) -> bool:
        """Remove this very object and return whether it was in the table; another session with the same id stays."""
        if session not in self:
            return False
        del self._by_id[session.id]
        self._leave_connection(session)
        session.state = SessionState.INIT
        return True

    def claim(self, session_id: str, peer: ConnectionPeer) -> RtspSession | None:
        """Return the session if `peer` owns it, else None. A UDP session comes over to the connection that asks."""
        session = self._by_id.get(session_id)
        if session is None or session.connection_id == peer.connection_id:
            return session
        if session.transport.lower == "tcp" or session.peer_host != peer.peer_host:
            return None
        self._leave_connection(session)
        session.connection_id = peer.connection_id
        self._by_connection.setdefault(peer.connection_id, []).append(session)
        return session

    def renew(self, session: RtspSession, now: float) -> None:
        """Renew the session: its peer has sent a request or RTCP."""
        session.last_renewed = now

    def expire(self, now: float) -> list[SessionRemoved]:
        """Remove the sessions whose peers were silent for too long, and return their ends."""
        due = [session for session in self if self._may_expire(session) and now >= self._expires_at(session)]
        for session in due:
            self.remove(session)
        return [SessionRemoved(session, "idle") for session in due]

    def _may_expire(self, session: RtspSession) -> bool:
        # A playing TCP session proves by its draining socket that it is alive; go2rtc and some VLC builds then keep
        # silent for longer than any time-out.
        return session.transport.lower != "tcp" or session.state is not SessionState.PLAYING

    def _expires_at(self, session: RtspSession) -> float:
        return session.last_renewed + self._expiry_s

    def _leave_connection(self, session: RtspSession) -> None:
        remaining = [other for other in self._by_connection[session.connection_id] if other is not session]
        if remaining:
            self._by_connection[session.connection_id] = remaining
        else:
            del self._by_connection[session.connection_id]
