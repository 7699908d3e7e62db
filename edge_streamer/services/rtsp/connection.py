"""One RTSP client: bytes to the protocol object, its events to streams and sessions, its replies back.

The protocol object decides what RTSP decides; here stands what needs a stream, a port or a timer. DESCRIBE and PLAY may
stay unanswered for a while (until the parameter sets are known, until the first key frame), and a wrong password does:
nothing blocks meanwhile.
"""

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Final

from edge_streamer.media.stream import Stream
from edge_streamer.protocol.rtsp.faults import ProtocolErrorKind
from edge_streamer.protocol.rtsp.headers.rtp_info import RtpInfo
from edge_streamer.protocol.rtsp.headers.transport import TransportOffer
from edge_streamer.protocol.rtsp.server.events import (
    DescriptionRequested,
    InterleavedReceived,
    LoginFailed,
    PlaybackPaused,
    PlayRequested,
    ProtocolErrorOccurred,
    RequestHandled,
    RtspEvent,
    SetupRequested,
)
from edge_streamer.protocol.rtsp.server.protocol import RtspServerProtocol
from edge_streamer.protocol.rtsp.server.session import ConnectionPeer, RtspSession, SessionEnded
from edge_streamer.runtime.address import host_of
from edge_streamer.runtime.loop import Loop, Timer
from edge_streamer.runtime.tcp.close_reason import CloseReason
from edge_streamer.runtime.tcp.connection import TcpConnection
from edge_streamer.services.rtsp.description import describe
from edge_streamer.services.rtsp.playback import Playback
from edge_streamer.services.status import EndReason, Limit

if TYPE_CHECKING:
    from edge_streamer.services.rtsp.service import RtspService

DESCRIBE_LIMIT_S: Final = 5.0
"""How long DESCRIBE waits for parameter sets before it answers 503; ffmpeg, go2rtc and Home Assistant wait longer."""
REPLAY_PAUSE_S: Final = 1.0
"""PLAY after PAUSE waits this long since the last PLAY: each may begin with a burst of cached frames, and a thousand
pipelined ones would turn kilobytes of requests into a flood."""
PLAY_LIMIT_S: Final = 1.0
"""How long PLAY waits for its first key frame; go2rtc gives up after 5 s without data."""


def _end_reason(reason: CloseReason) -> EndReason:
    """Return what a connection's end means for its sessions."""
    return EndReason.PEER_CLOSED if reason is CloseReason.LOCAL else EndReason(reason.value)


class RtspConnection:
    """See the module; the delegate of its `TcpConnection`."""

    def __init__(self, loop: Loop, service: "RtspService", connection: TcpConnection) -> None:
        self._loop = loop
        self._service = service
        self._connection = connection
        self._local_host = host_of(connection.local_address)
        peer = ConnectionPeer(connection.connection_id, connection.peer_host, self._local_host)
        self._protocol: RtspServerProtocol = service.new_protocol(peer, loop.now())
        self._events: deque[RtspEvent] = deque()
        self._is_handling = False
        self._forget_pending: Callable[[], None] = _nothing

    # --- the transport's calls

    def on_data(self, data: bytes) -> None:
        """Parse and act."""
        self._handle(self._protocol.receive(data, self._loop.now()))

    def on_sent_all(self) -> None:
        """Nothing to do: frames come by themselves."""

    def on_closed(self, reason: CloseReason) -> None:
        """End what this connection carried. A UDP session that plays outlives a connection that merely closed (rule
        30), but not a dead peer; one that does not play would hold a slot and two ports for nobody."""
        self._forget_pending()
        left = tuple(self._events)  # behind one whose handling raised
        for event in (*left, *self._protocol.eof(self._loop.now())):
            if isinstance(event, SessionEnded):
                self._service.finish(event.session, _end_reason(reason))
        for session in self._service.sessions_of(self._connection):
            if reason is CloseReason.STALLED or self._playback(session).state != "playing":
                self._service.end(session, _end_reason(reason))
        self._service.listeners.forget(self._connection)

    # --- events

    def _handle(self, events: Iterable[RtspEvent]) -> None:
        """Act on events in order; answering one may bring more (pipelined requests), which queue behind."""
        self._events.extend(events)
        if self._is_handling:
            return
        self._is_handling = True
        try:
            while self._events:
                self._act(self._events.popleft())
        finally:
            self._is_handling = False
        self._flush()

    def _flush(self) -> None:
        self._connection.send(self._protocol.data_to_send())
        if self._protocol.closing:
            self._forget_pending()
            self._connection.close_when_sent(CloseReason.PROTOCOL_ERROR)

    def _act(self, event: RtspEvent) -> None:
        match event:
            case LoginFailed():
                self._refuse_login(event)
            case DescriptionRequested():
                self._describe(event.path)
            case SetupRequested():
                self._set_up(event)
            case PlayRequested():
                self._play(event)
            case PlaybackPaused():
                self._playback(event.session).pause()
            case SessionEnded():
                self._service.finish(event.session, EndReason(event.reason))
            case InterleavedReceived():
                self._take_interleaved(event)
            case RequestHandled():
                self._service.counters.count_reply(event.method, event.status)
            case ProtocolErrorOccurred():
                self._service.on_protocol_error(event, self._connection.peer_host)

    # --- a wrong password

    def _refuse_login(self, event: LoginFailed) -> None:
        def refuse() -> None:
            self._forget_pending()
            self._handle(self._protocol.answer_status(401, self._loop.now(), headers=event.challenges))

        now = self._loop.now()
        delay_s = self._service.login_failures.note("rtsp", self._connection.peer_host, event.user, now)
        self._set_pending(self._loop.call_later(delay_s, refuse, self._connection))

    # --- DESCRIBE

    def _describe(self, path: str) -> None:
        stream = self._service.streams.get(path)
        if stream is None:
            self._handle(self._protocol.answer_status(404, self._loop.now()))
            return
        stream.on_wanted()
        if stream.parameter_sets is not None:
            self._answer_description(stream)
        elif stream.is_down:
            self._refuse_description()
        elif len(self._service.pending_describes) >= self._service.max_pending_describes:
            self._service.counters.limits_reached[Limit.PENDING_DESCRIBES] += 1
            self._refuse_description()
        else:
            self._await_description(stream)

    def _answer_description(self, stream: Stream) -> None:
        self._handle(self._protocol.answer_description(describe(stream, self._local_host), self._loop.now()))

    def _await_description(self, stream: Stream) -> None:
        def answer() -> None:
            self._forget_pending()
            if stream.parameter_sets is None:  # the source has failed
                self._refuse_description()
            else:
                self._answer_description(stream)

        def on_described() -> None:  # in the middle of a publish: the answer is for a turn of our own
            self._forget_pending()
            self._set_pending(self._loop.call_later(0.0, answer, self._connection))

        def give_up() -> None:
            self._forget_pending()
            self._refuse_description()

        def stop_waiting() -> None:
            self._service.pending_describes.remove(self)
            cancel()

        cancel = stream.when_described(on_described)
        self._service.pending_describes.add(self)
        self._set_pending(self._loop.call_later(DESCRIBE_LIMIT_S, give_up, self._connection), stop_waiting)

    def _refuse_description(self) -> None:
        self._handle(self._protocol.answer_status(503, self._loop.now(), headers=(("Retry-After", "5"),)))

    def _set_pending(self, timer: Timer, cancel: Callable[[], None] = lambda: None) -> None:
        def forget() -> None:
            timer.cancel()
            cancel()
            self._forget_pending = _nothing

        self._forget_pending = forget

    # --- SETUP

    def _set_up(self, event: SetupRequested) -> None:
        stream = self._service.streams.get(event.path)
        if stream is None or event.track != 0:
            self._handle(self._protocol.answer_status(404, self._loop.now()))
        else:
            self._open_playback(stream, event.offer, event.session)

    def _open_playback(self, stream: Stream, offer: TransportOffer, session: RtspSession | None) -> None:
        """Answer SETUP. A second one replaces the transport (rule 13): ffmpeg and ExoPlayer fall back to TCP so."""
        replaced = self._playback(session) if session is not None else None
        opened = self._service.open_playback(stream, offer, self._connection, replaced)
        now = self._loop.now()
        if isinstance(opened, int):
            self._handle(self._protocol.answer_status(opened, now))
            return
        playback, transport = opened
        adopt = partial(self._service.adopt, playback)
        self._handle(self._protocol.answer_setup(transport, now, adopt=adopt))

    # --- PLAY

    def _play(self, event: PlayRequested) -> None:
        playback = event.session.context
        if not isinstance(playback, Playback):  # ended while this PLAY waited: the protocol answers 454
            self._handle(self._protocol.answer_play(None, self._loop.now()))
            return
        playback.stream.on_wanted()
        wait_s = playback.played_at + REPLAY_PAUSE_S - self._loop.now()
        if wait_s > 0 and playback.is_answered:
            self._set_pending(self._loop.call_later(wait_s, partial(self._play, event), self._connection))
            return

        def answer(rtp_info: RtpInfo | None) -> None:
            self._forget_pending()
            if not self._protocol.has_question:
                return  # the connection has ended meanwhile
            self._handle(self._protocol.answer_play(rtp_info, self._loop.now()))
            self._flush()  # the reply goes before the first `$` frame: Scrypted and ZoneMinder take nothing else
            playback.send_sender_report(self._loop.now(), self._service.cname)

        self._set_pending(self._loop.call_later(PLAY_LIMIT_S, playback.answer_at_last, self._connection))
        self._service.prepare_to_play(playback, self._connection)
        playback.play(event.control_url, answer, self._loop.now())

    # --- the rest

    @staticmethod
    def _playback(session: RtspSession) -> Playback:
        assert isinstance(session.context, Playback)
        return session.context

    def _take_interleaved(self, event: InterleavedReceived) -> None:
        channels = event.session.transport.channels
        if channels is not None and event.channel == channels[1]:
            self._playback(event.session).take_rtcp(event.payload, self._loop.now())

    def close(self, reason: CloseReason) -> None:
        """Send what waits and hang up."""
        self._connection.close_when_sent(reason)

    def sweep(self) -> None:
        """End what no event ends: a request that trickles in, a peer that is dead without a sign."""
        self._loop.guard(self._look, self._connection)

    def _look(self) -> None:
        now = self._loop.now()
        deadline = self._protocol.deadline()
        if deadline is not None and now >= deadline:
            self._handle(self._protocol.tick(now))
            if self._protocol.closing_kind == ProtocolErrorKind.NO_SESSION:
                self._service.counters.limits_reached[Limit.SETUP_WITHIN] += 1
        self._connection.look_for_death(now, is_sending=self._is_sending())

    def _is_sending(self) -> bool:
        sessions = self._service.sessions_of(self._connection)
        return any(self._playback(session).is_sending_over_tcp for session in sessions)


def _nothing() -> None:
    """Nothing is pending."""
