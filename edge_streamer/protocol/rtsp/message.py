"""RTSP messages as values (RFC 2326 sections 4, 6 and 7): requests that the parser makes, and replies.

This module does not parse (`parser`) and does not interpret (`server.methods`). A `Request` is framed and free of
control bytes; a `Response` that could not be sent cannot be built.
"""

import re
from dataclasses import dataclass
from typing import Final

Headers = tuple[tuple[str, str], ...]

RTSP_VERSION: Final = "RTSP/1.0"
SERVER_NAME: Final = "edge_streamer"

REASON_PHRASES: Final = {
    200: "OK",
    301: "Moved Permanently",
    302: "Moved Temporarily",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Time-out",
    413: "Request Entity Too Large",
    453: "Not Enough Bandwidth",
    454: "Session Not Found",
    455: "Method Not Valid in This State",
    459: "Aggregate Operation Not Allowed",
    461: "Unsupported Transport",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "RTSP Version Not Supported",
    551: "Option Not Supported",
}
"""RFC 2326 section 7.1.1: the codes that this server sends. Clients expect 453 from a full server, too."""

_LINE_BREAK: Final = re.compile(r"[\r\n]")


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `headers` keep the order of arrival; names are in lower case, values unfolded and stripped.

    Text is Latin-1, so what is echoed (a URL) goes back byte for byte. `offset` is where the request began, in bytes
    of the connection's stream. `cseq` is None when the peer sent none that can be echoed.
    """

    method: str
    uri: str
    headers: Headers
    cseq: str | None
    body: bytes
    offset: int

    def header(self, name: str) -> str | None:
        """Return the value of the field `name` (any case), None if absent; repeated fields come comma-joined."""
        return field_value(self.headers, name)


def field_value(headers: Headers, name: str) -> str | None:
    """Return the value of `name` in headers with lower-case names.

    RFC 2326 section 4.2 takes RFC 2068's rule: a repeated field means the comma-joined list of its values.
    """
    wanted = name.lower()
    values = [value for field, value in headers if field == wanted]
    return ", ".join(values) if values else None


@dataclass(frozen=True, slots=True)
class Response:
    """One reply without the fields that the connection adds (CSeq, Server, Session).

    ValueError for a status without a reason phrase and for a line break in a field: both are mistakes of this server.
    """

    status: int
    headers: Headers = ()
    body: bytes = b""

    def __post_init__(self) -> None:
        if self.status not in REASON_PHRASES:
            raise ValueError(f"no reason phrase for RTSP status {self.status}")
        if any(_LINE_BREAK.search(name + value) for name, value in self.headers):
            raise ValueError("a header field must not contain a line break")

    def encode(self, first: Headers = ()) -> bytes:
        """Return the reply as one bytes object, head and body together, the fields in `first` before its own.

        ZoneMinder reads one segment and no more: a body must never travel apart from its head.
        """
        fields = [*first, *self.headers]
        if self.body:
            fields.append(("Content-Length", str(len(self.body))))
        status_line = f"{RTSP_VERSION} {self.status} {REASON_PHRASES[self.status]}\r\n"
        head = status_line + "".join(f"{name}: {value}\r\n" for name, value in fields) + "\r\n"
        return head.encode("latin-1") + self.body
