"""The client's side of RTSP 1.0 as bytes: requests out, responses and interleaved packets in. No socket, no clock.

It shares no line with the product, so that a mistake there is not made here too. Used by `RtspReader` in tests and by
the benchmarks' load client. RFC 2326 section 10.12 (interleaving), appendix C.1.1 (control URLs).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Transport: TypeAlias = Literal["tcp", "udp"]

MAX_HEAD_BYTES: Final = 64 << 10
MAX_BODY_BYTES: Final = 1 << 20
_END_OF_HEAD: Final = b"\r\n\r\n"
_FRAME_HEADER_BYTES: Final = 4
_VERSION: Final = b"RTSP/1.0 "


class WireError(ValueError):
    """The server sent what is neither a response nor an interleaved packet; the message quotes its first bytes."""


@dataclass(frozen=True, slots=True)
class Response:
    """One response; header names are lower case, `headers["cseq"]` is what `CSeq` said."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def session_id(self) -> str:
        """The session without its parameters (`;timeout=60`); empty if there is none."""
        return self.headers.get("session", "").partition(";")[0].strip()

    @property
    def transport(self) -> dict[str, str]:
        """Parameters of the `Transport` header; a flag such as `unicast` has an empty value."""
        parts = (part.partition("=") for part in self.headers.get("transport", "").split(";"))
        return {name.strip().lower(): value.strip() for name, _equals, value in parts}


@dataclass(frozen=True, slots=True)
class InterleavedPacket:
    """What followed one `$` header: an RTP or RTCP packet of that channel."""

    channel: int
    data: bytes


def encode_request(method: str, url: str, cseq: int, headers: Mapping[str, str] | None = None) -> bytes:
    """Return one request without a body."""
    lines = [f"{method} {url} RTSP/1.0", f"CSeq: {cseq}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode()


def video_control_url(description: Response, request_url: str) -> str:
    """Return the URL to SETUP: the first video's `a=control`, against Content-Base (RFC 2326 section C.1.1)."""
    base = description.headers.get("content-base", request_url)
    _session, _mark, video = description.body.decode().partition("m=video")
    control = next((line[10:].strip() for line in video.splitlines() if line.startswith("a=control:")), "*")
    if control == "*":
        return base
    if control.startswith("rtsp"):
        return control
    return f"{base.rstrip('/')}/{control}"


def aggregate_control_url(description: Response, request_url: str) -> str:
    """Return the URL to PLAY and TEARDOWN: the session's `a=control`, against Content-Base."""
    base = description.headers.get("content-base", request_url)
    session, _mark, _media = description.body.decode().partition("m=")
    control = next((line[10:].strip() for line in session.splitlines() if line.startswith("a=control:")), "*")
    return control if control.startswith("rtsp") else base


def _headers(lines: list[str]) -> dict[str, str]:
    pairs = (line.partition(":") for line in lines)
    return {name.strip().lower(): value.strip() for name, _colon, value in pairs}


class ClientParser:
    """Bytes from a server in, its messages out one at a time; whoever has read enough takes the rest as bytes."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def receive(self, data: bytes | memoryview) -> None:
        """Add what the socket gave."""
        self._buffer += data

    def next_message(self) -> Response | InterleavedPacket | None:
        """Return the next whole message, or None; WireError when the bytes are no RTSP."""
        if not self._buffer:
            return None
        return self._next_packet() if self._buffer[0] == ord("$") else self._next_response()

    def take_rest(self) -> bytes:
        """Return and forget the bytes that no message has used."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return rest

    def _next_packet(self) -> InterleavedPacket | None:
        end = _FRAME_HEADER_BYTES + int.from_bytes(self._buffer[2:4])
        if len(self._buffer) < max(end, _FRAME_HEADER_BYTES):
            return None
        packet = self._take(end)
        return InterleavedPacket(packet[1], packet[_FRAME_HEADER_BYTES:])

    def _next_response(self) -> Response | None:
        head_bytes = self._buffer.find(_END_OF_HEAD)
        if head_bytes < 0:
            self._expect(len(self._buffer) <= MAX_HEAD_BYTES)
            self._expect(self._buffer.startswith(_VERSION[: len(self._buffer)]))
            return None
        status_line, *lines = self._buffer[:head_bytes].decode("latin-1").split("\r\n")
        headers = _headers(lines)
        code, _space, reason = status_line.removeprefix("RTSP/1.0 ").partition(" ")
        body_bytes = headers.get("content-length", "0")
        self._expect(status_line.startswith("RTSP/1.0 ") and code.isdigit() and body_bytes.isdigit())
        self._expect(int(body_bytes) <= MAX_BODY_BYTES)
        return self._response(int(code), reason, headers, head_bytes + len(_END_OF_HEAD), int(body_bytes))

    def _response(
        self, status: int, reason: str, headers: dict[str, str], head_bytes: int, body_bytes: int
    ) -> Response | None:
        if len(self._buffer) < head_bytes + body_bytes:
            return None
        return Response(status, reason, headers, self._take(head_bytes + body_bytes)[head_bytes:])

    def _take(self, end: int) -> bytes:
        taken = bytes(self._buffer[:end])
        del self._buffer[:end]
        return taken

    def _expect(self, condition: bool) -> None:
        if not condition:
            raise WireError(f"the server sent what is no RTSP response: {bytes(self._buffer[:64])!r}")
