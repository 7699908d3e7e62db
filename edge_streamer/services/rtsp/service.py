"""The RTSP service: listeners, connections, sessions and their limits, and the clocks that all sessions share.

It is the one place where a session begins (`open_playback`, `adopt`) and ends (`end_session`), so that slots, ports,
counters and the log agree. Everything per client stands in `connection`.
"""

import logging
import secrets
import socket
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Final

from edge_streamer.accounts.login_failures import LoginFailures
from edge_streamer.logs.events import (
    ProtocolViolated,
    SetupRefused,
    log_event,
)
from edge_streamer.logs.limits import LinePerAddress
from edge_streamer.media.registry import StreamRegistry
from edge_streamer.media.stream import Stream
from edge_streamer.protocol.rtsp.headers.transport import TransportOffer, TransportReply
from edge_streamer.protocol.rtsp.server.auth import ALLOW_ALL, Authorizer
from edge_streamer.protocol.rtsp.server.events import ProtocolErrorOccurred
from edge_streamer.protocol.rtsp.server.protocol import RtspServerProtocol
from edge_streamer.protocol.rtsp.server.session import ConnectionPeer, RtspSession, SessionTable
from edge_streamer.runtime.address import bracketed, network_key
from edge_streamer.runtime.loop import FRAME_SLACK_S, Loop
from edge_streamer.runtime.memory import MemoryTrimmer
from edge_streamer.runtime.tcp.close_reason import CloseReason
from edge_streamer.runtime.tcp.connection import TcpConnection
from edge_streamer.runtime.tcp.listener import ConnectionGate, TcpListener, open_listening_socket
from edge_streamer.runtime.udp.pair import NoPortLeftError, UdpPair, UdpPortRange
from edge_streamer.services.rtsp.client_family import client_family
from edge_streamer.services.rtsp.connection import RtspConnection
from edge_streamer.services.rtsp.counters import RtspCounters
from edge_streamer.services.rtsp.playback import Feed, Playback
from edge_streamer.services.rtsp.session_log import session_ended, session_opened
from edge_streamer.services.rtsp.settings import RtspSettings, limits_of
from edge_streamer.services.rtsp.slots import Slot, SlotTable
from edge_streamer.services.rtsp.transports.batch import batch_kind
from edge_streamer.services.rtsp.transports.interleaved import SkippingTcpWire, TcpWire, UdpWire, Wire
from edge_streamer.services.rtsp.transports.multicast import MulticastSenders, MulticastWire
from edge_streamer.services.status import EndReason, Limit, SessionStatus

log = logging.getLogger(__name__)

SENDER_REPORT_INTERVAL_S: Final = 5.0
SWEEP_INTERVAL_S: Final = 0.2
"""A quarter of a second with the slack."""
SEND_BUFFER_S: Final = 0.5
"""Seconds of the link bitrate that the kernel may hold for one reader; what it holds counts in the backlog anyway."""
SMALLEST_SEND_BUFFER_BYTES: Final = 16 << 10


class RtspService:
    """See the module."""

    def __init__(
        self,
        loop: Loop,
        streams: StreamRegistry,
        settings: RtspSettings,
        *,
        new_authorizer: Callable[[], Authorizer] = lambda: ALLOW_ALL,
        login_failures: LoginFailures | None = None,
    ) -> None:
        self.streams = streams
        self.login_failures = login_failures or LoginFailures()
        self._new_authorizer = new_authorizer
        self.counters = RtspCounters()
        self.gate = ConnectionGate(total=settings.max_connections, per_address=settings.max_connections_per_address)
        self.pending_describes: set[RtspConnection] = set()
        self.max_pending_describes = settings.max_pending_describes
        self.cname = f"edge_streamer@{socket.gethostname()}"
        self._loop = loop
        self._settings = settings
        self._limits = limits_of(settings)
        self._sessions = SessionTable(self._limits)
        self._slots = SlotTable(settings.max_sessions)
        self._memory = MemoryTrimmer(loop)
        self._error_lines = LinePerAddress()
        self._sessions_of: Counter[str] = Counter()
        self._ports = UdpPortRange(*settings.udp_ports)
        self._multicast = MulticastSenders(loop, settings.groups, self.cname, self.counters.count_traffic)
        self._listeners: list[TcpListener] = []
        self._connections: dict[int, RtspConnection] = {}
        self._report()
        self._sweep()

    def apply(self, settings: RtspSettings, new_authorizer: Callable[[], Authorizer]) -> None:
        """Take other settings for the connections and sessions to come; who is here stays as he is.

        What was told to viewers may not be other than it is: `session_timeout_s`, `udp_ports`, `dead_after_s`, and the
        groups of streams that are there already.
        """
        self._settings = settings
        self._new_authorizer = new_authorizer
        self._limits = limits_of(settings)
        self._slots.limit = settings.max_sessions
        self._multicast.addresses = settings.groups
        self.gate.total, self.gate.per_address = settings.max_connections, settings.max_connections_per_address
        self.max_pending_describes = settings.max_pending_describes

    # --- listeners and connections

    def listen(self, host: str, port: int) -> tuple[str, int]:
        """Listen on one more address; return it with its real port. OSError when it cannot be had."""
        return self.serve_on(open_listening_socket(host, port))

    def serve_on(self, listening: socket.socket) -> tuple[str, int]:
        """Serve who connects to a socket that listens and does not block; return its address."""
        listener = TcpListener(self._loop, listening, self.gate, self._on_accepted)
        self._listeners.append(listener)
        address = listener.address
        return address[0], address[1]

    @property
    def session_count(self) -> int:
        """Sessions now; cheaper than `sessions`."""
        return self._sessions_of.total()

    def _on_accepted(self, accepted: socket.socket) -> None:
        TcpConnection(self._loop, accepted, self._new_connection, self._settings.dead_after_s)

    def _new_connection(self, connection: TcpConnection) -> RtspConnection:
        made = RtspConnection(self._loop, self, connection)
        self._connections[connection.connection_id] = made
        return made

    def new_protocol(self, peer: ConnectionPeer, now: float) -> RtspServerProtocol:
        """Return the protocol object of a new connection."""
        return RtspServerProtocol(
            peer,
            self._sessions,
            transports=self._settings.transports,
            limits=self._limits,
            authorizer=self._new_authorizer(),
            new_session_id=lambda: secrets.token_hex(8).upper(),
            now=now,
        )

    def forget_connection(self, connection: TcpConnection) -> None:
        """Let go of a connection that is over."""
        del self._connections[connection.connection_id]
        self.gate.leave(connection.peer_host)

    def on_protocol_error(self, error: ProtocolErrorOccurred, peer_host: str) -> None:
        """Count what a peer got wrong, and log it unless that address had its line this second."""
        self.counters.protocol_errors[error.kind] += 1
        unlogged = self._error_lines.take(network_key(peer_host), self._loop.now())
        if unlogged is not None:
            kind, detail, withheld = error.kind, error.detail, unlogged or None
            log_event(log, ProtocolViolated(peer=peer_host, kind=kind, detail=detail, withheld=withheld))

    # --- sessions begin

    def open_playback(
        self, stream: Stream, offer: TransportOffer, connection: TcpConnection, replaced: Playback | None
    ) -> tuple[Playback, TransportReply] | int:
        """Return a playback and the transport to answer with, or the status to refuse SETUP with.

        `replaced` is what the session had before a second SETUP: its slot goes on, and it counts once.
        """
        slot = replaced.slot if replaced else self._admit(connection.peer_host)
        if slot is None:
            return 453  # Not Enough Bandwidth (RFC 2326 section 11.3.4): what clients know as "too many"
        try:
            wire, transport = self._open_wire(stream, offer, connection)
        except OSError as error:
            if replaced is None:
                self._dismiss(connection.peer_host, slot)
            log_event(log, SetupRefused(peer=connection.peer_host, detail=str(error)))
            if not isinstance(error, NoPortLeftError):
                return 461
            self.counters.limits_reached[Limit.UDP_PORTS] += 1
            return 503
        feed = wire.sender if isinstance(wire, MulticastWire) else stream
        peer, now = _peer_of(connection), self._loop.now()
        return Playback(stream, wire, slot, peer, now, time.time(), feed, batch_kind(wire)), transport

    def _admit(self, peer_host: str) -> Slot | None:
        key = network_key(peer_host)
        if self._sessions_of[key] >= self._settings.max_sessions_per_address:
            self.counters.limits_reached[Limit.SESSIONS_PER_ADDRESS] += 1
            return None
        slot = self._slots.take()
        if slot is None:
            self.counters.limits_reached[Limit.SESSIONS] += 1
        else:
            self._sessions_of[key] += 1
        return slot

    def _dismiss(self, peer_host: str, slot: Slot) -> None:
        self._slots.release(slot)
        key = network_key(peer_host)
        self._sessions_of[key] -= 1
        if not self._sessions_of[key]:
            del self._sessions_of[key]

    def _open_wire(
        self, stream: Stream, offer: TransportOffer, connection: TcpConnection
    ) -> tuple[Wire, TransportReply]:
        if offer.lower == "multicast":
            return self._multicast.open_wire(stream)
        ssrc = stream.identity.ssrc
        if offer.lower == "tcp":
            assert offer.interleaved is not None, "the protocol assigns channels"
            reply = TransportReply(lower="tcp", channels=offer.interleaved, ssrc=ssrc)
            return self._tcp_wire(stream, connection, offer.interleaved), reply
        assert offer.client_ports is not None, "the protocol answers 461 without ports"
        pair = UdpPair(self._ports, connection.local_address, connection.peer_address, offer.client_ports)
        reply = TransportReply(lower="udp", client_ports=offer.client_ports, server_ports=pair.server_ports, ssrc=ssrc)
        return UdpWire(pair), reply

    def _tcp_wire(self, stream: Stream, connection: TcpConnection, channels: tuple[int, int]) -> TcpWire:
        if not stream.skips_for_slow_readers:
            return TcpWire(connection, channels, stream.write_limit_bytes)
        ask = partial(self._ask_for_key_frame, stream)
        return SkippingTcpWire(connection, channels, stream.write_limit_bytes, ask)

    def _ask_for_key_frame(self, stream: Stream) -> None:
        stream.key_frame_requests.request(self._loop.now())

    def adopt(self, playback: Playback, session: RtspSession) -> None:
        """Join what the protocol and what the stream know of a session."""
        replaced, session.context = session.context, playback
        playback.client = client_family(session.user_agent)
        playback.on_fault = lambda error: self._on_playback_fault(session, error)
        self._listen_to(session, playback)
        if isinstance(replaced, Playback):
            replaced.leave()
            self.counters.count_traffic(replaced.wire)
        else:
            self.counters.sessions_started[playback.wire.name] += 1
            log_event(log, session_opened(session, playback))

    def _listen_to(self, session: RtspSession, playback: Playback) -> None:
        """Hear what comes from the viewer outside its connection, and when its transport has ended."""

        def on_rtcp(packet: bytes) -> None:
            self._sessions.renew(session, self._loop.now())
            playback.take_rtcp(packet, self._loop.now())

        def end(reason: EndReason) -> None:
            if session.context is playback:  # a second SETUP may have left this transport behind
                self.end(session, reason)

        on_failed = partial(self._loop.post, partial(end, EndReason.INTERNAL_ERROR))
        match playback.wire:
            case UdpWire() as wire:
                on_gone = partial(self._loop.post, partial(end, EndReason.UNREACHABLE))
                wire.start(self._loop, on_rtcp, on_gone, on_failed)
            case MulticastWire() as wire:
                wire.start(session.peer_host, on_rtcp, on_failed)

    def prepare_to_play(self, playback: Playback, connection: TcpConnection) -> None:
        """Bound what the kernel may hold for an interleaved viewer by its stream's rate."""
        if playback.wire.name == "tcp":
            size_bytes = round(SEND_BUFFER_S * playback.stream.write_budget.bytes_per_second)
            connection.set_send_buffer(max(SMALLEST_SEND_BUFFER_BYTES, size_bytes))

    # --- sessions end

    def finish(self, session: RtspSession, reason: EndReason) -> None:
        """Let go of a session that the protocol has ended; nothing happens when it is over already."""
        playback = session.context
        if not isinstance(playback, Playback):
            return
        ended = session_ended(session, playback, reason, self._loop.now())
        session.context = None
        self._memory.note_freed(playback.wire.backlog_bytes)
        playback.leave()
        self._dismiss(session.peer_host, playback.slot)
        self.counters.count_traffic(playback.wire)
        self.counters.sessions_ended[reason] += 1
        log_event(log, ended)

    def end(self, session: RtspSession, reason: EndReason) -> None:
        """End a session from our side: BYE, then the connection of an interleaved one (rule 24 of the clients), unless
        it has other sessions: they go on."""
        playback = session.context
        if isinstance(playback, Playback):
            playback.wire.send_rtcp(playback.stream.track.goodbye(self.cname, reason))
            self._sessions.remove(session)
            self.finish(session, reason)
            connection = self._connections.get(session.connection_id)
            is_last = not self._sessions.of_connection(session.connection_id)
            if connection is not None and playback.wire.name == "tcp" and is_last:
                connection.close(CloseReason.LOCAL)

    def kick(self, session_id: str) -> bool:
        """End the session of that id because an operator wants it so; False when there is none."""
        session = self._sessions.get(session_id)
        if session is None or not isinstance(session.context, Playback):
            return False
        self.end(session, EndReason.KICKED)
        return True

    def end_all(self, reason: EndReason, stream: Stream | None = None) -> None:
        """End every session, or every session of `stream`."""
        for session, playback in self._playbacks():
            if stream is None or playback.stream is stream:
                self.end(session, reason)

    def _on_playback_fault(self, session: RtspSession, error: Exception) -> None:
        self._loop.report_fault(error, None)
        self._loop.post(lambda: self.end(session, EndReason.INTERNAL_ERROR))

    def close(self) -> None:
        """Stop listening and say goodbye to everybody."""
        for listener in self._listeners:
            listener.close()
        self._timer.cancel()
        self._report_timer.cancel()
        self.end_all(EndReason.SHUTDOWN)
        for connection in tuple(self._connections.values()):
            connection.close(CloseReason.SHUTDOWN)

    # --- the clocks that all sessions share

    def _report(self) -> None:
        """Send sender reports (RFC 3550 section 6.2: every 5 s); a stream's report is made once for all its viewers."""
        self._report_timer = self._loop.call_later(SENDER_REPORT_INTERVAL_S, self._report)
        now = self._loop.now()
        self._multicast.send_reports(now)
        reports: dict[Feed, bytes | None] = {}
        for _session, playback in self._playbacks():
            feed = playback.feed
            if playback.state == "playing" and playback.is_answered:  # no `$` frame goes before the reply to PLAY
                if feed not in reports:
                    reports[feed] = feed.sender_report(now, self.cname)
                report = reports[feed]
                if report is not None:
                    playback.wire.send_rtcp(report)

    def _sweep(self) -> None:
        """End who is dead without a sign: readers that never drain, sessions that nobody renews."""
        self._timer = self._loop.call_later(SWEEP_INTERVAL_S, self._sweep, slack_s=FRAME_SLACK_S)
        for connection in tuple(self._connections.values()):
            connection.sweep()
        for event in self._sessions.expire(self._loop.now()):
            self.finish(event.session, EndReason.IDLE)

    # --- what is known

    def sessions_of(self, connection: TcpConnection) -> tuple[RtspSession, ...]:
        """Return the sessions that belong to `connection` now, UDP sessions among them."""
        return self._sessions.of_connection(connection.connection_id)

    def are_any_of(self, stream: Stream) -> bool:
        """Whether sessions of `stream` have been set up."""
        return any(playback.stream is stream for _session, playback in self._playbacks())

    def _playbacks(self) -> list[tuple[RtspSession, Playback]]:
        sessions = [(session, session.context) for session in self._sessions]
        return [(session, playback) for session, playback in sessions if isinstance(playback, Playback)]

    def sessions(self) -> tuple[SessionStatus, ...]:
        """Return one status a session, by their slots."""
        now = self._loop.now()
        playbacks = sorted(self._playbacks(), key=lambda each: each[1].slot.number)
        return tuple(playback.status(session.id, session.peer_host, now) for session, playback in playbacks)

    def traffic(self) -> RtspCounters:
        """Return sums of bytes, packets and discarded frames, those of the living counted in."""
        sums = RtspCounters(
            sent_bytes=self.counters.sent_bytes.copy(),
            sent_packets=self.counters.sent_packets.copy(),
            discarded_frames=self.counters.discarded_frames.copy(),
        )
        for traffic in (*(playback.wire for _session, playback in self._playbacks()), *self._multicast.traffic()):
            sums.count_traffic(traffic)
        return sums


def _peer_of(connection: TcpConnection) -> str:
    return f"{bracketed(connection.peer_host)}:{connection.peer_address[1]}"
