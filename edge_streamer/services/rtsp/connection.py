"""One RTSP client: its bytes go to the protocol object, the protocol's events to streams and sessions, replies back.

The protocol object decides what follows from RTSP alone; this module does what needs a stream, a port or a timer. The
reply to DESCRIBE may wait for the parameter sets, the reply to PLAY for the first key frame, and the refusal of a wrong
password for its delay: none of them blocks the loop.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from edge_streamer.accounts.login_failures import LoginFailures
from edge_streamer.logs.events import ProtocolViolated, log_event
from edge_streamer.logs.limits import LinePerAddress
from edge_streamer.media.registry import StreamRegistry
from edge_streamer.media.stream import Stream
from edge_streamer.protocol.rtsp.faults import ProtocolErrorKind
from edge_streamer.protocol.rtsp.server.events import (
    DescriptionRequested,
    FirstPacket,
    InterleavedReceived,
    PlaybackPaused,
    PlayRequested,
    ProtocolErrorOccurred,
    RefusalRequested,
    RequestHandled,
    RtspEvent,
    SetupRequested,
)
from edge_streamer.protocol.rtsp.server.protocol import RtspServerProtocol
from edge_streamer.protocol.rtsp.server.session import RtspSession, SessionRemoved
from edge_streamer.runtime.address import host_of, network_key, without_zone
from edge_streamer.runtime.loop import Loop, Timer
from edge_streamer.runtime.tcp.close_reason import CloseReason
from edge_streamer.services.rtsp.channel import Channel
from edge_streamer.services.rtsp.description import describe
from edge_streamer.services.rtsp.playback import Playback, playback_of
from edge_streamer.services.rtsp.sessions import RtspSessions
from edge_streamer.services.status import EndReason

log = logging.getLogger(__name__)

DESCRIBE_LIMIT_S: Final = 5.0
"""How long DESCRIBE waits for parameter sets before it answers 503; ffmpeg, go2rtc and Home Assistant wait longer."""
REPLAY_PAUSE_S: Final = 1.0
"""PLAY after PAUSE begins at the earliest this long after the last PLAY: each PLAY may begin with a burst of cached
frames, and a thousand pipelined requests would turn kilobytes into a flood."""
PLAY_LIMIT_S: Final = 1.0
"""How long PLAY waits for its first key frame; go2rtc gives up after 5 s without data."""


def _end_reason(reason: CloseReason) -> EndReason:
    """Return the end reason of the sessions of a connection that closed for `reason`."""
    return EndReason.PEER_CLOSED if reason is CloseReason.LOCAL else EndReason(reason.value)


class PendingDescribes:
    """Counts the DESCRIBEs that wait for parameter sets; `limit` may wait at once."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._waiting = 0

    def __len__(self) -> int:
        return self._waiting

    def enter(self) -> bool:
        """Count one more DESCRIBE; False when the limit is reached."""
        if self._waiting >= self.limit:
            return False
        self._waiting += 1
        return True

    def leave(self) -> None:
        """Count one DESCRIBE less."""
        self._waiting -= 1


@dataclass(frozen=True, slots=True)
class Shared:
    """What all connections of the service share."""

    streams: StreamRegistry
    sessions: RtspSessions
    pending_describes: PendingDescribes
    login_failures: LoginFailures
    error_lines: LinePerAddress = field(default_factory=LinePerAddress)


class RtspConnection:
    """The delegate of a channel: one RTSP client."""

    def __init__(
        self,
        loop: Loop,
        channel: Channel,
        protocol: RtspServerProtocol,
        shared: Shared,
    ) -> None:
        self._loop = loop
        self._channel = channel
        self._protocol = protocol
        self._shared = shared
        self._sessions = shared.sessions
        self._events: deque[RtspEvent] = deque()
        self._is_handling = False
        self._forget_pending: Callable[[], None] = _nothing

    # --- the channel's calls

    def on_data(self, data: bytes) -> None:
        """Parse `data` and act on the events."""
        self._handle(self._protocol.receive(data, self._loop.now()))

    def on_sent_all(self) -> None:
        """Called when a backlog has drained; nothing is to be done, since the next frame is sent when it comes."""

    def on_closed(self, reason: CloseReason) -> None:
        """End the connection's sessions. A UDP session that plays outlives a connection that closed, but not a dead
        peer; a session that does not play ends too, since it would only hold a slot and two ports."""
        self._forget_pending()
        left = tuple(self._events)  # the events behind one whose handling raised
        for event in (*left, *self._protocol.eof(self._loop.now())):
            if isinstance(event, SessionRemoved):
                self._sessions.finish(event.session, _end_reason(reason))
        for session in self._own_sessions():
            if reason is CloseReason.STALLED or playback_of(session).state != "playing":
                self._sessions.end(session, _end_reason(reason))

    # --- events

    def _handle(self, events: Iterable[RtspEvent]) -> None:
        """Act on events in order; an answer may bring more events (pipelined requests), which queue behind."""
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
        self._channel.send(self._protocol.data_to_send())
        if self._protocol.closing:
            self._forget_pending()
            self._channel.close_when_sent(CloseReason.PROTOCOL_ERROR)
        self._note_waiting()

    def _note_waiting(self) -> None:
        """Say whether the connection may be closed to make room for another: it has no session and is owed nothing."""
        self._channel.set_waiting(self._protocol.is_waiting and self._channel.queue.is_empty)

    def _act(self, event: RtspEvent) -> None:
        match event:
            case RefusalRequested():
                self._refuse_login(event)
            case DescriptionRequested():
                self._describe(event.path)
            case SetupRequested():
                self._set_up(event)
            case PlayRequested():
                self._play(event)
            case PlaybackPaused():
                playback_of(event.session).pause()
            case SessionRemoved():
                self._sessions.finish(event.session, EndReason(event.reason))
            case InterleavedReceived():
                self._take_interleaved(event)
            case RequestHandled():
                self._sessions.counters.count_reply(event.method, event.status)
            case ProtocolErrorOccurred():
                self._note_error(event)

    # --- a wrong password

    def _refuse_login(self, event: RefusalRequested) -> None:
        def refuse() -> None:
            self._forget_pending()
            self._handle(self._protocol.answer_status(401, self._loop.now(), headers=event.challenges))

        now = self._loop.now()
        delay_s = self._shared.login_failures.note("rtsp", self._channel.peer_host, event.user, now)
        self._set_pending(self._loop.call_later(delay_s, refuse, self._channel))

    # --- DESCRIBE

    def _describe(self, path: str) -> None:
        stream = self._shared.streams.get(path)
        if stream is None:
            self._handle(self._protocol.answer_status(404, self._loop.now()))
            return
        stream.on_wanted()
        if stream.parameter_sets is not None:
            self._answer_description(stream)
        elif stream.is_down:
            self._refuse_description()
        elif self._shared.pending_describes.enter():
            self._await_description(stream)
        else:
            self._sessions.counters.limits_reached["rtsp.max_pending_describes"] += 1
            self._refuse_description()

    def _answer_description(self, stream: Stream) -> None:
        sdp = describe(stream, without_zone(host_of(self._channel.local_address)))
        self._handle(self._protocol.answer_description(sdp, self._loop.now()))

    def _await_description(self, stream: Stream) -> None:
        def answer() -> None:
            self._forget_pending()
            if stream.parameter_sets is None:  # the source has failed
                self._refuse_description()
            else:
                self._answer_description(stream)

        def on_described() -> None:  # called in the middle of `Stream.publish`: answer in a later turn
            self._forget_pending()
            self._set_pending(self._loop.call_later(0.0, answer, self._channel))

        def give_up() -> None:
            self._forget_pending()
            self._refuse_description()

        def stop_waiting() -> None:
            self._shared.pending_describes.leave()
            cancel()

        cancel = stream.when_described(on_described)
        self._set_pending(self._loop.call_later(DESCRIBE_LIMIT_S, give_up, self._channel), stop_waiting)

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
        stream, opened = self._shared.streams.get(event.path), None
        if stream is not None and event.track == 0:
            opened = self._sessions.open(stream, event.offer, self._channel, event.session)
        if opened is None or isinstance(opened, int):
            self._handle(self._protocol.answer_status(opened or 404, self._loop.now()))
            return
        playback, reply = opened
        adopt = partial(self._sessions.adopt, playback)
        self._handle(self._protocol.answer_setup(reply, self._loop.now(), adopt=adopt))

    # --- PLAY

    def _play(self, event: PlayRequested) -> None:
        playback = event.session.context
        if not isinstance(playback, Playback):  # the session ended while this PLAY waited: the protocol answers 454
            self._handle(self._protocol.answer_play(None, self._loop.now()))
            return
        playback.stream.on_wanted()
        wait_s = playback.played_at + REPLAY_PAUSE_S - self._loop.now()
        if wait_s > 0 and playback.is_answered:
            self._set_pending(self._loop.call_later(wait_s, partial(self._play, event), self._channel))
            return

        def answer(first: FirstPacket | None) -> None:
            self._forget_pending()
            if not self._protocol.has_question:
                return  # the connection has ended meanwhile
            self._handle(self._protocol.answer_play(first, self._loop.now()))
            self._flush()  # the reply goes before the first `$` frame: Scrypted and ZoneMinder accept no other order

        self._set_pending(self._loop.call_later(PLAY_LIMIT_S, playback.answer_at_last, self._channel))
        playback.play(event.control_url, answer, self._loop.now())

    # --- the rest

    def _take_interleaved(self, event: InterleavedReceived) -> None:
        channels = event.session.transport.channels
        if channels is not None and event.channel == channels[1]:
            playback_of(event.session).take_rtcp(event.payload, self._loop.now())

    def _note_error(self, error: ProtocolErrorOccurred) -> None:
        """Count the peer's protocol error, and log it within the rate limit of the peer's address."""
        self._sessions.counters.protocol_errors[error.kind] += 1
        peer = self._channel.peer_host
        unlogged = self._shared.error_lines.take(network_key(peer), self._loop.now())
        if unlogged is not None:
            kind, detail, withheld = error.kind, error.detail, unlogged or None
            log_event(log, ProtocolViolated(peer=peer, kind=kind, detail=detail, withheld=withheld))

    def close(self, reason: CloseReason) -> None:
        """Send the replies that wait and hang up."""
        self._channel.close_when_sent(reason)

    def sweep(self) -> None:
        """Enforce the limits that pass without an event: a request that trickles in, a peer that died silently."""
        self._loop.guard(self._look, self._channel)

    def _look(self) -> None:
        now = self._loop.now()
        deadline = self._protocol.deadline()
        if deadline is not None and now >= deadline:
            self._handle(self._protocol.tick(now))
            if self._protocol.closing_kind == ProtocolErrorKind.NO_SESSION:
                self._sessions.counters.limits_reached["rtsp.setup_within_s"] += 1
        self._note_waiting()  # its last session may have ended, or gone to another connection
        self._channel.look_for_death(now, is_sending=self._is_sending())

    def _is_sending(self) -> bool:
        return any(playback_of(session).is_sending_over_channel for session in self._own_sessions())

    def _own_sessions(self) -> tuple[RtspSession, ...]:
        """Return the sessions that belong to this connection now, UDP sessions among them."""
        return self._sessions.table.of_connection(self._channel.connection_id)


def _nothing() -> None:
    """Called when the connection closes and no answer is pending."""
