"""The ladder: a peer's lines in, replies and events out, on a clock that is turned by hand.

    ladder.peer("OPTIONS * RTSP/1.0", "CSeq: 7")     the peer sends a request
    ladder.expect(200, cseq="7")                      the next reply, read by the tests' own client parser
    ladder.wait(s=91)                                 the clock, the session table and the connections move on
    ladder.expect_event(SessionRemoved, reason="idle")  the next event; replies are counted by `expect`, not here

`ladder.connect()` gives another rung of the same server: a second connection with the same methods.
"""

from collections import deque
from typing import Any, TypeVar

import pytest

from edge_streamer.protocol.rtsp.limits import DEFAULT_LIMITS, RtspLimits
from edge_streamer.protocol.rtsp.server.auth import ALLOW_ALL, Authorizer
from edge_streamer.protocol.rtsp.server.events import Question, RequestHandled, RtspEvent
from edge_streamer.protocol.rtsp.server.protocol import RtspServerProtocol
from edge_streamer.protocol.rtsp.server.session import ConnectionPeer, RtspSession, SessionTable
from tests.support.rtsp.harness import LOCAL_HOST, PEER_HOST, ScriptedService, session_ids
from tests.support.rtsp.wire import ClientParser, Response

E = TypeVar("E")


class Server:
    """What the connections of one ladder share."""

    def __init__(self, transports: tuple[str, ...], limits: RtspLimits, authorizer: Authorizer) -> None:
        self.now = 1000.0
        self.sessions = SessionTable(limits)
        self.rungs: list[Ladder] = []
        self.ids = iter(session_ids())
        self.transports = transports
        self.limits = limits
        self.authorizer = authorizer


class Ladder:
    """One connection of a server; the first one makes the server."""

    def __init__(self, server: Server, peer_host: str = PEER_HOST) -> None:
        self.server = server
        server.rungs.append(self)
        peer = ConnectionPeer(len(server.rungs), peer_host, LOCAL_HOST)
        self.protocol = RtspServerProtocol(
            peer,
            server.sessions,
            transports=server.transports,
            limits=server.limits,
            authorizer=server.authorizer,
            new_session_id=lambda: next(server.ids),
            now=server.now,
        )
        self.service = ScriptedService(self.protocol)
        self.sent = b""
        self._parser = ClientParser()
        self._events: deque[RtspEvent] = deque()
        self._handled: deque[RequestHandled] = deque()

    def connect(self, peer_host: str = PEER_HOST) -> "Ladder":
        """Return a new connection to the same server."""
        return Ladder(self.server, peer_host)

    # --- what the peer does

    def peer(self, *lines: str, body: bytes = b"") -> None:
        """Send one request of these lines; a body gets its Content-Length."""
        length = (f"Content-Length: {len(body)}",) if body else ()
        self.send("\r\n".join([*lines, *length, "", ""]).encode("latin-1") + body)

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.take(self.protocol.receive(data, self.server.now))

    def hang_up(self) -> None:
        """FIN or RST: for this layer they are one."""
        self.take(self.protocol.eof(self.server.now))

    def wait(self, s: float) -> None:
        """Turn the clock, then let the session table and every connection look at it."""
        self.server.now += s
        self._events += self.server.sessions.expire(self.server.now)
        for rung in self.server.rungs:
            rung.take(rung.protocol.tick(self.server.now))

    def take(self, events: list[RtspEvent]) -> None:
        """Let the scripted service see events of the protocol object, and read what was sent."""
        for event in self.service.handle(events, self.server.now):
            if isinstance(event, RequestHandled):
                self._handled.append(event)
            elif not isinstance(event, Question) or type(event) in self.service.holds:
                self._events.append(event)
        data = self.protocol.data_to_send()
        self.sent += data
        self._parser.receive(data)

    # --- what must come of it

    def expect(self, status: int = 200, **headers: str | None) -> Response:
        """Check the next reply and how it was counted; `content_base="x"` is a header, None one that must not be."""
        reply = self._parser.next_message()
        assert isinstance(reply, Response), "no reply"
        counted = self._handled.popleft()
        assert (reply.status, counted.status) == (status, status), reply
        for name, value in headers.items():
            assert reply.headers.get(name.replace("_", "-")) == value, reply
        return reply

    def expect_event(self, kind: type[E], /, **values: Any) -> E:
        """Check the next event; counts of replies and questions that the service has answered are no steps."""
        assert self._events, f"no event, expected {kind.__name__}"
        event = self._events.popleft()
        assert isinstance(event, kind), event
        assert {name: getattr(event, name) for name in values} == values
        return event

    def expect_nothing(self) -> None:
        """Check that there is neither an event nor a reply that was not looked at."""
        assert not self._events, list(self._events)
        assert self._parser.next_message() is None

    def forget(self) -> None:
        """Pass over all replies and events so far."""
        self._events.clear()
        self._handled.clear()
        while self._parser.next_message() is not None:
            pass

    # --- the way to a state, for tests that begin there

    @property
    def session(self) -> RtspSession:
        """The one session of the server."""
        (session,) = self.server.sessions
        return session

    def set_up(self, transport: str = "RTP/AVP/TCP;unicast;interleaved=0-1") -> RtspSession:
        """SETUP of the main stream; returns its session."""
        self.peer("SETUP rtsp://cam/main/trackID=0 RTSP/1.0", "CSeq: 1", f"Transport: {transport}")
        reply = self.expect(200)
        self.forget()
        session = self.server.sessions.get(reply.session_id)
        assert session is not None
        return session

    def play(self, transport: str = "RTP/AVP/TCP;unicast;interleaved=0-1") -> RtspSession:
        """SETUP and PLAY of the main stream; returns its session."""
        session = self.set_up(transport)
        self.peer("PLAY rtsp://cam/main/ RTSP/1.0", "CSeq: 2", f"Session: {session.id}")
        self.expect(200)
        self.forget()
        return session


def new_ladder(
    transports: tuple[str, ...] = ("tcp", "udp"),
    limits: RtspLimits = DEFAULT_LIMITS,
    authorizer: Authorizer = ALLOW_ALL,
) -> Ladder:
    """Return the first connection of a new server."""
    return Ladder(Server(transports, limits, authorizer))


@pytest.fixture
def ladder() -> Ladder:
    """A client of a server with TCP and UDP."""
    return new_ladder()


@pytest.fixture
def tcp_only_ladder() -> Ladder:
    """A client of a server that has no UDP."""
    return new_ladder(transports=("tcp",))
