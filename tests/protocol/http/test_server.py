"""Ladders for one HTTP connection: the peer's bytes and time in, requests, bytes and the closing kind out."""

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_streamer.protocol.http.messages import HttpRequest, HttpResponse
from edge_streamer.protocol.http.server import HttpClosingKind, HttpLimits, HttpServerProtocol

GET = b"GET /a HTTP/1.1\r\nHost: cam\r\n\r\n"
OK = HttpResponse(200, (("content-type", "text/plain"),), b"ok\n")
OK_BYTES = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 3\r\n\r\nok\n"
SMALL = HttpLimits(max_head_bytes=96, max_headers=3, max_body_bytes=8, max_pipelined_bytes=64)


def connect(limits: HttpLimits | None = None) -> HttpServerProtocol:
    return HttpServerProtocol(limits=limits, now=100.0)


def one(requests: list[HttpRequest]) -> HttpRequest:
    (request,) = requests
    return request


def outcome(pieces: list[bytes], limits: HttpLimits | None = None):
    """Feed the pieces, answer every request at once, end with the end of file: all that the peer could tell."""
    protocol = connect(limits)
    seen, sent = [], b""
    for piece in pieces:
        requests = protocol.receive(piece, 100.0)
        while requests:
            seen.append(one(requests))
            requests = protocol.respond(OK, 100.0)
        sent += protocol.data_to_send()
    protocol.eof(100.0)
    return seen, sent + protocol.data_to_send(), protocol.closing_kind


def bytewise(data: bytes) -> list[bytes]:
    return [data[i : i + 1] for i in range(len(data))]


def status_of(sent: bytes) -> int:
    return int(sent.split(b" ", 2)[1])


def test_a_request_and_its_reply():
    protocol = connect()
    request = one(protocol.receive(b"GET /a/b?c=d&e HTTP/1.1\r\nHOST: cam:8080\r\nX-A: 1\r\nx-a: 2\r\n\r\n", 100.0))
    assert request == HttpRequest("GET", "/a/b", "c=d&e", {"host": "cam:8080", "x-a": "1, 2"}, b"")
    assert protocol.data_to_send() == b""
    assert protocol.respond(OK, 100.0) == []
    assert protocol.data_to_send() == OK_BYTES
    assert protocol.data_to_send() == b""
    assert not protocol.closing
    assert protocol.closing_kind is None


def test_a_connection_is_kept_for_the_next_request():
    requests, sent, kind = outcome([GET, GET])
    assert len(requests) == 2
    assert sent == OK_BYTES * 2
    assert kind is HttpClosingKind.PEER_CLOSED


def test_pipelined_requests_are_handed_out_one_after_the_other():
    protocol = connect()
    assert one(protocol.receive(GET + GET.replace(b"/a", b"/b"), 100.0)).path == "/a"
    assert protocol.receive(GET.replace(b"/a", b"/c"), 100.0) == []
    assert one(protocol.respond(OK, 100.0)).path == "/b"
    assert one(protocol.respond(OK, 100.0)).path == "/c"
    assert protocol.respond(OK, 100.0) == []
    assert protocol.data_to_send() == OK_BYTES * 3


def test_the_reply_to_head_has_the_headers_of_get_and_no_body():
    protocol = connect()
    assert one(protocol.receive(GET.replace(b"GET", b"HEAD"), 100.0)).method == "HEAD"
    protocol.respond(OK, 100.0)
    assert protocol.data_to_send() == OK_BYTES.removesuffix(b"ok\n")
    assert not protocol.closing


def test_a_reply_without_content_names_no_length():
    protocol = connect()
    protocol.receive(GET, 100.0)
    protocol.respond(HttpResponse(204), 100.0)
    assert protocol.data_to_send() == b"HTTP/1.1 204 No Content\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        b"GET /a HTTP/1.1\r\nHost: cam\r\nConnection: close\r\n\r\n",
        b"GET /a HTTP/1.0\r\n\r\n",
        b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    ],
)
def test_the_peer_may_want_no_further_request(head):
    protocol = connect()
    assert one(protocol.receive(head + GET, 100.0)).path == "/a"
    assert protocol.respond(OK, 100.0) == []
    assert b"connection: close\r\n" in protocol.data_to_send().lower()
    assert protocol.closing
    assert protocol.closing_kind is HttpClosingKind.REQUESTED
    assert protocol.receive(GET, 100.0) == []


def test_we_may_want_no_further_request():
    protocol = connect()
    protocol.receive(GET, 100.0)
    protocol.respond(HttpResponse(200, (("connection", "close"),)), 100.0)
    assert protocol.closing_kind is HttpClosingKind.REQUESTED


def test_an_upgrade_is_ignored():
    head = b"GET /a HTTP/1.1\r\nHost: cam\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
    requests, sent, _kind = outcome([head + GET])
    assert [request.path for request in requests] == ["/a", "/a"]
    assert sent == OK_BYTES * 2


UPGRADE = b"GET /a HTTP/1.1\r\nHost: cam\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
SWITCHING = (("upgrade", "websocket"), ("connection", "upgrade"))


@pytest.mark.parametrize("cut", range(len(UPGRADE), len(UPGRADE) + 10, 3))
def test_an_upgrade_that_is_taken_up_ends_http_and_keeps_what_came_behind(cut):
    protocol = connect()
    data = UPGRADE + b"\x81\x85masked.."
    assert one(protocol.receive(data[:cut], 100.0)).headers["upgrade"] == "websocket"
    assert protocol.receive(data[cut:], 100.0) == []
    assert protocol.switch_protocols(SWITCHING) == b"\x81\x85masked.."
    assert protocol.data_to_send().startswith(b"HTTP/1.1 101 ")
    assert protocol.deadline() is None
    protocol.tick(1e9)
    protocol.eof(1e9)
    assert not protocol.closing
    with pytest.raises(RuntimeError, match="after switch_protocols"):
        protocol.receive(b"x", 100.0)
    with pytest.raises(RuntimeError, match="without a request"):
        protocol.respond(OK, 100.0)


def test_nothing_is_switched_without_a_request_that_asks_for_it():
    protocol = connect()
    with pytest.raises(RuntimeError, match="without a request"):
        protocol.switch_protocols(SWITCHING)
    protocol.receive(GET, 100.0)
    with pytest.raises(h11.LocalProtocolError):
        protocol.switch_protocols(SWITCHING)


def test_an_upgrade_in_http_1_0_is_not_even_seen():
    request = one(connect().receive(UPGRADE.replace(b"HTTP/1.1", b"HTTP/1.0"), 100.0))
    assert "upgrade" not in request.headers


BODIES = [
    b"POST /a HTTP/1.1\r\nHost: cam\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /a HTTP/1.1\r\nHost: cam\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nT: x\r\n\r\n",
]


@pytest.mark.parametrize("data", BODIES)
def test_a_body_is_handed_out_whole_at_every_split_point(data):
    expected = outcome([data, GET])
    assert [request.body for request in expected[0]] == [b"hello", b""]
    assert outcome([*bytewise(data), GET]) == expected
    for split in range(1, len(data)):
        assert outcome([data[:split], data[split:] + GET]) == expected


def test_a_peer_that_waits_for_100_is_told_to_continue():
    protocol = connect()
    head = b"PUT /a HTTP/1.1\r\nHost: cam\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    assert protocol.receive(head, 100.0) == []
    assert protocol.data_to_send() == b"HTTP/1.1 100 \r\n\r\n"
    assert one(protocol.receive(b"hi", 100.0)).body == b"hi"
    protocol.respond(OK, 100.0)
    assert protocol.data_to_send() == OK_BYTES


@pytest.mark.parametrize(
    ("target", "path", "query", "host"),
    [
        (b"/", "/", "", "cam"),
        (b"/%41?%42", "/%41", "%42", "cam"),
        (b"//x", "//x", "", "cam"),
        (b"*", "*", "", "cam"),
        (b"http://other:81/p?q", "/p", "q", "other:81"),
        (b"HTTPS://other", "/", "", "other"),
        (b"http://other?q", "/", "q", "other"),
    ],
)
def test_forms_of_the_target(target, path, query, host):
    request = one(connect().receive(b"OPTIONS " + target + b" HTTP/1.1\r\nHost: cam\r\n\r\n", 100.0))
    assert (request.path, request.query, request.headers["host"]) == (path, query, host)


REFUSED = [
    (b"\x16\x03\x01\x02\x00\x01", 400, HttpClosingKind.MALFORMED),  # a TLS client at the plain port
    (b"\r\n", 400, HttpClosingKind.MALFORMED),
    (b"GET /a\r\n\r\n", 400, HttpClosingKind.MALFORMED),
    (b"GET /a HTTP/1.1\r\n\r\n", 400, HttpClosingKind.MALFORMED),  # no Host: RFC 9112 section 3.2
    (b"GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, HttpClosingKind.MALFORMED),
    (b"GET /a HTTP/1.1\r\nHost : a\r\n\r\n", 400, HttpClosingKind.MALFORMED),
    (b"GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400, HttpClosingKind.MALFORMED),
    (b"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, HttpClosingKind.MALFORMED),
    (b"GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n", 400, HttpClosingKind.MALFORMED),
    (b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 400, HttpClosingKind.MALFORMED),
    (b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, HttpClosingKind.MALFORMED),
    (b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400, HttpClosingKind.MALFORMED),
    (b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501, HttpClosingKind.UNSUPPORTED),
    (b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 501, HttpClosingKind.UNSUPPORTED),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, HttpClosingKind.UNSUPPORTED),
    (b"GET /a HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n", 431, HttpClosingKind.HEAD_TOO_LARGE),
    (b"GET /" + b"a" * 200, 431, HttpClosingKind.HEAD_TOO_LARGE),
    (b"GET /" + b"a" * 200 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 431, HttpClosingKind.HEAD_TOO_LARGE),
    (b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n", 413, HttpClosingKind.BODY_TOO_LARGE),
    (b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 413, HttpClosingKind.BODY_TOO_LARGE),
    (
        b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n4\r\nabcd\r\n0\r\n\r\n",
        413,
        HttpClosingKind.BODY_TOO_LARGE,
    ),
    (
        b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nT: " + b"t" * 200 + b"\r\n\r\n",
        431,
        HttpClosingKind.HEAD_TOO_LARGE,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("data", "status", "kind"), REFUSED)
def test_what_the_peer_must_not_send_is_answered_and_ends_the_connection(data, status, kind):
    requests, sent, ended = outcome([data + GET], SMALL)
    assert requests == []
    assert status_of(sent) == status
    assert b"connection: close\r\n" in sent.lower()
    assert b"application/problem+json" in sent
    assert ended is kind
    assert outcome(bytewise(data + GET), SMALL) == (requests, sent, ended)


@pytest.mark.parametrize("extra", [0, 1])
def test_the_longest_head_is_the_same_however_it_arrives(extra):
    head = b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n"
    head %= b"a" * (SMALL.max_head_bytes + extra - len(head) + 2)
    assert len(head) == SMALL.max_head_bytes + extra
    whole = outcome([head + GET], SMALL)
    assert len(whole[0]) == (0 if extra else 2)
    assert outcome(bytewise(head + GET), SMALL) == whole


def test_the_longest_body_is_accepted():
    requests, _sent, _kind = outcome([b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\n12345678"], SMALL)
    assert requests[0].body == b"12345678"


def test_a_peer_that_floods_while_it_is_answered_gets_that_answer_and_no_other():
    protocol = connect(SMALL)
    protocol.receive(GET, 100.0)
    protocol.receive(GET * 2, 100.0)
    protocol.receive(GET, 100.0)
    assert not protocol.closing
    assert protocol.receive(GET, 100.0) == []
    assert protocol.respond(OK, 100.0) == []
    assert protocol.closing_kind is HttpClosingKind.PIPELINE_TOO_LARGE
    sent = protocol.data_to_send()
    assert sent.endswith(b"\r\nok\n")
    assert b"connection: close\r\n" in sent.lower()


def test_what_may_wait_during_an_answer_is_counted_for_each_answer_afresh():
    protocol = connect(SMALL)
    protocol.receive(GET, 100.0)
    for _ in range(5):
        assert protocol.receive(GET * 2, 100.0) == []
        assert len(protocol.respond(OK, 100.0)) == 1
        assert len(protocol.respond(OK, 100.0)) == 1
    assert not protocol.closing


def test_a_connection_that_never_speaks_is_closed_in_silence():
    protocol = connect()
    assert protocol.deadline() == 110.0
    protocol.tick(109.9)
    assert not protocol.closing
    protocol.tick(110.0)
    assert protocol.closing_kind is HttpClosingKind.IDLE
    assert protocol.data_to_send() == b""
    assert protocol.deadline() is None
    protocol.tick(200.0)
    assert protocol.closing_kind is HttpClosingKind.IDLE


def test_a_head_has_ten_seconds_from_its_first_byte_however_it_trickles():
    protocol = connect()
    protocol.receive(GET[:1], 105.0)
    assert protocol.deadline() == 115.0
    protocol.receive(GET[1:5], 114.0)
    assert protocol.deadline() == 115.0
    protocol.tick(115.0)
    assert protocol.closing_kind is HttpClosingKind.HEAD_TIMEOUT
    assert status_of(protocol.data_to_send()) == 408


def test_a_body_has_ten_seconds_from_its_head():
    protocol = connect()
    protocol.receive(BODIES[0][:-1], 105.0)
    assert protocol.deadline() == 115.0
    protocol.tick(116.0)
    assert protocol.closing_kind is HttpClosingKind.BODY_TIMEOUT
    assert status_of(protocol.data_to_send()) == 408


def test_there_is_no_deadline_while_we_owe_the_answer_and_thirty_seconds_after_it():
    protocol = connect()
    protocol.receive(GET, 105.0)
    assert protocol.deadline() is None
    protocol.tick(1000.0)
    protocol.respond(OK, 1000.0)
    assert protocol.deadline() == 1030.0
    protocol.receive(GET, 1029.0)
    protocol.respond(OK, 1029.0)
    protocol.data_to_send()
    protocol.tick(1059.0)
    assert protocol.closing_kind is HttpClosingKind.IDLE
    assert protocol.data_to_send() == b""


@pytest.mark.parametrize("arrives_while_answering", [False, True])
def test_the_beginning_of_a_pipelined_head_starts_its_ten_seconds_at_the_answer(arrives_while_answering):
    protocol = connect()
    first, rest = (GET, GET[:5]) if arrives_while_answering else (GET + GET[:5], b"")
    protocol.receive(first, 100.0)
    protocol.receive(rest, 100.0)
    protocol.respond(OK, 150.0)
    assert protocol.deadline() == 160.0


@pytest.mark.parametrize("before", [b"", GET[:7], BODIES[0][:-2], BODIES[1][:-2]])
def test_the_end_of_file_ends_the_connection_without_a_word(before):
    protocol = connect()
    assert protocol.receive(before, 100.0) == []
    protocol.eof(100.0)
    assert protocol.closing_kind is HttpClosingKind.PEER_CLOSED
    assert protocol.data_to_send() == b""
    assert protocol.deadline() is None


def test_requests_that_are_whole_before_the_end_of_file_are_answered():
    protocol = connect()
    protocol.receive(GET + GET + GET[:5], 100.0)
    protocol.eof(100.0)
    assert not protocol.closing
    assert protocol.receive(GET, 100.0) == []
    assert len(protocol.respond(OK, 100.0)) == 1
    assert protocol.respond(OK, 100.0) == []
    assert protocol.closing_kind is HttpClosingKind.PEER_CLOSED
    assert protocol.data_to_send() == OK_BYTES * 2


def test_the_end_of_file_does_not_change_why_it_is_closing():
    protocol = connect()
    protocol.receive(b"\x00", 100.0)
    protocol.eof(100.0)
    assert protocol.closing_kind is HttpClosingKind.MALFORMED


def test_our_misuse_raises():
    protocol = connect()
    with pytest.raises(RuntimeError):
        protocol.respond(OK, 100.0)
    protocol.receive(GET, 100.0)
    with pytest.raises(h11.LocalProtocolError):
        protocol.respond(HttpResponse(200, (("x", "a\r\nb"),)), 100.0)


REQUEST_LINES = (
    b"GET /a HTTP/1.1",
    b"HEAD * HTTP/1.1",
    b"POST /a?b HTTP/1.0",
    b"CONNECT a HTTP/1.1",
    b"GET a HTTP/1.1",
    b"GET /a HTTP/2.0",
)
HEADERS = (
    b"Host: a",
    b"Content-Length: 3",
    b"Transfer-Encoding: chunked",
    b"Connection: close",
    b"Upgrade: x",
    b"X: \xff",
)
OTHER_LINES = (b"Expect: 100-continue", b" folded", b"Broken", b"", b"abc", b"3", b"0")
LINES = st.sampled_from(REQUEST_LINES + HEADERS + OTHER_LINES)
PLAUSIBLE = st.lists(st.tuples(LINES, st.sampled_from([b"\r\n", b"\r\n", b"\r\n\r\n", b"\n", b"\r"])), max_size=20).map(
    lambda parts: b"".join(line + end for line, end in parts)
)


@given(st.one_of(st.binary(max_size=300), PLAUSIBLE), st.data())
def test_any_bytes_have_one_outcome_however_they_are_cut(data, draw):
    whole = outcome([data], SMALL)
    assert outcome(bytewise(data), SMALL) == whole
    split = draw.draw(st.integers(0, len(data)))
    assert outcome([data[:split], data[split:]], SMALL) == whole
    assert whole[2] is not None


def test_a_response_is_owed_from_the_last_byte_of_a_request_to_the_response():
    protocol = connect()
    for piece in (GET[:4], GET[4:-1]):
        protocol.receive(piece, 100.0)
        assert not protocol.owes_response
    protocol.receive(GET[-1:], 100.0)
    assert protocol.owes_response
    protocol.respond(OK, 100.0)
    assert not protocol.owes_response
