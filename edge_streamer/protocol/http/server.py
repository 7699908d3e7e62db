"""The server's end of one HTTP/1.x connection: bytes and `now` in, requests and bytes out (RFC 9110, RFC 9112).

h11 parses and frames; this layer adds what a public service needs: limits, deadlines, one request at a time, and an
error response instead of an exception for every mistake of the peer. It does not route (`services.http` does), owns no
socket, and does not tunnel: CONNECT is refused. An `Upgrade` header is ignored unless the handler of the request
accepts it (RFC 9110 section 7.8): `switch_protocols` ends HTTP on the connection and returns the bytes behind the
request.

    IDLE --first byte--> HEAD --blank line--> BODY --last byte--> REPLY --respond()--> IDLE
                                                                  REPLY --switch_protocols()--> SWITCHED
      any other --fault, deadline, end of file, "connection: close"--> CLOSING

Bytes that h11 must not see yet wait in `_held`: bytes behind the request that is being answered, and bytes that would
make an h11 event longer than the head limit. The outcome so does not depend on how the network segmented the bytes.
"""

import re
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from http import HTTPStatus
from typing import Final

import h11

from edge_streamer.protocol.http.messages import HttpRequest, HttpResponse, problem

_ABSOLUTE_FORM: Final = re.compile(r"https?://([^/?#]+)(.*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """What one peer may take: seconds and bytes."""

    head_timeout_s: float = 10.0  # from the first byte of a head (or from connecting) to its blank line
    body_timeout_s: float = 10.0  # from the blank line to the last byte of the body
    idle_timeout_s: float = 30.0  # between two requests
    max_head_bytes: int = 16 << 10
    max_headers: int = 64
    max_body_bytes: int = 64 << 10
    max_pipelined_bytes: int = 64 << 10  # received while a request is being answered


class HttpClosingKind(StrEnum):
    """Why a connection ends: exactly one each, a closed set."""

    PEER_CLOSED = "peer_closed"
    REQUESTED = "requested"  # "connection: close" of either side, or HTTP/1.0
    IDLE = "idle"
    HEAD_TIMEOUT = "head_timeout"
    BODY_TIMEOUT = "body_timeout"
    MALFORMED = "malformed"
    UNSUPPORTED = "unsupported"
    HEAD_TOO_LARGE = "head_too_large"
    BODY_TOO_LARGE = "body_too_large"
    PIPELINE_TOO_LARGE = "pipeline_too_large"


class _Phase(Enum):
    IDLE = auto()
    HEAD = auto()
    BODY = auto()
    REPLY = auto()
    SWITCHED = auto()
    CLOSING = auto()


class _PeerError(Exception):
    """The peer's mistake: the response to send and the reason to count. It never leaves this module."""

    def __init__(self, status: HTTPStatus, kind: HttpClosingKind, detail: str) -> None:
        super().__init__(detail)
        self.reply: Final = problem(status, detail)
        self.kind: Final = kind


class HttpServerProtocol:
    """One connection. `receive`, `eof` and `tick` never raise for what the peer does; `respond` raises for misuse.

    The caller sends `data_to_send()` after every call, and closes the connection once that is sent and `closing` is
    true. How much may wait to be sent is the caller's write budget.
    """

    def __init__(self, *, limits: HttpLimits | None = None, now: float) -> None:
        self._limits = limits or HttpLimits()
        # h11 refuses an unfinished event of more than this many bytes: one of max_head_bytes is the longest accepted.
        self._connection = h11.Connection(h11.SERVER, max_incomplete_event_size=self._limits.max_head_bytes - 1)
        self._held = bytearray()
        self._output = bytearray()
        self._phase = _Phase.IDLE
        self._deadline: float | None = now + self._limits.head_timeout_s
        self._head: h11.Request | None = None
        self._body = bytearray()
        self._pipelined_bytes = 0
        self._peer_closed = False
        self._closing_kind: HttpClosingKind | None = None

    @property
    def closing(self) -> bool:
        """Whether the connection is to be closed once `data_to_send()` is sent."""
        return self._phase is _Phase.CLOSING

    @property
    def closing_kind(self) -> HttpClosingKind | None:
        """Why it is closing; None while it is not."""
        return self._closing_kind

    @property
    def owes_response(self) -> bool:
        """Whether a request is complete and unanswered, or the connection speaks another protocol now."""
        return self._phase in (_Phase.REPLY, _Phase.SWITCHED)

    def deadline(self) -> float | None:
        """Return when `tick` has something to end; None while a reply is due or the connection is closing."""
        return self._deadline

    def data_to_send(self) -> bytes:
        """Return the bytes for the peer, each once."""
        data = bytes(self._output)
        self._output.clear()
        return data

    def receive(self, data: bytes, now: float) -> list[HttpRequest]:
        """Return the request that `data` completes, at most one; `respond` hands out the ones pipelined behind it."""
        if self._phase is _Phase.SWITCHED:
            raise RuntimeError("receive() after switch_protocols()")
        if self._phase is _Phase.CLOSING or self._peer_closed:
            return []
        self._held += data
        if self._phase is not _Phase.REPLY:
            return self._advance(now)
        self._pipelined_bytes += len(data)
        if self._pipelined_bytes > self._limits.max_pipelined_bytes:
            self._held.clear()
        return []

    def respond(self, response: HttpResponse, now: float) -> list[HttpRequest]:
        """Answer the request handed out last; return the next one if it has arrived already.

        RuntimeError when no request is waiting, h11.LocalProtocolError for headers that HTTP cannot carry.
        """
        if self._phase is not _Phase.REPLY:
            raise RuntimeError("respond() without a request")
        overflowed = self._pipelined_bytes > self._limits.max_pipelined_bytes
        self._send(response, close=overflowed)
        self._head = None
        self._body.clear()
        self._pipelined_bytes = 0
        if overflowed:
            return self._close(HttpClosingKind.PIPELINE_TOO_LARGE)
        if self._connection.our_state is h11.MUST_CLOSE:
            return self._close(HttpClosingKind.REQUESTED)
        self._connection.start_next_cycle()
        self._enter(_Phase.IDLE, now + self._limits.idle_timeout_s)
        return self._advance(now)

    def switch_protocols(self, headers: tuple[tuple[str, str], ...]) -> bytes:
        """Answer the request handed out last with 101 (RFC 9110 section 15.2.2), whose headers name the protocol;
        return the bytes that came behind the request. They and all that follow are the other protocol's.

        RuntimeError when no request is waiting, h11.LocalProtocolError when it did not ask for another protocol.
        """
        if self._phase is not _Phase.REPLY:
            raise RuntimeError("switch_protocols() without a request")
        self._output += self._connection.send(h11.InformationalResponse(status_code=101, headers=list(headers)))
        self._enter(_Phase.SWITCHED, None)
        unparsed, _ended = self._connection.trailing_data
        data = unparsed + bytes(self._held)
        self._held.clear()
        return data

    def eof(self, now: float) -> None:  # noqa: ARG002 - the signature that every protocol object has
        """Take note that the peer will send nothing more; a request that is complete is still answered."""
        self._peer_closed = True
        if self._phase not in (_Phase.REPLY, _Phase.SWITCHED, _Phase.CLOSING):
            self._close(HttpClosingKind.PEER_CLOSED)

    def tick(self, now: float) -> None:
        """End the connection if its deadline has passed."""
        if self._deadline is None or now < self._deadline:
            return
        if self._phase is _Phase.IDLE:
            self._close(HttpClosingKind.IDLE)
            return
        # RFC 9110 section 15.5.9: say so and close.
        kind = HttpClosingKind.BODY_TIMEOUT if self._phase is _Phase.BODY else HttpClosingKind.HEAD_TIMEOUT
        self._refuse(_PeerError(HTTPStatus.REQUEST_TIMEOUT, kind, "The request did not arrive in time."))

    def _advance(self, now: float) -> list[HttpRequest]:
        """Parse until a request is whole, the bytes run out, or the peer is at fault."""
        try:
            while self._phase is not _Phase.REPLY:
                event = self._connection.next_event()
                if event is not h11.NEED_DATA:
                    self._take(event, now)
                elif not self._feed(now):
                    return self._close(HttpClosingKind.PEER_CLOSED) if self._peer_closed else []
            return [self._request()]
        except h11.RemoteProtocolError as error:
            return self._refuse(_peer_error(error))
        except _PeerError as error:
            return self._refuse(error)

    def _feed(self, now: float) -> bool:
        """Give h11 as much as one event may have; False when there is nothing to give."""
        unparsed, _ended = self._connection.trailing_data
        data = bytes(self._held[: self._limits.max_head_bytes - len(unparsed)])
        if self._phase is _Phase.IDLE and (unparsed or data):
            self._enter(_Phase.HEAD, now + self._limits.head_timeout_s)
        if not data:
            return False
        del self._held[: len(data)]
        self._connection.receive_data(data)
        return True

    def _take(self, event: object, now: float) -> None:
        match event:
            case h11.Request():
                self._take_head(event)
                self._enter(_Phase.BODY, now + self._limits.body_timeout_s)
            case h11.Data():
                self._body += event.data
                self._check_body(len(self._body))
            case _:  # h11.EndOfMessage: nothing else can follow while h11 is never told of the end of the connection
                self._enter(_Phase.REPLY, None)

    def _take_head(self, head: h11.Request) -> None:
        self._head = head
        if not head.http_version.startswith(b"1."):
            # RFC 9110 section 15.6.6; the preface of HTTP/2 (RFC 9113 section 3.4) arrives here too.
            raise _unsupported(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "This server speaks HTTP/1.1.")
        if head.method == b"CONNECT":
            raise _unsupported(HTTPStatus.NOT_IMPLEMENTED, "This server is no proxy.")
        if len(head.headers) > self._limits.max_headers:
            raise _head_too_large(f"More than {self._limits.max_headers} header fields.")
        for name, value in head.headers:
            if name == b"content-length":
                self._check_body(int(value))
        if self._connection.they_are_waiting_for_100_continue:
            # RFC 9110 section 10.1.1; curl sends "Expect: 100-continue" with a body of more than 1 MiB.
            self._output += self._connection.send(h11.InformationalResponse(status_code=100, headers=[]))

    def _check_body(self, length_bytes: int) -> None:
        limit = self._limits.max_body_bytes
        if length_bytes > limit:
            kind = HttpClosingKind.BODY_TOO_LARGE
            raise _PeerError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, kind, f"A body has at most {limit} bytes.")

    def _request(self) -> HttpRequest:
        assert self._head is not None, "the phase REPLY is entered with a head only"
        headers: dict[str, str] = {}
        for name_bytes, value_bytes in self._head.headers:
            name, value = name_bytes.decode("latin-1"), value_bytes.decode("latin-1")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        target, authority = _origin_form(self._head.target.decode("latin-1"))
        if authority is not None:
            headers["host"] = authority
        if self._head.http_version == b"1.0":
            headers.pop("upgrade", None)  # RFC 9110 section 7.8: to be ignored
        path, _, query = target.partition("?")
        return HttpRequest(self._head.method.decode("latin-1"), path, query, headers, bytes(self._body))

    def _send(self, response: HttpResponse, *, close: bool) -> None:
        headers = list(response.headers)
        if response.may_have_body:
            headers.append(("content-length", str(len(response.body))))
        if close:
            headers.append(("connection", "close"))
        reason = HTTPStatus(response.status).phrase
        send = self._connection.send
        self._output += send(h11.Response(status_code=response.status, headers=headers, reason=reason))
        # RFC 9110 section 9.3.2: the reply to HEAD has the headers of GET's and no content.
        if self._head is None or self._head.method != b"HEAD":
            self._output += send(h11.Data(data=response.body))
        self._output += send(h11.EndOfMessage())

    def _refuse(self, error: _PeerError) -> list[HttpRequest]:
        self._send(error.reply, close=True)
        return self._close(error.kind)

    def _close(self, kind: HttpClosingKind) -> list[HttpRequest]:
        self._closing_kind = kind
        self._held.clear()
        self._body.clear()
        self._enter(_Phase.CLOSING, None)
        return []

    def _enter(self, phase: _Phase, deadline: float | None) -> None:
        self._phase = phase
        self._deadline = deadline


def _origin_form(target: str) -> tuple[str, str | None]:
    """Return path and query of a request target, and the authority if the target names one (RFC 9112 section 3.2)."""
    if target.startswith("/") or target == "*":
        return target, None
    absolute = _ABSOLUTE_FORM.fullmatch(target)
    if absolute is None:
        raise _PeerError(HTTPStatus.BAD_REQUEST, HttpClosingKind.MALFORMED, "The request target is not a path.")
    authority, rest = absolute.groups()
    return rest if rest.startswith("/") else f"/{rest}", authority


def _peer_error(error: h11.RemoteProtocolError) -> _PeerError:
    match error.error_status_hint:
        case HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
            return _head_too_large("The request's head, or a line of its body's framing, is too long.")
        case HTTPStatus.NOT_IMPLEMENTED:
            return _unsupported(HTTPStatus.NOT_IMPLEMENTED, "The only transfer coding is chunked.")
        case _:
            return _PeerError(HTTPStatus.BAD_REQUEST, HttpClosingKind.MALFORMED, "This is not HTTP/1.1.")


def _head_too_large(detail: str) -> _PeerError:
    return _PeerError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, HttpClosingKind.HEAD_TOO_LARGE, detail)


def _unsupported(status: HTTPStatus, detail: str) -> _PeerError:
    return _PeerError(status, HttpClosingKind.UNSUPPORTED, detail)
