"""The sessions of the RTSP service: the one place where a session begins and ends.

SETUP has two steps: `open` admits the session and opens its transport, and `adopt` completes it once the protocol has
the session too. However a session ends, it passes `finish`, so that slots, ports, counters and the log agree.
"""

import logging
import socket
import time
from collections.abc import Mapping
from functools import partial

from edge_streamer.logs.events import SetupRefused, log_event
from edge_streamer.media.stream import Stream
from edge_streamer.protocol.rtsp.headers.transport import TransportOffer, TransportReply
from edge_streamer.protocol.rtsp.server.session import RtspSession, SessionTable
from edge_streamer.runtime.address import PortRange, bracketed
from edge_streamer.runtime.loop import Loop
from edge_streamer.runtime.memory import MemoryTrimmer
from edge_streamer.runtime.tcp.close_reason import CloseReason
from edge_streamer.runtime.udp.pair import UdpPortRange
from edge_streamer.services.rtsp.channel import Channel
from edge_streamer.services.rtsp.client_family import client_family
from edge_streamer.services.rtsp.counters import RtspCounters
from edge_streamer.services.rtsp.playback import Playback, playback_of
from edge_streamer.services.rtsp.session_log import session_ended, session_opened
from edge_streamer.services.rtsp.slots import Admission, Slot
from edge_streamer.services.rtsp.transports.interleaved import InterleavedTransport
from edge_streamer.services.rtsp.transports.multicast import MulticastTransport
from edge_streamer.services.rtsp.transports.udp import UdpTransport
from edge_streamer.services.rtsp.wire import OpenedTransport, Transport, TransportLimitError, WireEvents
from edge_streamer.services.status import EndReason, SessionStatus

log = logging.getLogger(__name__)


class RtspSessions:
    """All sessions of all connections. `table` is the protocol's table of them."""

    def __init__(self, loop: Loop, table: SessionTable, admission: Admission, udp_ports: PortRange) -> None:
        self.table = table
        self.admission = admission
        self.counters = RtspCounters()
        self.cname = f"edge_streamer@{socket.gethostname()}"
        self.multicast = MulticastTransport(loop, {}, self.cname, self.counters.count_traffic)
        self._loop = loop
        self._memory = MemoryTrimmer(loop)
        self._transports: Mapping[str, Transport] = {
            "tcp": InterleavedTransport(loop.now),
            "udp": UdpTransport(loop, UdpPortRange(udp_ports.first, udp_ports.last)),
            "multicast": self.multicast,
        }

    # --- a session begins

    def open(
        self, stream: Stream, offer: TransportOffer, channel: Channel, session: RtspSession | None
    ) -> tuple[Playback, TransportReply] | int:
        """Return a playback and the transport to answer with, or the status to refuse SETUP with.

        `session` is None for a new session, else the session whose transport a second SETUP replaces (ffmpeg and
        ExoPlayer fall back to TCP this way); it keeps its slot and counts once.
        """
        slot = playback_of(session).slot if session else self._admit(channel.peer_host)
        if slot is None:
            return 453  # Not Enough Bandwidth (RFC 2326 section 11.3.4): clients take it for "too many sessions"
        opened = self._open_transport(stream, offer, channel)
        if isinstance(opened, int):
            if session is None:
                self.admission.dismiss(channel.peer_host, slot)
            return opened
        peer = f"{bracketed(channel.peer_host)}:{channel.peer_address[1]}"
        return Playback(stream, opened, slot, peer, self._loop.now(), time.time()), opened.reply

    def _admit(self, peer_host: str) -> Slot | None:
        admitted = self.admission.admit(peer_host)
        if isinstance(admitted, Slot):
            return admitted
        self.counters.limits_reached[admitted] += 1
        return None

    def _open_transport(self, stream: Stream, offer: TransportOffer, channel: Channel) -> OpenedTransport | int:
        try:
            return self._transports[offer.lower].open(stream, offer, channel)
        except OSError as error:
            log_event(log, SetupRefused(peer=channel.peer_host, detail=str(error)))
            if not isinstance(error, TransportLimitError):
                return 461
            self.counters.limits_reached[error.limit] += 1
            return 503

    def adopt(self, playback: Playback, session: RtspSession) -> None:
        """Attach `playback` to the protocol's session, in place of the playback that a second SETUP replaces."""
        replaced, session.context = session.context, playback
        playback.client = client_family(session.user_agent)
        playback.on_fault = partial(self._on_fault, session)
        playback.on_started = partial(self._loop.post, partial(self._send_first_report, session))
        playback.wire.start(self._events(session, playback))
        if isinstance(replaced, Playback):
            replaced.leave()
            self.counters.count_traffic(replaced.wire)
        else:
            self.counters.sessions_started[playback.wire.name] += 1
            log_event(log, session_opened(session, playback))

    def _events(self, session: RtspSession, playback: Playback) -> WireEvents:
        """Return the callbacks of `playback`'s wire: RTCP, and ends that the wire finds, posted for the next turn."""

        def on_rtcp(packet: bytes) -> None:
            self.table.renew(session, self._loop.now())
            playback.take_rtcp(packet, self._loop.now())

        def end(reason: EndReason) -> None:
            if session.context is playback:  # a second SETUP may have left this transport behind
                self.end(session, reason)

        return WireEvents(
            session.peer_host,
            on_rtcp,
            on_gone=partial(self._loop.post, partial(end, EndReason.UNREACHABLE)),
            on_failed=partial(self._loop.post, partial(end, EndReason.INTERNAL_ERROR)),
        )

    def _on_fault(self, session: RtspSession, error: Exception) -> None:
        self._loop.report_fault(error, None)
        self._loop.post(lambda: self.end(session, EndReason.INTERNAL_ERROR))

    # --- a session ends

    def finish(self, session: RtspSession, reason: EndReason) -> None:
        """Release the playback of a session that the protocol has ended; without effect when it is released."""
        playback = session.context
        if not isinstance(playback, Playback):
            return
        ended = session_ended(session, playback, reason, self._loop.now())
        session.context = None
        self._memory.note_freed(playback.wire.backlog_bytes)
        playback.leave()
        self.admission.dismiss(session.peer_host, playback.slot)
        self.counters.count_traffic(playback.wire)
        self.counters.sessions_ended[reason] += 1
        log_event(log, ended)

    def end(self, session: RtspSession, reason: EndReason) -> None:
        """End a session from the server's side: send BYE, then close the connection of an interleaved session, unless
        the connection has other sessions, which go on."""
        playback = session.context
        if not isinstance(playback, Playback):
            return
        playback.send_rtcp(playback.stream.track.goodbye(self.cname, reason))
        self.table.remove(session)
        self.finish(session, reason)
        if playback.wire.channel is not None and not self.table.of_connection(session.connection_id):
            playback.wire.channel.close_when_sent(CloseReason.LOCAL)

    def kick(self, session_id: str) -> bool:
        """End the session of that id at an operator's request; False when there is none."""
        session = self.table.get(session_id)
        if session is None or not isinstance(session.context, Playback):
            return False
        self.end(session, EndReason.KICKED)
        return True

    def end_all(self, reason: EndReason, stream: Stream | None = None) -> None:
        """End every session, or every session of `stream`."""
        for session, playback in self.playbacks():
            if stream is None or playback.stream is stream:
                self.end(session, reason)

    def end_idle(self) -> None:
        """End the sessions whose clients were silent for too long."""
        for event in self.table.expire(self._loop.now()):
            self.finish(event.session, EndReason.IDLE)

    # --- reports

    def _send_first_report(self, session: RtspSession) -> None:
        """Called in the turn after a session's first frame was sent, so that the report follows that frame."""
        playback = session.context
        if isinstance(playback, Playback):
            playback.send_sender_report(self._loop.now(), self.cname)

    def send_reports(self) -> None:
        """Send sender reports; a stream's report is made once for all its viewers."""
        now = self._loop.now()
        self.multicast.send_reports(now)
        reports: dict[Stream, bytes | None] = {}
        for _session, playback in self.playbacks():
            if playback.wants_reports:
                stream = playback.stream
                if stream not in reports:
                    reports[stream] = stream.sender_report(now, self.cname)
                report = reports[stream]
                if report is not None:
                    playback.send_rtcp(report)

    # --- what is known

    @property
    def count(self) -> int:
        """Sessions now; cheaper than `statuses`."""
        return self.admission.open

    def playbacks(self) -> list[tuple[RtspSession, Playback]]:
        """Return the sessions that have been adopted and have not ended."""
        sessions = [(session, session.context) for session in self.table]
        return [(session, playback) for session, playback in sessions if isinstance(playback, Playback)]

    def are_any_of(self, stream: Stream) -> bool:
        """Whether sessions of `stream` have been set up."""
        return any(playback.stream is stream for _session, playback in self.playbacks())

    def statuses(self) -> tuple[SessionStatus, ...]:
        """Return one status for each session, in the order of the slots."""
        now = self._loop.now()
        playbacks = sorted(self.playbacks(), key=lambda each: each[1].slot.number)
        return tuple(playback.status(session.id, session.peer_host, now) for session, playback in playbacks)

    def traffic(self) -> RtspCounters:
        """Return sums of bytes, packets and discarded frames, including those of sessions that go on."""
        sums = RtspCounters(
            sent_bytes=self.counters.sent_bytes.copy(),
            sent_packets=self.counters.sent_packets.copy(),
            discarded_frames=self.counters.discarded_frames.copy(),
        )
        for traffic in (*(playback.wire for _session, playback in self.playbacks()), *self.multicast.traffic()):
            sums.count_traffic(traffic)
        return sums
