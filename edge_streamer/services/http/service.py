"""HTTP on the loop: listeners and connections around the protocol object. `router` and the finders answer requests.

All connections together get one answer per turn of the loop: a scrape takes milliseconds, and media waits for the end
of the turn. The other requests wait in one queue, in order of arrival, at most one for each connection
(`max_connections`). A deferred response, for example one that needs a source's answer, delays no other request, and
takes its turn once it is there. An upgrade hands the connection over to a successor, which speaks another protocol; the
connection counts as an HTTP connection until its end.
"""

from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Final, Protocol

from edge_streamer.protocol.http.messages import HttpRequest, HttpResponse
from edge_streamer.protocol.http.server import HttpServerProtocol
from edge_streamer.runtime.loop import Loop, Timer
from edge_streamer.runtime.tcp.close_reason import CloseReason
from edge_streamer.runtime.tcp.connection import TcpConnection
from edge_streamer.runtime.tcp.gate import ConnectionGate
from edge_streamer.runtime.tcp.listener_group import ListenerGroup, ServedConnection
from edge_streamer.runtime.tcp.write_queue import DEFAULT_WRITE_LIMIT_BYTES
from edge_streamer.services.http.access import Refusal
from edge_streamer.services.http.answers import DeferredResponse, HttpAnswer, Successor, SwitchAnswer, refuse
from edge_streamer.services.http.settings import HttpSettings

LOOK_AGAIN_S: Final = 8.0
DEFERRED_LIMIT_S: Final = 6.0
"""Longer than the time limit of any question to a source, so that the response reports the source's failure."""
SEND_BUFFER_BYTES: Final = 128 << 10
"""An auto-tuned kernel buffer takes 4 MiB for a peer that does not read, and the write limit does not count them."""


class Routes(Protocol):
    """The router, as a connection sees it."""

    def handle(self, request: HttpRequest) -> HttpAnswer:
        """Return a response, a deferred one or an upgrade. It is called on the loop, so it must be quick."""


class Access(Protocol):
    """Access control, as a connection sees it."""

    def admit(self, request: HttpRequest, peer_host: str, now: float) -> HttpRequest | Refusal:
        """Return the request with its user and role, or the refusal."""


class HttpService:
    """The HTTP connections and the queue of their requests."""

    def __init__(self, loop: Loop, routes: Routes, access: Access, settings: HttpSettings) -> None:
        self.gate = ConnectionGate(total=settings.max_connections, per_address=settings.max_connections_per_address)
        self.listeners: ListenerGroup[ServedConnection] = ListenerGroup(loop, self.gate, self._new_connection)
        self._loop = loop
        self._routes = routes
        self._access = access
        self._waiting: dict[HttpConnection, Callable[[], None]] = {}
        self._is_turn_taken = False

    def apply(self, settings: HttpSettings) -> None:
        """Apply other limits to new connections."""
        self.gate.total, self.gate.per_address = settings.max_connections, settings.max_connections_per_address

    def _new_connection(self, connection: TcpConnection) -> "HttpConnection":
        return HttpConnection(self._loop, self, self._routes, self._access, connection)

    def answer_in_turn(self, connection: "HttpConnection", answer: Callable[[], None]) -> None:
        """Let `connection` call `answer`: at once when no request was answered in this turn, else in a later turn."""
        self._waiting[connection] = answer
        if not self._is_turn_taken:
            self._answer_next()

    def _answer_next(self) -> None:
        """Answer the oldest waiting request and look again in the next turn, until a turn finds none."""
        self._is_turn_taken = bool(self._waiting)
        if self._is_turn_taken:
            self._loop.post(self._answer_next)
            connection = next(iter(self._waiting))
            connection.take_turn(self._waiting.pop(connection))

    def hand_over(self, connection: TcpConnection, successor: Successor) -> None:
        """Hand a connection over to the next protocol; it counts among the HTTP connections until its end."""
        self.listeners.hand_over(connection, successor)

    def drop_request(self, connection: "HttpConnection") -> None:
        """Drop the request that waits for an answer: its connection has ended or left HTTP."""
        self._waiting.pop(connection, None)

    def close(self) -> None:
        """Stop listening and hang up."""
        self.listeners.stop_listening()
        self.listeners.close_connections(CloseReason.SHUTDOWN)


class HttpConnection:
    """One HTTP client; the delegate of its `TcpConnection` until an upgrade hands that over to another protocol."""

    def __init__(
        self, loop: Loop, service: HttpService, routes: Routes, access: Access, connection: TcpConnection
    ) -> None:
        self._loop = loop
        self._service = service
        self._routes = routes
        self._access = access
        self._connection = connection
        self._protocol = HttpServerProtocol(now=loop.now())
        self._timer: Timer | None = None
        self._largest_answer_bytes = 0
        connection.set_send_buffer(SEND_BUFFER_BYTES)
        connection.queue.add_limit(self._write_limit_bytes)
        self._watch()

    def on_data(self, data: bytes) -> None:
        """Answer the request that `data` completes."""
        self._take(self._protocol.receive(data, self._loop.now()))

    def _take(self, requests: list[HttpRequest]) -> None:
        """Queue requests to be answered; the protocol hands out the next one when the last has been answered."""
        self._flush()
        self._note_waiting()
        for request in requests:
            self._service.answer_in_turn(self, partial(self._answer, request))

    def take_turn(self, answer: Callable[[], None]) -> None:
        """Call `answer`. An exception ends only this connection, since the queue serves all connections."""
        if self._connection.is_open:
            self._loop.guard(answer, self._connection)

    def _answer(self, request: HttpRequest) -> None:
        admitted = self._access.admit(request, self._connection.peer_host, self._loop.now())
        if isinstance(admitted, Refusal):
            self._refuse(admitted)
            return
        match self._routes.handle(admitted):
            case DeferredResponse() as deferred:
                self._await_response(deferred)
            case SwitchAnswer() as switch:
                self._switch(switch)
            case response:
                self._respond(response)

    def _await_response(self, deferred: DeferredResponse) -> None:
        """Send the first response that comes, when it is this connection's turn, or 504 after the time limit."""

        def respond(response: HttpResponse) -> None:
            if limit.callback is not None:
                limit.cancel()
                self._service.answer_in_turn(self, partial(self._respond, response))

        late = refuse(HTTPStatus.GATEWAY_TIMEOUT, "There was no answer in time.")
        limit = self._loop.call_later(DEFERRED_LIMIT_S, lambda: self._respond(late), self._connection)
        deferred.begin(respond)

    def _refuse(self, refusal: Refusal) -> None:
        """Send the refusal after its delay; until then the protocol hands out no further request, and the connection
        counts as one that waits: else wrong passwords would fill all places."""
        self._connection.set_waiting(True)
        self._loop.call_later(refusal.delay_s, lambda: self._respond(refusal.response), self._connection)

    def _respond(self, response: HttpResponse) -> None:
        if self._connection.is_open:
            self._take(self._protocol.respond(response, self._loop.now()))

    def _switch(self, answer: SwitchAnswer) -> None:
        """Hand the connection over to its successor, whose write limit replaces the one of HTTP."""
        data = self._protocol.switch_protocols(answer.headers)
        self._flush()
        successor = answer.begin(self._connection)
        self._let_go()
        self._service.hand_over(self._connection, successor)
        if data:
            successor.on_data(data)

    def on_sent_all(self) -> None:
        """Called when a response has left: the connection waits for the next request, unless it was taken before."""
        self._note_waiting()

    def on_closed(self, reason: CloseReason) -> None:
        """Drop the request that waits, the timer and the write limit."""
        del reason
        self._service.drop_request(self)
        self._let_go()

    def _let_go(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._connection.queue.remove_limit(self._write_limit_bytes)

    def close(self, reason: CloseReason) -> None:
        """Hang up."""
        self._connection.close(reason)

    def _write_limit_bytes(self) -> int:
        """Return the write limit: one snapshot may be larger than the default limit."""
        return DEFAULT_WRITE_LIMIT_BYTES + self._largest_answer_bytes

    def _flush(self) -> None:
        data = self._protocol.data_to_send()
        self._largest_answer_bytes = max(self._largest_answer_bytes, len(data))
        self._connection.send(data)
        if self._protocol.closing:
            self._connection.close_when_sent(CloseReason.LOCAL)

    def _note_waiting(self) -> None:
        """Say whether the connection waits for its peer: all requests are answered, and the answers have left."""
        self._connection.set_waiting(not self._protocol.owes_response and self._connection.queue.is_empty)

    def _watch(self) -> None:
        """Enforce the protocol's deadline. The deadline moves with every request, so the timer reads it again when it
        fires."""
        deadline = self._protocol.deadline()
        if deadline is None or not self._connection.is_open:
            self._timer = self._loop.call_later(LOOK_AGAIN_S, self._watch, self._connection)
        elif self._loop.now() >= deadline:
            self._protocol.tick(self._loop.now())
            self._flush()
        else:
            self._timer = self._loop.call_at(deadline, self._watch, self._connection)
