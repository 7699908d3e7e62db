"""The server's end of one RTSP connection: bytes and `now` in, replies and events out (RFC 2326).

A connection consists of framing, one request at a time, replies, faults and time limits. `methods` says what a request
means, `session` which sessions exist, `states` which method is valid when. The service drives the object:

    events = protocol.receive(data, now)      what the peer's bytes led to
    protocol.answer_...(...)                  at once or later, to the one question among them
    connection.send(protocol.data_to_send())  ONE write, before any `$` frame that follows
    if protocol.closing: ...                  flush, close, then protocol.eof(now)

While a question is open, no bytes behind it are parsed: replies leave in the order of the requests (RFC 2326 section
9.1), and a PLAY cannot overtake the SETUP it belongs to. An answer continues the parsing and returns the events that
follow, as `receive` does.

A connection without a session is closed after `setup_within_s`, counted from its accept, from the service's last answer
(a DESCRIBE that waits stops the clock) and from the last bytes that arrived while it had a session. OPTIONS,
keep-alives and wrong passwords do not extend that time.

Nothing that a peer sends raises. A mistake of the service raises at once (an answer without a question: RuntimeError;
an impossible answer: ValueError).
"""

from collections.abc import Callable, Collection
from typing import Final, TypeVar

from edge_streamer.protocol.rtsp.faults import STATUS_OF_KIND, Fault, ProtocolErrorKind, excerpt
from edge_streamer.protocol.rtsp.headers.range import LIVE_RANGE, play_range
from edge_streamer.protocol.rtsp.headers.require import encode_unsupported, unsupported_tags
from edge_streamer.protocol.rtsp.headers.session import encode_session, parse_session
from edge_streamer.protocol.rtsp.headers.transport import TransportOffer, TransportReply
from edge_streamer.protocol.rtsp.limits import DEFAULT_LIMITS, RtspLimits
from edge_streamer.protocol.rtsp.message import SERVER_NAME, Headers, Request, Response
from edge_streamer.protocol.rtsp.parser import Element, InterleavedFrame, RtspParser
from edge_streamer.protocol.rtsp.server.auth import ALLOW_ALL, Authorizer
from edge_streamer.protocol.rtsp.server.events import (
    DescriptionRequested,
    FirstPacket,
    InterleavedReceived,
    PlayRequested,
    ProtocolErrorOccurred,
    Question,
    RefusalRequested,
    RequestHandled,
    RtspEvent,
    SetupRequested,
)
from edge_streamer.protocol.rtsp.server.methods import METHODS, Answer, Call, answer, refusal_in_state
from edge_streamer.protocol.rtsp.server.session import (
    ConnectionPeer,
    RtspSession,
    SessionEndReason,
    SessionRemoved,
    SessionTable,
)
from edge_streamer.protocol.rtsp.server.states import TRANSITIONS
from edge_streamer.protocol.rtsp.target import parse_target

USER_AGENT_CHARACTERS: Final = 128
"""A longer User-Agent is cut to this length before it is kept and shown."""
MAX_REQUESTS_WITHOUT_CSEQ: Final = 16
"""Each such request is answered, since the framing is intact; a peer that sends more of them speaks another
protocol."""

_Q = TypeVar("_Q")


class RtspServerProtocol:
    """One connection. All connections share `sessions`; `new_session_id` returns unguessable ids in hex.

    The class has 35 methods because each question has its answer, and because the short steps from bytes to reply share
    the open question, the queued events and the queued replies: a second class would only pass these to and fro.
    """

    def __init__(
        self,
        peer: ConnectionPeer,
        sessions: SessionTable,
        *,
        transports: Collection[str] = ("tcp", "udp"),
        limits: RtspLimits = DEFAULT_LIMITS,
        authorizer: Authorizer = ALLOW_ALL,
        new_session_id: Callable[[], str],
        now: float,
    ) -> None:
        self._peer = peer
        self._sessions = sessions
        self._transports = transports
        self._limits = limits
        self._authorizer = authorizer
        self._new_session_id = new_session_id
        self._parser = RtspParser(limits)
        self._question: tuple[Request, Question] | None = None
        self._events: list[RtspEvent] = []
        self._outgoing: list[bytes] = []
        self._closing_kind: ProtocolErrorKind | None = None
        self._requests_without_cseq = 0
        self._user_agent = ""
        self._without_session_since = now
        self._unfinished_since: float | None = None

    # --- the connection: bytes, end, clock ---------------------------------------------------------------------

    def receive(self, data: bytes, now: float) -> list[RtspEvent]:
        """Take the peer's next bytes; return the events that follow. A question, if there is one, is the last event."""
        if self._question is not None and self._parser.buffered_bytes > self._limits.pipelined_bytes:
            what = f"more than {self._limits.pipelined_bytes} bytes behind an unanswered request"
            self._fail(Fault(ProtocolErrorKind.PIPELINE_LIMIT, what, self._parser.offset))
            return self._taken_events()
        self._parser.receive(data)
        return self._advance(now)

    def eof(self, now: float) -> list[RtspEvent]:  # noqa: ARG002 - every entry takes the time
        """End the connection: its TCP sessions end with it, its UDP sessions only by their time-out.

        An open question is dropped with it and must not be answered any more.
        """
        self._question = None
        self._end_tcp_sessions("peer_closed")
        return self._taken_events()

    def tick(self, now: float) -> list[RtspEvent]:
        """Close the connection for a request that trickles in, or for having no session for too long."""
        if self.closing or self._owes_answer:
            return []
        if self._unfinished_since is not None and now >= self._unfinished_since + self._limits.request_s:
            what = f"not complete after {self._limits.request_s:g} s"
            self._fail(Fault(ProtocolErrorKind.SLOW_REQUEST, what, self._parser.offset))
        elif self._has_session:
            self._without_session_since = now
        elif now >= self._without_session_since + self._limits.setup_within_s:
            self._question = None
            self._closing_kind = ProtocolErrorKind.NO_SESSION
        return self._taken_events()

    def deadline(self) -> float | None:
        """Return the `now` at which `tick` wants to be called, None while a question is open or when closing."""
        if self.closing or self._owes_answer:
            return None
        set_up_by = self._without_session_since + self._limits.setup_within_s
        if self._unfinished_since is None:
            return set_up_by
        return min(set_up_by, self._unfinished_since + self._limits.request_s)

    @property
    def _owes_answer(self) -> bool:
        """Whether the peer waits for the service. A failed login does not extend the connection's time limit."""
        return self._question is not None and not isinstance(self._question[1], RefusalRequested)

    def data_to_send(self) -> bytes:
        """Return all replies so far and forget them; they go out with one write, never inside a `$` frame."""
        data = b"".join(self._outgoing)
        self._outgoing.clear()
        return data

    @property
    def closing(self) -> bool:
        """Whether the connection is to be closed once `data_to_send()` is flushed."""
        return self._closing_kind is not None

    @property
    def closing_kind(self) -> str:
        """Why it is to be closed, one of `ProtocolErrorKind`; empty while it is not."""
        return "" if self._closing_kind is None else self._closing_kind.value

    @property
    def has_question(self) -> bool:
        """Whether the service owes an answer."""
        return self._question is not None

    @property
    def is_waiting(self) -> bool:
        """Whether the peer has no session and is owed nothing but the refusal of a wrong password."""
        return not (self._owes_answer or self._has_session)

    # --- answers of the service --------------------------------------------------------------------------------

    def answer_description(self, sdp: bytes, now: float) -> list[RtspEvent]:
        """Answer the open DESCRIBE with an SDP."""
        request, question = self._taken_question(DescriptionRequested, now)
        headers = (("Content-Base", question.base_url), ("Content-Type", "application/sdp"))
        self._reply(request, Response(200, headers, sdp))
        return self._advance(now)

    def answer_setup(
        self, transport: TransportReply, now: float, *, adopt: Callable[[RtspSession], None] = lambda _session: None
    ) -> list[RtspEvent]:
        """Answer the open SETUP: makes the session or replaces its transport.

        `adopt` is given the session before anything that follows is parsed: a pipelined PLAY finds it complete. It is
        not called when the session has ended meanwhile (454 is sent); the transport is then the service's to close.
        """
        request, question = self._taken_question(SetupRequested, now)
        _check_reply(question.offer, transport)
        session = question.session
        if session is None:
            session = self._new_session(request, question, transport, now)
        if not self._refuse_late(request, session):
            session.transport = transport
            session.state = TRANSITIONS[session.state, "SETUP"]
            adopt(session)
            self._reply(request, Response(200, (("Transport", transport.encode()),)), session)
        return self._advance(now)

    def answer_play(self, first: FirstPacket | None, now: float) -> list[RtspEvent]:
        """Answer the open PLAY; `first` is the first packet that the session will get, None while that is unknown.

        Range and RTP-Info then name the same instant (ONVIF Streaming 5.2.2.3).
        """
        request, question = self._taken_question(PlayRequested, now)
        session = question.session
        if not self._refuse_late(request, session):
            session.state = TRANSITIONS[session.state, "PLAY"]
            self._reply(request, Response(200, _position(first, session.user_agent)), session)
        return self._advance(now)

    def answer_status(self, status: int, now: float, *, headers: Headers = ()) -> list[RtspEvent]:
        """Answer the open question, whichever it is, with an error or a redirection (300 and up)."""
        if status < 300:
            raise ValueError(f"{status} is no refusal")
        request, _question = self._taken_question(object, now)
        self._reply(request, Response(status, headers))
        return self._advance(now)

    def _taken_question(self, kind: type[_Q], now: float) -> tuple[Request, _Q]:
        if self._question is None:
            raise RuntimeError("no question is open")
        request, question = self._question
        if not isinstance(question, kind):
            raise RuntimeError(f"the open question is another one: {question}")
        self._question = None
        if not isinstance(question, RefusalRequested):  # else guessing passwords would extend it
            self._without_session_since = now
        return request, question

    def _new_session(
        self, request: Request, setup: SetupRequested, transport: TransportReply, now: float
    ) -> RtspSession:
        session = RtspSession(
            id=self._new_session_id(),
            connection_id=self._peer.connection_id,
            peer_host=self._peer.peer_host,
            path=setup.path,
            track=setup.track,
            control_url=parse_target(request.uri, self._peer.local_host).control_url(setup.track),
            transport=transport,
            user_agent=self._user_agent,
            last_renewed=now,
            user=self._authorizer.user,
        )
        self._sessions.add(session)
        return session

    def _refuse_late(self, request: Request, session: RtspSession) -> bool:
        """Refuse after all, when the session was ended or taken over while the question was open."""
        if session not in self._sessions.of_connection(self._peer.connection_id):
            refusal: Response | None = Response(454)
        else:
            refusal = refusal_in_state(session.state, request.method)
        if refusal is not None:
            self._reply(request, refusal)
        return refusal is not None

    # --- elements of the stream --------------------------------------------------------------------------------

    def _advance(self, now: float) -> list[RtspEvent]:
        if self._has_session:
            self._without_session_since = now
        while self._question is None and not self.closing:
            element = self._parser.next_element()
            if element is None:
                break
            self._unfinished_since = None
            self._handle(element, now)
        self._time_unfinished_element(now)
        return self._taken_events()

    @property
    def _has_session(self) -> bool:
        return bool(self._sessions.of_connection(self._peer.connection_id))

    def _time_unfinished_element(self, now: float) -> None:
        if self._question is not None or not self._parser.is_inside_element:
            self._unfinished_since = None
        elif self._unfinished_since is None:
            self._unfinished_since = now

    def _handle(self, element: Element, now: float) -> None:
        match element:  # a ClientReply answers nothing that was asked
            case Request():
                self._handle_request(element, now)
            case InterleavedFrame():
                self._handle_frame(element, now)
            case Fault():
                self._fail(element)

    def _handle_frame(self, frame: InterleavedFrame, now: float) -> None:
        for session in self._sessions.of_connection(self._peer.connection_id):
            if frame.channel in (session.transport.channels or ()):
                self._sessions.renew(session, now)
                self._events.append(InterleavedReceived(frame.channel, frame.payload, session))

    def _handle_request(self, request: Request, now: float) -> None:
        if request.cseq is None:
            self._refuse_without_cseq(request)
            return
        refusal = self._inadmissible(request, now)
        if isinstance(refusal, Response):
            self._reply(request, refusal)
        elif refusal is not None:
            self._ask(request, refusal)
        else:
            self._admit(request, now)

    def _admit(self, request: Request, now: float) -> None:
        call = self._call(request, now)
        outcome = answer(call)
        if isinstance(outcome, Answer):
            self._events += outcome.events
            self._reply(request, outcome.response, call.session)
        else:
            self._ask(request, outcome)

    def _ask(self, request: Request, question: Question) -> None:
        self._question = (request, question)
        self._events.append(question)

    def _refuse_without_cseq(self, request: Request) -> None:
        """RFC 2326 section 12.17: every request has one."""
        shown = excerpt((request.header("CSeq") or "").encode("latin-1"))
        fault = Fault(ProtocolErrorKind.CSEQ, "no usable CSeq", request.offset, excerpt=shown)
        self._requests_without_cseq += 1
        if self._requests_without_cseq > MAX_REQUESTS_WITHOUT_CSEQ:
            self._fail(fault)
        else:
            self._report(fault)
            self._reply(request, Response(STATUS_OF_KIND[fault.kind]))

    def _inadmissible(self, request: Request, now: float) -> Response | RefusalRequested | None:
        refusal = None if request.method == "OPTIONS" else self._authorizer.authorize(request, now)
        tags = unsupported_tags(request.header("Require"))
        if refusal is None and tags:  # RFC 2326 section 12.32; the connection stays open
            return Response(551, (("Unsupported", encode_unsupported(tags)),))
        return refusal

    def _call(self, request: Request, now: float) -> Call:
        # Not every request repeats it: go2rtc names itself in DESCRIBE only.
        self._user_agent = (request.header("User-Agent") or self._user_agent)[:USER_AGENT_CHARACTERS]
        session_id = parse_session(request.header("Session") or "")
        session = self._sessions.claim(session_id, self._peer) if session_id else None
        if request.method != "TEARDOWN":
            for own in self._sessions.of_connection(self._peer.connection_id):
                self._sessions.renew(own, now)
        return Call(request, session, self._peer, self._sessions, self._transports, self._user_agent)

    # --- replies and ends --------------------------------------------------------------------------------------

    def _reply(self, request: Request, response: Response, session: RtspSession | None = None) -> None:
        first = self._first_fields(request.cseq)
        if session is not None:
            first = (*first, ("Session", encode_session(session.id, self._limits.session_timeout_s)))
        method = request.method if request.method in METHODS else "other"
        self._send(method, response, first)

    def _send(self, method: str, response: Response, first: Headers) -> None:
        self._outgoing.append(response.encode(first))
        self._events.append(RequestHandled(method, response.status))

    def _first_fields(self, cseq: str | None) -> Headers:
        server = ("Server", SERVER_NAME)
        return (server,) if cseq is None else (("CSeq", cseq), server)

    def _fail(self, fault: Fault) -> None:
        """Answer a fault that has cost the framing, end what hangs on the connection, and have it closed."""
        self._question = None
        self._report(fault)
        self._send("other", Response(STATUS_OF_KIND[fault.kind]), self._first_fields(fault.cseq))
        self._end_tcp_sessions("protocol_error")
        self._closing_kind = fault.kind

    def _report(self, fault: Fault) -> None:
        self._events.append(ProtocolErrorOccurred(fault.kind, fault.detail))

    def _end_tcp_sessions(self, reason: SessionEndReason) -> None:
        for session in self._sessions.of_connection(self._peer.connection_id):
            if session.transport.lower == "tcp":
                self._sessions.remove(session)
                self._events.append(SessionRemoved(session, reason))

    def _taken_events(self) -> list[RtspEvent]:
        events, self._events = self._events, []
        return events


def _position(first: FirstPacket | None, user_agent: str) -> Headers:
    if first is None:
        return (("Range", LIVE_RANGE),)
    return (("Range", play_range(first.wall_ns, user_agent)), ("RTP-Info", first.rtp_info.encode()))


def _check_reply(offer: TransportOffer, reply: TransportReply) -> None:
    agreed = {
        "tcp": offer.interleaved == reply.channels,
        "udp": offer.client_ports == reply.client_ports,
        "multicast": True,  # the server alone decides
    }
    if offer.lower != reply.lower or not agreed[offer.lower]:
        raise ValueError(f"{reply} does not answer {offer}")
