"""The RTSP service: listeners, their connections, and the sweeps over all of them. `sessions` has the sessions,
`connection` serves one client.
"""

import secrets
from collections.abc import Callable, Mapping
from typing import Final

from edge_streamer.accounts.login_failures import LoginFailures
from edge_streamer.media.registry import StreamRegistry
from edge_streamer.protocol.rtsp.server.auth import ALLOW_ALL, Authorizer
from edge_streamer.protocol.rtsp.server.protocol import RtspServerProtocol
from edge_streamer.protocol.rtsp.server.session import ConnectionPeer, SessionTable
from edge_streamer.runtime.address import host_of, without_zone
from edge_streamer.runtime.loop import FRAME_SLACK_S, Loop
from edge_streamer.runtime.tcp.close_reason import CloseReason
from edge_streamer.runtime.tcp.connection import DEAD_AFTER_S, TcpConnection
from edge_streamer.runtime.tcp.gate import ConnectionGate
from edge_streamer.runtime.tcp.listener_group import ListenerGroup
from edge_streamer.runtime.udp.multicast import GroupAddress
from edge_streamer.services.rtsp.channel import Channel
from edge_streamer.services.rtsp.connection import PendingDescribes, RtspConnection, Shared
from edge_streamer.services.rtsp.sessions import RtspSessions
from edge_streamer.services.rtsp.settings import RtspSettings, limits_of
from edge_streamer.services.rtsp.slots import Admission
from edge_streamer.services.status import EndReason

SENDER_REPORT_INTERVAL_S: Final = 5.0
"""The recommended minimum of RFC 3550 section 6.2."""
SWEEP_INTERVAL_S: Final = 0.2
"""With the timer's slack, a sweep comes every quarter of a second."""


class RtspService:
    """The RTSP server, which `app` starts, reconfigures and ends. `gate` counts its connections, `sessions` has its
    sessions."""

    def __init__(
        self,
        loop: Loop,
        streams: StreamRegistry,
        settings: RtspSettings,
        *,
        groups: Mapping[str, GroupAddress] | None = None,
        dead_after_s: float = DEAD_AFTER_S,
        new_authorizer: Callable[[], Authorizer] = lambda: ALLOW_ALL,
        login_failures: LoginFailures | None = None,
    ) -> None:
        self.gate = ConnectionGate(total=settings.max_connections, per_address=settings.max_connections_per_address)
        self.listeners = ListenerGroup(loop, self.gate, self._new_connection, dead_after_s)
        admission = Admission(total=settings.max_sessions, per_address=settings.max_sessions_per_address)
        self.sessions = RtspSessions(loop, SessionTable(limits_of(settings)), admission, settings.udp_ports)
        self.pending_describes = PendingDescribes(settings.max_pending_describes)
        self._loop = loop
        self._shared = Shared(streams, self.sessions, self.pending_describes, login_failures or LoginFailures())
        self.apply(settings, groups or {}, new_authorizer)
        self._report()
        self._sweep()

    def apply(
        self, settings: RtspSettings, groups: Mapping[str, GroupAddress], new_authorizer: Callable[[], Authorizer]
    ) -> None:
        """Apply other settings to new connections and sessions; existing ones go on unchanged.

        Values that clients were told must not change: `session_timeout_s`, `udp_ports`, `dead_after_s`, and the groups
        of existing streams.
        """
        self._settings = settings
        self._limits = limits_of(settings)
        self._new_authorizer = new_authorizer
        self.gate.total, self.gate.per_address = settings.max_connections, settings.max_connections_per_address
        admission = self.sessions.admission
        admission.slots.limit, admission.per_address = settings.max_sessions, settings.max_sessions_per_address
        self.pending_describes.limit = settings.max_pending_describes
        self.sessions.multicast.addresses = groups

    # --- connections

    def _new_connection(self, connection: TcpConnection) -> RtspConnection:
        return self.connect(connection)

    def connect(self, channel: Channel) -> RtspConnection:
        """Serve the client behind `channel`.

        The caller passes the bytes that the channel receives to the connection, and calls its `sweep` a few times a
        second.
        """
        protocol = RtspServerProtocol(
            ConnectionPeer(channel.connection_id, channel.peer_host, without_zone(host_of(channel.local_address))),
            self.sessions.table,
            transports=self._settings.transports,
            limits=self._limits,
            authorizer=self._new_authorizer(),
            new_session_id=lambda: secrets.token_hex(8).upper(),
            now=self._loop.now(),
        )
        return RtspConnection(self._loop, channel, protocol, self._shared)

    # --- the clocks that all connections and sessions share

    def _report(self) -> None:
        self._report_timer = self._loop.call_later(SENDER_REPORT_INTERVAL_S, self._report)
        self.sessions.send_reports()

    def _sweep(self) -> None:
        """End clients that died silently: readers whose backlog does not drain, sessions that are not renewed."""
        self._timer = self._loop.call_later(SWEEP_INTERVAL_S, self._sweep, slack_s=FRAME_SLACK_S)
        for connection in self.listeners.delegates:
            connection.sweep()
        self.sessions.end_idle()

    # --- the end

    def close(self) -> None:
        """Stop listening and say goodbye to all clients."""
        self.listeners.stop_listening()
        self._timer.cancel()
        self._report_timer.cancel()
        self.sessions.end_all(EndReason.SHUTDOWN)
        self.listeners.close_connections(CloseReason.SHUTDOWN)
