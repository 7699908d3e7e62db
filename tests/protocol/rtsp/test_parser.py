import re

import pytest

from edge_streamer.protocol.rtsp import parser as parser_module
from edge_streamer.protocol.rtsp.faults import EXCERPT_BYTES, Fault, ProtocolErrorKind
from edge_streamer.protocol.rtsp.limits import RtspLimits
from edge_streamer.protocol.rtsp.message import Request
from edge_streamer.protocol.rtsp.parser import ClientReply, Element, InterleavedFrame, RtspParser

LIMITS = RtspLimits(max_header_bytes=400, headers=8, max_body_bytes=100)
CSEQ = (("cseq", "1"),)


def elements(*chunks: bytes, limits: RtspLimits = LIMITS) -> list[Element]:
    parser = RtspParser(limits)
    found: list[Element] = []
    for chunk in chunks:
        parser.receive(chunk)
        while (element := parser.next_element()) is not None:
            found.append(element)
    return found


def request(
    method: str, uri: str, headers: tuple[tuple[str, str], ...] = CSEQ, body: bytes = b"", at: int = 0
) -> Request:
    return Request(method, uri, headers, dict(headers).get("cseq"), body, at)


OPTIONS = request("OPTIONS", "*")

ACCEPTED = [
    (b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n", [OPTIONS]),
    (b"OPTIONS * RTSP/1.0\nCSeq: 1\n\n", [OPTIONS]),
    (b"OPTIONS * RTSP/1.0\r\nCSeq: 1\n\r\n", [OPTIONS]),
    (b"OPTIONS * RTSP/1.0\nCSeq: 1\r\n\n", [OPTIONS]),
    (b"OPTIONS \t *   RTSP/1.0 \r\ncseq:1\r\n\r\n", [OPTIONS]),
    (b"OPTIONS * RTSP/1.0\r\nCSEQ \t:\t 1 \r\n\r\n", [OPTIONS]),
    (b"OPTIONS * RTSP/1.0\r\nCSeq:\r\n 1\r\n\r\n", [OPTIONS]),
    (b"OPTIONS * RTSP/1.0\r\n\r\n", [request("OPTIONS", "*", ())]),
    (b"DESCRIBE rtsp://cam/my cam RTSP/1.0\r\nCSeq: 1\r\n\r\n", [request("DESCRIBE", "rtsp://cam/my cam")]),
    (
        b"SETUP * RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/AVP/TCP;\r\n\tunicast\r\n  \r\nX:\r\n\r\n",
        [request("SETUP", "*", (*CSEQ, ("transport", "RTP/AVP/TCP; unicast"), ("x", "")))],
    ),
    (
        b"SET_PARAMETER * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 4\r\n\r\na\r\n$OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n",
        [
            request("SET_PARAMETER", "*", (*CSEQ, ("content-length", "4")), b"a\r\n$"),
            request("OPTIONS", "*", at=60),
        ],
    ),
    (b"\r\n\n\r\r\nOPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n", [request("OPTIONS", "*", at=6)]),
    (b"\r\n\r\n", []),
    (b"$\x01\x00\x03abc$\x00\x00\x00", [InterleavedFrame(1, b"abc"), InterleavedFrame(0, b"")]),
    (b"$\x00\x00\x02\r\n\r\n$\x05\x00\x01$", [InterleavedFrame(0, b"\r\n"), InterleavedFrame(5, b"$")]),
    (b"$\x00\xff\xff" + bytes(65535), [InterleavedFrame(0, bytes(65535))]),
    (
        b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 3\r\n\r\nabc$\x00\x00\x00",
        [ClientReply(), InterleavedFrame(0, b"")],
    ),
]


@pytest.mark.parametrize(("data", "expected"), ACCEPTED)
def test_whole_byte_by_byte_and_at_every_split_point(data: bytes, expected: list[Element]) -> None:
    assert elements(data) == expected
    assert elements(*(data[at : at + 1] for at in range(len(data)))) == expected
    for at in range(0, len(data), max(1, len(data) // 200)):
        assert elements(data[:at], data[at:]) == expected


REFUSED = [
    (b"GET / HTTP/1.1\r\nHost: cam\r\n\r\n", "malformed", "no RTSP request line", b"GET / HTTP/1.1"),
    (b"hello\r\n\r\n", "malformed", "no RTSP request line", b"hello"),
    (b"OPTIONS RTSP/1.0\r\n\r\n", "malformed", "no RTSP request line", b"OPTIONS RTSP/1.0"),
    (b"OPT(IONS * RTSP/1.0\r\n\r\n", "malformed", "no RTSP request line", b"OPT(IONS * RTSP/1.0"),
    (b"OPTIONS rtsp://a:b@c RTSP\r\n\r\n", "malformed", "no RTSP request line", b"OPTIONS rtsp"),
    (b"OPTIONS * RTSP/1.0\r\nAuthorization\r\n\r\n", "malformed", "a header line that is no field", b""),
    (b"OPTIONS * RTSP/1.0\r\n: x\r\n\r\n", "malformed", "a header line that is no field", b""),
    (b"OPTIONS * RTSP/1.0\r\n folded\r\n\r\n", "malformed", "a header line that is no field", b""),
    (b"OPTIONS * RTSP/2.0\r\nCSeq: 1\r\n\r\n", "version", "not RTSP/1.0", b"RTSP/2.0"),
    (b"OPTIONS * RTSP/1.0\r\nCSeq: \x001\r\n\r\n", "control_byte", "0x00 in a head", b""),
    (b"\x16\x03\x01\x02\x00\x01", "control_byte", "0x16 in a head", b""),  # TLS
    (b"OPTIONS * RTSP/1.0\r\nA: b\rC: d\r\n\r\n", "control_byte", "0x0d in a head", b""),
    (b"OPTIONS \x7f RTSP/1.0\r\n\r\n", "control_byte", "0x7f in a head", b""),
    (b"X * RTSP/1.0\r\nContent-Length: -1\r\n\r\n", "content_length", "no content length", b"-1"),
    (b"X * RTSP/1.0\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "content_length", "no content length", b"1, 2"),
    (b"RTSP/1.0 200 OK\r\nContent-Length: x\r\n\r\n", "content_length", "no content length", b"x"),
    (b"X * RTSP/1.0\r\nContent-Length: 101\r\n\r\n", "body_limit", "a body of more than 100 bytes", b""),
    (b"X * RTSP/1.0\r\n" + b"A: b\r\n" * 9 + b"\r\n", "header_limit", "more than 8 header fields", b""),
    (b"X * RTSP/1.0\r\nA: " + b"b" * 400, "header_limit", "a head of more than 400 bytes", b""),
    (b"X * RTSP/1.0\r\nA: " + b"b" * 400 + b"\0\r\n\r\n", "header_limit", "a head of more than 400 bytes", b""),
]


@pytest.mark.parametrize(("data", "kind", "what", "excerpt"), REFUSED)
def test_what_is_no_rtsp_is_one_fault_and_the_last_thing(data: bytes, kind: str, what: str, excerpt: bytes) -> None:
    padded = b"$\x00\x00\x00" + data
    (_frame, fault) = elements(padded)
    assert isinstance(fault, Fault)
    assert (fault.kind, fault.what, fault.excerpt) == (kind, what, excerpt)
    assert 4 <= fault.offset < len(padded)
    assert elements(*(padded[at : at + 1] for at in range(len(padded)))) == elements(padded)
    assert elements(padded, b"OPTIONS * RTSP/1.0\r\n\r\n") == elements(padded)


def test_a_fault_names_cseq_offset_and_hex() -> None:
    (fault,) = elements(b"\r\nOPTIONS * RTSP/3.1\r\nCSeq: 7\r\n\r\n")
    assert isinstance(fault, Fault)
    assert fault.detail == "CSeq 7, byte 2: not RTSP/1.0: 525453502f332e31"
    (fault,) = elements(b"\r\nOPTIONS\x01")
    assert isinstance(fault, Fault)
    assert fault.detail == "CSeq -, byte 9: 0x01 in a head"


@pytest.mark.parametrize(
    "head",
    [
        "DESCRIBE rtsp://admin:secret@cam/main RTSP",
        "DESCRIBE /main?password=secret RTSP",
        "Authorization: Basic secret",
        "Authorization Basic secret",
        "basic secret RTSP/1",
        "Digest username=secret",
        "user=secret",
        "OPTIONS * RTSP/1.0\r\nAuthorization Basic secret",
        "X * RTSP/1.0\r\nContent-Length: ?secret",
    ],
)
def test_no_fault_shows_a_credential(head: str) -> None:
    (fault,) = elements(head.encode() + b"\r\n\r\n")
    assert isinstance(fault, Fault)
    assert b"secret".hex() not in fault.detail


def test_at_most_64_bytes_are_shown() -> None:
    (fault,) = elements(b"x" * 300 + b"\r\n\r\n")
    assert isinstance(fault, Fault)
    assert len(fault.excerpt) == EXCERPT_BYTES


def test_a_head_of_exactly_the_limit_passes() -> None:
    start = b"OPTIONS * RTSP/1.0\r\nX: "
    head = start + b"y" * (LIMITS.max_header_bytes - len(start) - 4) + b"\r\n\r\n"
    (found,) = elements(head)
    assert isinstance(found, Request)
    (found,) = elements(head[:-5] + b"y" + head[-5:])
    assert isinstance(found, Fault)
    assert found.kind is ProtocolErrorKind.HEADER_LIMIT


def test_a_body_of_exactly_the_limit_passes() -> None:
    (found,) = elements(b"X * RTSP/1.0\r\nContent-Length: 100\r\n\r\n" + bytes(100))
    assert isinstance(found, Request)
    assert found.body == bytes(100)


def test_counters_of_the_buffer() -> None:
    parser = RtspParser(LIMITS)
    assert (parser.buffered_bytes, parser.offset, parser.is_inside_element) == (0, 0, False)
    parser.receive(b"\r\nOPT")
    assert parser.next_element() is None
    assert (parser.buffered_bytes, parser.offset, parser.is_inside_element) == (3, 2, True)
    parser.receive(b"IONS * RTSP/1.0\r\nContent-Length: 1\r\n\r\n")
    assert parser.next_element() is None
    assert (parser.buffered_bytes, parser.is_inside_element) == (0, True)


class CountingPattern:
    def __init__(self, pattern: re.Pattern[bytes]) -> None:
        self._pattern = pattern
        self.bytes_searched = 0

    def search(self, data: bytearray, start: int, end: int) -> re.Match[bytes] | None:
        self.bytes_searched += min(len(data), end) - start
        return self._pattern.search(data, start, end)


def test_a_head_that_trickles_in_is_searched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counting = CountingPattern(parser_module._HEAD_END_OR_FORBIDDEN)
    monkeypatch.setattr(parser_module, "_HEAD_END_OR_FORBIDDEN", counting)
    head = b"OPTIONS * RTSP/1.0\r\nX: " + b"\n y" * 5000 + b"\r\n\r\n"
    chunks = (head[at : at + 1] for at in range(len(head)))
    (found,) = elements(*chunks, limits=RtspLimits())
    assert isinstance(found, Request)
    assert counting.bytes_searched < 4 * len(head)
