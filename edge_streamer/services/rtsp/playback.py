"""One RTSP session's viewing of one stream: its place in the stream, its transport, its slot and its statistics.

A playback is made at SETUP, plays at PLAY, and ends exactly once. Its transport delivers its frames (`wire`).
"""

import logging
from collections.abc import Callable

from edge_streamer.codec.frame import CLOCK_HZ
from edge_streamer.logs.events import SessionAwaitsKeyFrame, log_event
from edge_streamer.media.stream import Stream
from edge_streamer.protocol.rtp.packets import PacketizedFrame
from edge_streamer.protocol.rtp.rtcp import ReceptionReport, parse_reports, round_trip_s
from edge_streamer.protocol.rtsp.headers.rtp_info import RtpInfo
from edge_streamer.protocol.rtsp.server.events import FirstPacket
from edge_streamer.protocol.rtsp.server.session import RtspSession
from edge_streamer.services.rtsp.slots import Slot
from edge_streamer.services.rtsp.wire import OpenedTransport
from edge_streamer.services.status import SessionStatus

log = logging.getLogger(__name__)


class Playback:
    """What a session plays. `opened_at` is `now`, `opened_wall_s` the same instant in UTC, for display."""

    def __init__(
        self, stream: Stream, opened: OpenedTransport, slot: Slot, peer: str, opened_at: float, opened_wall_s: float
    ) -> None:
        self.stream = stream
        self.wire = opened.wire
        self.slot = slot
        self.peer = peer
        self.opened_at = opened_at
        self.played_at = float("-inf")
        self.client = ""
        self.state = "ready"
        self.on_fault: Callable[[Exception], None] = _raise  # `sessions` replaces it to end the session
        self.on_started: Callable[[], None] = _nothing  # `sessions` replaces it to send the first report
        self._feed = opened.feed
        self._send_rtcp = opened.send_rtcp
        self._opened_wall_s = opened_wall_s
        self._last_report: ReceptionReport | None = None
        self._round_trip_s: float | None = None
        self._control_url = ""
        self._answer: Callable[[FirstPacket | None], None] | None = None
        self._has_started = False

    # --- PLAY and PAUSE

    def play(self, control_url: str, answer: Callable[[FirstPacket | None], None], now: float) -> None:
        """Join the stream; `answer` is called with the sequence number and times of the very first packet, before it
        is sent, so that RTP-Info (RFC 2326 section 12.33) and Range are exact."""
        self._give_answer(None)  # for a PLAY that waits on another connection, which has lost the session to this one
        if self.state == "ended":  # by a TEARDOWN or SETUP right behind that PLAY
            answer(None)
            return
        self._control_url = control_url
        self._answer = answer
        self.played_at = now
        self.state = "playing"
        self._has_started = False
        self._feed.join(self, now)

    @property
    def is_answered(self) -> bool:
        """Whether PLAY has had its reply."""
        return self._answer is None

    @property
    def is_sending_over_channel(self) -> bool:
        """Whether media flows through the RTSP connection, so that its acknowledgements prove the viewer alive."""
        return self.state == "playing" and self.wire.channel is not None

    def start(self, first: PacketizedFrame) -> None:
        """Answer PLAY: `first` is what the viewer gets next."""
        self._has_started = True
        self.on_started()
        rtp_info = RtpInfo(self._control_url, first.first_sequence, first.rtp_timestamp)
        self._give_answer(FirstPacket(rtp_info, self.stream.track.wall_ns_of(first.rtp_timestamp)))

    def answer_at_last(self) -> None:
        """Called when no key frame came in time: start with the cached frames, else answer without RTP-Info and keep
        waiting."""
        if not self.is_answered and not self._feed.start_from_cache():
            self._warn_of_wait()
            self._give_answer(None)

    def _warn_of_wait(self) -> None:
        if self.stream.cache.has_overflowed:
            detail = f"the frames since the last one exceed link.start_cache_bytes = {self.stream.cache.limit_bytes}"
            log_event(log, SessionAwaitsKeyFrame(peer=self.peer, stream=self.stream.name, detail=detail))

    def _give_answer(self, first: FirstPacket | None) -> None:
        answer, self._answer = self._answer, None
        if answer is not None:
            answer(first)

    def pause(self) -> None:
        """Stop sending; a later PLAY starts at a key frame again."""
        self._feed.leave()
        self.state = "paused"

    # --- RTCP

    @property
    def wants_reports(self) -> bool:
        """Whether sender reports go to this session: not before its first frame. Until a client has received that
        frame, it does not know the SSRC and drops the report; and no `$` frame precedes the reply to PLAY."""
        return self._send_rtcp is not None and self.state == "playing" and self._has_started

    def send_rtcp(self, packet: bytes) -> None:
        """Send a compound RTCP packet, unless a multicast sender reports to all members at once."""
        if self._send_rtcp is not None:
            self._send_rtcp(packet)

    def send_sender_report(self, now: float, cname: str) -> None:
        """Send SR + SDES for `now`, if this session wants reports and the stream has had a frame."""
        report = self.stream.sender_report(now, cname) if self.wants_reports else None
        if report is not None:
            self.send_rtcp(report)

    def take_rtcp(self, packet: bytes, now: float) -> None:
        """Store the client's report on the stream's SSRC."""
        for report in parse_reports(packet):
            if report.source_ssrc == self.stream.identity.ssrc:
                self._last_report = report
                self._round_trip_s = round_trip_s(report, now, self.stream.track.sender_reports_sent_at)

    # --- what is known

    def status(self, session_id: str, peer_ip: str, now: float) -> SessionStatus:
        """Return what metrics and API show of this session. It asks the kernel, so it is too slow for every frame."""
        wire, slot, report = self.wire, self.slot, self._last_report
        backlog_bytes, tcp = wire.backlog_bytes, wire.tcp_info()
        return SessionStatus(
            session_id=session_id,
            slot=slot.number,
            stream=self.stream.name,
            peer_ip=peer_ip,
            transport=wire.name,
            client=self.client,
            state=self.state,
            started_wall_s=self._opened_wall_s,
            sent_bytes=wire.sent_bytes,
            slot_sent_bytes=slot.sent_bytes + wire.sent_bytes,
            slot_discarded_frames=slot.discarded_frames + wire.discarded_frames,
            backlog_bytes=backlog_bytes,
            backlog_s=self.stream.write_budget.seconds_of(backlog_bytes),
            write_budget_bytes=self.stream.write_budget_bytes(),
            fraction_lost_ratio=report.fraction_lost if report else None,
            jitter_s=report.jitter_ticks / CLOCK_HZ if report else None,
            round_trip_s=self._round_trip_s,
            duration_s=now - self.opened_at,
            discarded_frames=wire.discarded_frames,
            slot_retransmits=slot.retransmits + (tcp.retransmits if tcp else 0),
            oldest_unsent_s=wire.oldest_unsent_age_s(now),
            kernel_round_trip_s=tcp.round_trip_s if tcp else None,
            retransmits=tcp.retransmits if tcp else None,
            unacknowledged_bytes=tcp.unacknowledged_bytes if tcp else None,
            delivery_bps=tcp.delivery_bps if tcp else None,
        )

    # --- the end

    def leave(self) -> None:
        """Leave stream and transport, and add the sums to the slot. Called once."""
        self._feed.leave()
        del self._feed  # it refers to this playback: the cycle would live until the garbage collector runs
        self.state = "ended"
        self.slot.sent_bytes += self.wire.sent_bytes
        self.slot.discarded_frames += self.wire.discarded_frames
        if (tcp := self.wire.tcp_info()) is not None:
            self.slot.retransmits += tcp.retransmits
        self.wire.close()
        self._give_answer(None)  # a PLAY that still waits: the protocol refuses it, since the session is gone
        self.stream.on_left()


def playback_of(session: RtspSession) -> Playback:
    """Return the playback of a session that has been adopted and has not ended."""
    assert isinstance(session.context, Playback)
    return session.context


def _nothing() -> None:
    """Called when a playback that no session has adopted starts."""


def _raise(error: Exception) -> None:
    """Called when a playback that no session has adopted fails."""
    raise error
