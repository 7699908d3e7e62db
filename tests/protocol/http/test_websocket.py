"""WebSocket, the server's end: handshakes, messages that all get, and a connection on a hand-turned clock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage
from wsproto.frame_protocol import CloseReason

from edge_streamer.protocol.http.messages import HttpRequest
from edge_streamer.protocol.http.websocket import (
    CLOSE_WITHIN_S,
    PING_INTERVAL_S,
    SILENT_AFTER_S,
    UpgradeAccepted,
    UpgradeRefused,
    WebSocketClosingKind,
    WebSocketProtocol,
    answer_upgrade,
    binary_message,
    text_message,
)

NOW = 1000.0
HEADERS = {
    "host": "camera:8080",
    "upgrade": "websocket",
    "connection": "keep-alive, Upgrade",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
}


# --- the opening handshake


def ask(method: str = "GET", **changed: str | None) -> UpgradeAccepted | UpgradeRefused:
    named = HEADERS | {name.replace("_", "-"): value for name, value in changed.items()}
    headers = {name: value for name, value in named.items() if value is not None}
    return answer_upgrade(HttpRequest(method, "/live", headers=headers))


def test_the_example_of_the_rfc_is_accepted():
    answer = ask()
    assert isinstance(answer, UpgradeAccepted)
    assert dict(answer.headers) == {
        "upgrade": "websocket",
        "connection": "upgrade",
        "sec-websocket-accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",  # RFC 6455 section 1.3
    }


@pytest.mark.parametrize(
    "changed",
    [
        {"upgrade": "WebSocket"},
        {"upgrade": "h2c, websocket"},
        {"connection": "UPGRADE"},
        {"origin": "http://camera:8080"},
        {"origin": "https://CAMERA:8080"},
        {"sec_websocket_protocol": "chat", "sec_websocket_extensions": "permessage-deflate"},
    ],
    ids=str,
)
def test_what_browsers_send_is_accepted_and_nothing_else_agreed_to(changed):
    answer = ask(**changed)
    assert isinstance(answer, UpgradeAccepted)
    assert {name for name, _value in answer.headers} == {"upgrade", "connection", "sec-websocket-accept"}


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"method": "HEAD"}, 426),
        ({"upgrade": None}, 426),
        ({"upgrade": "h2c"}, 426),
        ({"connection": None}, 426),
        ({"connection": "keep-alive"}, 426),
        ({"sec_websocket_version": None}, 426),
        ({"sec_websocket_version": "8"}, 426),
        ({"sec_websocket_key": None}, 400),
        ({"sec_websocket_key": "dGhlIHNhbXBsZSBub25jZQ"}, 400),
        ({"sec_websocket_key": "dGhlIHNhbXBsZSBub25j"}, 400),
        ({"sec_websocket_key": "dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ=="}, 400),
        ({"sec_websocket_key": "ü" * 24}, 400),
        ({"origin": "http://elsewhere"}, 403),
        ({"origin": "http://camera"}, 403),
        ({"origin": "http://camera:8080.elsewhere"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": ""}, 403),
        ({"origin": "http://", "host": ""}, 403),
        ({"origin": "http://camera:8080", "host": None}, 403),
    ],
    ids=str,
)
def test_anything_else_is_refused(changed, status):
    answer = ask(**changed)
    assert isinstance(answer, UpgradeRefused)
    assert answer.status == status
    assert (("upgrade", "websocket") in answer.headers) == (status == 426)
    assert (("sec-websocket-version", "13") in answer.headers) == ("sec_websocket_version" in changed)


# --- messages


class Browser:
    """wsproto's other end."""

    def __init__(self) -> None:
        self.connection = Connection(ConnectionType.CLIENT)

    def send(self, event: Event) -> bytes:
        return bytes(self.connection.send(event))

    def receive(self, data: bytes) -> list[Event]:
        self.connection.receive_data(data)
        return list(self.connection.events())


@pytest.mark.parametrize("size_bytes", [0, 1, 125, 126, 65_535, 65_536, 200_000])
def test_a_message_of_any_length_is_one_frame_that_a_browser_reads(size_bytes):
    data = bytes(size_bytes)
    (event,) = Browser().receive(binary_message(data))
    assert isinstance(event, BytesMessage)
    assert (event.data, event.message_finished) == (data, True)
    assert binary_message(data) == Connection(ConnectionType.SERVER).send(BytesMessage(data))


def test_a_text_is_utf8():
    (event,) = Browser().receive(text_message('{"waiting": "Kamera längst fort"}'))
    assert isinstance(event, TextMessage)
    assert event.data == '{"waiting": "Kamera längst fort"}'


# --- the connection


class Ladder:
    """Both ends of one connection."""

    def __init__(self) -> None:
        self.now = NOW
        self.browser = Browser()
        self.protocol = WebSocketProtocol(NOW)

    def peer(self, *events: Event) -> list[Event]:
        self.protocol.receive(b"".join(map(self.browser.send, events)), self.now)
        return self.events()

    def bytes(self, data: bytes) -> list[Event]:
        self.protocol.receive(data, self.now)
        return self.events()

    def wait(self, seconds: float) -> list[Event]:
        self.now += seconds
        self.protocol.tick(self.now)
        return self.events()

    def events(self) -> list[Event]:
        data = self.protocol.data_to_send()
        return self.browser.receive(data) if data else []

    @property
    def end(self) -> WebSocketClosingKind | None:
        return self.protocol.closing_kind if self.protocol.closing else None


@pytest.fixture
def ladder() -> Ladder:
    return Ladder()


def test_a_ping_is_answered_with_its_payload(ladder):
    assert ladder.peer(Ping(b"still there?")) == [Pong(b"still there?")]
    assert ladder.protocol.is_open


def test_of_many_pings_the_last_is_answered(ladder):
    assert ladder.peer(Ping(b"1"), Ping(b"2"), Pong(b"x"), Ping(b"3")) == [Pong(b"3")]


def test_pings_go_out_as_long_as_they_are_answered(ladder):
    for _ in range(10):
        assert ladder.protocol.deadline() == ladder.now + PING_INTERVAL_S
        assert ladder.wait(PING_INTERVAL_S - 0.1) == []
        assert ladder.wait(0.1) == [Ping()]
        assert ladder.peer(Pong()) == []
    assert ladder.protocol.is_open


def test_who_answers_no_ping_is_given_up_without_another_word(ladder):
    assert ladder.wait(PING_INTERVAL_S) == [Ping()]
    assert ladder.wait(PING_INTERVAL_S) == [Ping()]
    assert ladder.wait(SILENT_AFTER_S - PING_INTERVAL_S - 0.1) == []
    assert ladder.protocol.deadline() == pytest.approx(ladder.now + 0.1)
    assert ladder.end is None
    assert ladder.wait(0.1) == []
    assert ladder.end is WebSocketClosingKind.SILENT
    assert ladder.protocol.deadline() is None


def test_a_stall_shorter_than_that_is_survived(ladder):
    ladder.wait(PING_INTERVAL_S)
    ladder.wait(SILENT_AFTER_S - 0.1)
    ladder.peer(Pong())
    ladder.wait(SILENT_AFTER_S - 0.1)
    assert ladder.protocol.is_open


@pytest.mark.parametrize("code", [1000, 1001, 3000, 4999])
def test_a_close_is_answered_and_ends(ladder, code):
    assert ladder.peer(CloseConnection(code, "gone")) == [CloseConnection(code, "gone")]
    assert ladder.end is WebSocketClosingKind.PEER_CLOSED


def test_a_close_without_a_code_is_answered_by_one(ladder):
    assert ladder.bytes(bytes.fromhex("8880 00000000")) == [CloseConnection(CloseReason.NO_STATUS_RCVD, "")]
    assert ladder.end is WebSocketClosingKind.PEER_CLOSED


def test_our_close_ends_when_it_is_answered(ladder):
    ladder.protocol.close(ladder.now)
    assert not ladder.protocol.is_open
    (close,) = ladder.events()
    assert close.code == CloseReason.GOING_AWAY
    assert ladder.end is None
    ladder.peer(close.response())
    assert ladder.browser.connection.state is ConnectionState.CLOSED
    assert ladder.end is WebSocketClosingKind.REQUESTED


def test_our_close_ends_when_nobody_answers(ladder):
    ladder.protocol.close(ladder.now)
    assert ladder.protocol.deadline() == NOW + CLOSE_WITHIN_S
    ladder.events()
    assert ladder.wait(CLOSE_WITHIN_S - 0.1) == []
    assert ladder.end is None
    assert ladder.wait(0.1) == []
    assert ladder.end is WebSocketClosingKind.REQUESTED


def test_a_second_close_says_nothing(ladder):
    ladder.protocol.close(ladder.now)
    ladder.events()
    ladder.protocol.close(ladder.now + 1)
    assert ladder.events() == []
    assert ladder.protocol.deadline() == NOW + CLOSE_WITHIN_S


def test_nothing_but_the_close_counts_once_we_have_closed(ladder):
    ladder.protocol.close(ladder.now)
    ladder.events()
    assert ladder.bytes(Connection(ConnectionType.CLIENT).send(Ping(b"?"))) == []
    assert ladder.end is None
    ladder.bytes(Connection(ConnectionType.CLIENT).send(TextMessage("too late")))
    assert ladder.end is WebSocketClosingKind.REQUESTED


@pytest.mark.parametrize(
    "message",
    [TextMessage("hello"), BytesMessage(b"hello"), TextMessage(""), TextMessage("he", message_finished=False)],
    ids=repr,
)
def test_a_browser_has_nothing_to_say(ladder, message):
    assert [event.code for event in ladder.peer(message)] == [CloseReason.UNSUPPORTED_DATA]
    assert ladder.end is WebSocketClosingKind.UNEXPECTED_MESSAGE


def test_a_long_message_ends_at_its_first_byte(ladder):
    """Nothing of it is kept, whatever length it announces."""
    assert ladder.bytes(bytes.fromhex("82ff 0000000040000000 00000000")) == []
    assert [event.code for event in ladder.bytes(b"x")] == [CloseReason.UNSUPPORTED_DATA]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("8100", CloseReason.PROTOCOL_ERROR),  # not masked: section 5.1
        ("f180 00000000", CloseReason.PROTOCOL_ERROR),  # reserved bits: no extension was agreed to
        ("8380 00000000", CloseReason.PROTOCOL_ERROR),  # a reserved opcode
        ("0980 00000000", CloseReason.PROTOCOL_ERROR),  # a control frame in pieces: section 5.5
        ("89fe 0080 00000000", CloseReason.PROTOCOL_ERROR),  # a ping of 128 bytes
        ("8081 00000000 61", CloseReason.PROTOCOL_ERROR),  # a continuation of nothing
        ("8881 00000000 03", CloseReason.PROTOCOL_ERROR),  # half a code
        ("8882 00000000 03ed", CloseReason.PROTOCOL_ERROR),  # 1005 may not be sent
        ("8883 00000000 03e8ff", CloseReason.INVALID_FRAME_PAYLOAD_DATA),
        ("8182 00000000 ffff", CloseReason.INVALID_FRAME_PAYLOAD_DATA),
    ],
)
def test_a_fault_is_answered_with_its_code(ladder, data, code):
    assert [event.code for event in ladder.bytes(bytes.fromhex(data))] == [code]
    assert ladder.end is WebSocketClosingKind.MALFORMED


def test_after_the_end_nothing_is_heard_or_said(ladder):
    ladder.peer(CloseConnection(1000))
    assert ladder.bytes(b"\xff" * 100) == []
    assert ladder.wait(100.0) == []
    ladder.protocol.close(ladder.now)
    assert ladder.events() == []


def test_the_end_of_the_bytes_is_an_end(ladder):
    ladder.protocol.eof(ladder.now)
    assert ladder.events() == []
    assert ladder.end is WebSocketClosingKind.PEER_CLOSED


def test_bytes_may_come_in_any_pieces():
    browser = Browser()
    ping = browser.send(Ping(b"abc"))
    ping_bytes = len(ping)
    data = ping + browser.send(Pong(b"")) + browser.send(CloseConnection(1000, "bye"))
    pong, close = Pong(b"abc"), CloseConnection(1000, "bye")
    for cut in range(len(data) + 1):
        ladder = Ladder()
        heard = ladder.bytes(data[:cut]) + ladder.bytes(data[cut:])
        # With the close in the same piece there is nobody left who waits for a pong.
        assert heard == ([pong, close] if ping_bytes <= cut < len(data) else [close])
    ladder = Ladder()
    assert [event for byte in data for event in ladder.bytes(bytes((byte,)))] == [pong, close]


@given(st.lists(st.binary(max_size=40), max_size=10))
def test_garbage_never_raises_and_never_keeps_a_connection_in_doubt(pieces):
    ladder = Ladder()
    for piece in pieces:
        ladder.protocol.receive(piece, NOW)
        assert ladder.protocol.closing == (not ladder.protocol.is_open)
    assert len(ladder.protocol.data_to_send()) <= 200 * len(pieces)
