"""Bytes of one connection in, requests and interleaved frames out (RFC 2326 sections 4, 6 and 10.12).

The parser neither interprets nor replies: `server.protocol` owns a parser and asks it for one element at a time, so
that bytes behind an unanswered request stay unparsed. A stream consists of four kinds of elements, told apart by their
first byte or word:

    CR, LF                 padding that some clients send between requests: skipped
    $ channel length       an interleaved frame, at any point between messages
    RTSP/1.0 200 OK ...    a reply of the peer, although this server sends no requests: framed and dropped
    METHOD uri RTSP/1.0    a request

Each byte is examined once: the search for the blank line continues where the last search stopped, so a head that
trickles in costs no more than a head that arrives whole. Bytes that begin none of the four end the connection (lost
framing cannot be found again), and the parser drops all later bytes.
"""

import re
from dataclasses import dataclass
from typing import Final

from edge_streamer.protocol.rtsp.faults import Fault, ProtocolErrorKind, excerpt
from edge_streamer.protocol.rtsp.headers.content_length import parse_content_length
from edge_streamer.protocol.rtsp.headers.cseq import parse_cseq
from edge_streamer.protocol.rtsp.limits import RtspLimits
from edge_streamer.protocol.rtsp.message import RTSP_VERSION, Headers, Request, field_value

# LF-only lines are tolerated (RFC 2326 section 4 says CRLF). Control bytes and a CR that ends no line are not: in a
# reply or a log they would be lines of the peer's making (live555 echoed a NUL in CSeq).
_HEAD_END_OR_FORBIDDEN: Final = re.compile(rb"(\n\r?\n)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r[^\n]")
_OVERLAP_BYTES: Final = 2  # a match may have begun this many bytes before the end of what was searched
_PADDING: Final = re.compile(rb"[\r\n]*")
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 2326 section 15.1
_VERSION: Final = re.compile(r"RTSP/[0-9]+\.[0-9]+")
_BLANKS: Final = " \t"

_DOLLAR: Final = 0x24
_FRAME_HEADER_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class InterleavedFrame:
    """A `$` frame (RFC 2326 section 10.12): at most 65535 bytes of payload, which its format cannot exceed."""

    channel: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class ClientReply:
    """A reply of the peer; it answers no request, and is dropped."""


Element = Request | ClientReply | InterleavedFrame | Fault


@dataclass(frozen=True, slots=True)
class _Head:
    """A message up to its blank line; `start` is (method, uri), None for a reply."""

    start: tuple[str, str] | None
    headers: Headers
    cseq: str | None
    offset: int
    body_bytes: int


class _FaultFound(Exception):  # noqa: N818 - control flow inside this module, never seen outside
    def __init__(self, fault: Fault) -> None:
        self.fault = fault


class RtspParser:
    """Incremental parser of one connection. It buffers at most one incomplete element and the bytes behind it."""

    def __init__(self, limits: RtspLimits) -> None:
        self._limits = limits
        self._buffer = bytearray()
        self._consumed_bytes = 0
        self._searched_bytes = 0
        self._head: _Head | None = None
        self._is_broken = False

    @property
    def buffered_bytes(self) -> int:
        """Bytes received and not yet part of an element."""
        return len(self._buffer)

    @property
    def offset(self) -> int:
        """Where in the connection's stream the buffered bytes begin."""
        return self._consumed_bytes

    @property
    def is_inside_element(self) -> bool:
        """Whether an element was begun and not finished."""
        return self._head is not None or bool(self._buffer)

    def receive(self, data: bytes) -> None:
        """Take the next bytes of the stream; the caller keeps count of `buffered_bytes`."""
        if not self._is_broken:
            self._buffer += data

    def next_element(self) -> Element | None:
        """Return the next complete element, None when more bytes are needed. A `Fault` is the last one."""
        try:
            return self._next_element()
        except _FaultFound as found:
            self._is_broken = True
            self._head = None
            self._take(len(self._buffer))
            return found.fault

    def _next_element(self) -> Element | None:
        if self._head is None:
            self._skip_padding()
            if self._buffer.startswith(b"$"):
                return self._interleaved_frame()
            self._head = self._read_head()
        return None if self._head is None else self._message(self._head)

    def _skip_padding(self) -> None:
        padding = _PADDING.match(self._buffer)
        if padding is not None and padding.end():
            self._take(padding.end())

    def _interleaved_frame(self) -> InterleavedFrame | None:
        buffer = self._buffer
        if len(buffer) < _FRAME_HEADER_BYTES:
            return None
        end = _FRAME_HEADER_BYTES + int.from_bytes(buffer[2:_FRAME_HEADER_BYTES], "big")
        if len(buffer) < end:
            return None
        channel = buffer[1]
        return InterleavedFrame(channel, self._take(end)[_FRAME_HEADER_BYTES:])

    def _read_head(self) -> _Head | None:
        limit = self._limits.max_header_bytes
        match = _HEAD_END_OR_FORBIDDEN.search(self._buffer, self._searched_bytes, limit)
        if match is None:
            self._searched_bytes = max(0, len(self._buffer) - _OVERLAP_BYTES)
            if len(self._buffer) >= limit:
                raise self._fault(ProtocolErrorKind.HEADER_LIMIT, f"a head of more than {limit} bytes")
            return None
        if match[1] is None:
            at = match.start()
            raise self._fault(ProtocolErrorKind.CONTROL_BYTE, f"0x{self._buffer[at]:02x} in a head", at=at)
        line_end = match.start()
        head = _HeadParser(self._limits, self._consumed_bytes).parse(bytes(self._buffer[:line_end]))
        self._take(match.end())
        return head

    def _message(self, head: _Head) -> Request | ClientReply | None:
        if len(self._buffer) < head.body_bytes:
            return None
        self._head = None
        body = self._take(head.body_bytes)
        if head.start is None:
            return ClientReply()
        method, uri = head.start
        return Request(method, uri, head.headers, head.cseq, body, head.offset)

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        self._consumed_bytes += count
        self._searched_bytes = 0
        return taken

    def _fault(self, kind: ProtocolErrorKind, what: str, at: int = 0) -> _FaultFound:
        return _FaultFound(Fault(kind, what, self._consumed_bytes + at))


class _HeadParser:
    """The text of one head -> `_Head`; a fault is raised with the head's offset in the stream."""

    def __init__(self, limits: RtspLimits, offset: int) -> None:
        self._limits = limits
        self._offset = offset
        self._cseq: str | None = None

    def parse(self, head: bytes) -> _Head:
        first_line, *lines = head.removesuffix(b"\r").decode("latin-1").replace("\r\n", "\n").split("\n")
        headers = self._headers(lines)
        self._cseq = parse_cseq(field_value(headers, "cseq"))
        start = self._start_line(first_line)
        return _Head(start, headers, self._cseq, self._offset, self._body_bytes(headers))

    def _headers(self, lines: list[str]) -> Headers:
        unfolded: list[str] = []
        for line in lines:
            if unfolded and line[:1] in _BLANKS:
                unfolded[-1] += " " + line.strip(_BLANKS)
            else:
                unfolded.append(line)
        if len(unfolded) > self._limits.headers:
            raise self._fault(ProtocolErrorKind.HEADER_LIMIT, f"more than {self._limits.headers} header fields")
        return tuple(self._field(line) for line in unfolded)

    def _field(self, line: str) -> tuple[str, str]:
        name, colon, value = line.partition(":")
        name = name.strip(_BLANKS)
        if not name or not colon:
            raise self._fault(ProtocolErrorKind.MALFORMED, "a header line that is no field")
        return name.lower(), value.strip(_BLANKS)

    def _start_line(self, line: str) -> tuple[str, str] | None:
        """Read `Method SP Request-URI SP RTSP-Version` (RFC 2326 section 6.1) with any blanks between."""
        if line.startswith("RTSP/"):
            return None
        method, _, rest = line.replace("\t", " ").strip().partition(" ")
        uri, _, version = rest.rpartition(" ")
        if not (_TOKEN.fullmatch(method) and uri.strip() and _VERSION.fullmatch(version)):
            raise self._fault(ProtocolErrorKind.MALFORMED, "no RTSP request line", line)
        if version != RTSP_VERSION:
            raise self._fault(ProtocolErrorKind.VERSION, f"not {RTSP_VERSION}", version)
        return method, uri.strip()

    def _body_bytes(self, headers: Headers) -> int:
        value = field_value(headers, "content-length")
        length = parse_content_length(value)
        if length is None:
            raise self._fault(ProtocolErrorKind.CONTENT_LENGTH, "no content length", value)
        if length > self._limits.max_body_bytes:
            raise self._fault(ProtocolErrorKind.BODY_LIMIT, f"a body of more than {self._limits.max_body_bytes} bytes")
        return length

    def _fault(self, kind: ProtocolErrorKind, what: str, text: str | None = None) -> _FaultFound:
        shown = excerpt((text or "").encode("latin-1"))
        return _FaultFound(Fault(kind, what, self._offset, self._cseq, shown))
