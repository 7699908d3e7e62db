"""The server's end of a WebSocket that carries messages from server to browser only (RFC 6455); sans-IO.

wsproto parses frames and answers closes; this layer adds the handshake on a request that `protocol.http.server` has
parsed, pings, deadlines and the rule that a browser sends no message: a message ends the connection, so the server
never buffers what a peer sends. No extension and no subprotocol is negotiated; compression would not shrink video.

Messages to browsers do not pass through the connection object. A server's frames are not masked (section 5.1), so a
message has the same bytes for every browser: `text_message` and `binary_message` make them once. Pings and closes may
be sent between any two messages.

Called by `services.live`, which decides what is sent to which browser.
"""

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from struct import pack
from typing import Final

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import CloseConnection, Event, Ping, Pong
from wsproto.frame_protocol import (
    MAX_PAYLOAD_NORMAL,
    MAX_PAYLOAD_TWO_BYTE,
    PAYLOAD_LENGTH_EIGHT_BYTE,
    PAYLOAD_LENGTH_TWO_BYTE,
    CloseReason,
    Opcode,
)
from wsproto.utilities import generate_accept_token

from edge_streamer.protocol.http.messages import HttpRequest
from edge_streamer.protocol.http.origin import foreign_origin

PING_INTERVAL_S: Final = 4.0
SILENT_AFTER_S: Final = 8.0
"""How long a ping may go unanswered: as long as a live reader may stall."""
CLOSE_WITHIN_S: Final = 2.0
"""How long the peer may take to answer our close."""
KEY_BYTES: Final = 16
VERSION: Final = "13"

_FIN: Final = 0x80
_NAMED: Final = (("upgrade", "websocket"), ("connection", "upgrade"))
"""RFC 9110 sections 7.8 and 15.5.22: both a 101 and a 426 name the protocol."""


class WebSocketClosingKind(StrEnum):
    """Why a WebSocket ends: exactly one each, a closed set."""

    PEER_CLOSED = "peer_closed"
    REQUESTED = "requested"  # by our side: `close`
    MALFORMED = "malformed"
    UNEXPECTED_MESSAGE = "unexpected_message"
    SILENT = "silent"


# --- the opening handshake


@dataclass(frozen=True, slots=True)
class UpgradeAccepted:
    """The headers of the 101 to answer with."""

    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class UpgradeRefused:
    """What to answer instead."""

    status: HTTPStatus
    detail: str
    headers: tuple[tuple[str, str], ...] = ()


def answer_upgrade(request: HttpRequest) -> UpgradeAccepted | UpgradeRefused:
    """Return how to answer an opening handshake (section 4.2.1), or a request that is none.

    A page of another site must not get the pictures (section 10.2).
    """
    headers = request.headers
    if request.method != "GET" or not _asks_for_websocket(headers):
        return UpgradeRefused(HTTPStatus.UPGRADE_REQUIRED, "This is a WebSocket; ask to upgrade.", _NAMED)
    if headers.get("sec-websocket-version") != VERSION:
        # Section 4.2.2, item 4: the answer names the version that is spoken.
        named = (*_NAMED, ("sec-websocket-version", VERSION))
        return UpgradeRefused(HTTPStatus.UPGRADE_REQUIRED, f"The WebSocket here is of version {VERSION}.", named)
    key = headers.get("sec-websocket-key", "")
    if not _is_key(key):
        return UpgradeRefused(HTTPStatus.BAD_REQUEST, f"Sec-WebSocket-Key must be {KEY_BYTES} bytes in base64.")
    if detail := foreign_origin(request):
        return UpgradeRefused(HTTPStatus.FORBIDDEN, detail)
    return UpgradeAccepted((*_NAMED, ("sec-websocket-accept", generate_accept_token(key.encode()).decode())))


def _asks_for_websocket(headers: Mapping[str, str]) -> bool:
    return "websocket" in _tokens(headers, "upgrade") and "upgrade" in _tokens(headers, "connection")


def _tokens(headers: Mapping[str, str], name: str) -> list[str]:
    return [token.strip().lower() for token in headers.get(name, "").split(",")]


def _is_key(key: str) -> bool:
    try:
        return len(b64decode(key, validate=True)) == KEY_BYTES
    except ValueError:
        return False


# --- messages: the same bytes for every browser


def text_message(text: str) -> bytes:
    """Return a whole text message (section 5.6)."""
    return _message(Opcode.TEXT, text.encode())


def binary_message(data: bytes) -> bytes:
    """Return a whole binary message (section 5.6)."""
    return _message(Opcode.BINARY, data)


def _message(opcode: Opcode, payload: bytes) -> bytes:
    """Section 5.2: one frame, not masked, its length in as few bytes as there can be."""
    size_bytes = len(payload)
    if size_bytes <= MAX_PAYLOAD_NORMAL:
        header = pack(">BB", _FIN | opcode, size_bytes)
    elif size_bytes <= MAX_PAYLOAD_TWO_BYTE:
        header = pack(">BBH", _FIN | opcode, PAYLOAD_LENGTH_TWO_BYTE, size_bytes)
    else:
        header = pack(">BBQ", _FIN | opcode, PAYLOAD_LENGTH_EIGHT_BYTE, size_bytes)
    return header + payload


# --- the connection


class WebSocketProtocol:
    """One WebSocket after its handshake. `receive`, `eof` and `tick` never raise for what the peer does.

    The caller sends `data_to_send()` after every call, and closes the connection once that is sent and `closing` is
    true.
    """

    def __init__(self, now: float) -> None:
        self._connection = Connection(ConnectionType.SERVER)
        self._output = bytearray()
        self._ping_at = now + PING_INTERVAL_S
        self._unanswered_since: float | None = None  # the oldest ping that nothing came after
        self._close_by: float | None = None  # our close is sent
        self._closing_kind: WebSocketClosingKind | None = None

    @property
    def closing(self) -> bool:
        """Whether the connection is to be closed once `data_to_send()` is sent."""
        return self._closing_kind is not None and self._close_by is None

    @property
    def closing_kind(self) -> WebSocketClosingKind | None:
        """Why it ends; None while it does not."""
        return self._closing_kind

    @property
    def is_open(self) -> bool:
        """Whether messages may be sent: section 5.5.1 allows none after a close."""
        return self._closing_kind is None

    def deadline(self) -> float | None:
        """Return when `tick` has something to do; None while the connection is closing."""
        if self._close_by is not None or self.closing:
            return self._close_by
        if self._unanswered_since is not None:
            return min(self._ping_at, self._unanswered_since + SILENT_AFTER_S)
        return self._ping_at

    def data_to_send(self) -> bytes:
        """Return the bytes for the peer, each once; they may go before any message that waits whole."""
        data = bytes(self._output)
        self._output.clear()
        return data

    def receive(self, data: bytes, now: float) -> None:
        """Answer pings and a close; end for anything else but a pong."""
        del now
        if self.closing:
            return
        self._unanswered_since = None
        self._connection.receive_data(data)
        ping: Ping | None = None
        for event in self._connection.events():
            if isinstance(event, Ping):
                ping = event
            elif not isinstance(event, Pong):
                self._end_for(event)
                return
        if ping is not None and self.is_open:
            self._output += self._connection.send(ping.response())  # section 5.5.3: the most recent one is enough

    def eof(self, now: float) -> None:
        """Take note that the peer will send nothing more."""
        del now
        self._end(WebSocketClosingKind.PEER_CLOSED)

    def close(self, now: float) -> None:
        """Begin the closing handshake (section 7.1.2) with status 1001, going away; without effect once it has
        begun."""
        if self.is_open:
            self._output += self._connection.send(CloseConnection(CloseReason.GOING_AWAY))
            self._closing_kind = WebSocketClosingKind.REQUESTED
            self._close_by = now + CLOSE_WITHIN_S

    def tick(self, now: float) -> None:
        """Send a ping that is due; end the connection when a ping or the close was not answered in time."""
        if self.closing:
            return
        if self._close_by is not None:
            if now >= self._close_by:
                self._end(WebSocketClosingKind.REQUESTED)
        elif self._unanswered_since is not None and now >= self._unanswered_since + SILENT_AFTER_S:
            self._end(WebSocketClosingKind.SILENT)
        elif now >= self._ping_at:
            self._output += self._connection.send(Ping())
            self._ping_at = now + PING_INTERVAL_S
            self._unanswered_since = now if self._unanswered_since is None else self._unanswered_since

    def _end_for(self, event: Event) -> None:
        """End the connection for a close, for a fault (wsproto reports it as the close to send), or for a message."""
        if not isinstance(event, CloseConnection):
            # Section 7.4.1: a type of data that the endpoint cannot accept.
            self._end_with(WebSocketClosingKind.UNEXPECTED_MESSAGE, CloseConnection(CloseReason.UNSUPPORTED_DATA))
        elif self._connection.state in (ConnectionState.OPEN, ConnectionState.LOCAL_CLOSING):
            self._end_with(WebSocketClosingKind.MALFORMED, CloseConnection(event.code))  # section 7.1.7
        else:
            self._end_with(WebSocketClosingKind.PEER_CLOSED, event.response())

    def _end_with(self, kind: WebSocketClosingKind, close: CloseConnection) -> None:
        if self._connection.state in (ConnectionState.OPEN, ConnectionState.REMOTE_CLOSING):
            self._output += self._connection.send(close)
        self._end(kind)

    def _end(self, kind: WebSocketClosingKind) -> None:
        self._closing_kind = self._closing_kind or kind
        self._close_by = None
