"""What a peer can do wrong: a closed set of kinds, the status that answers each, and text that is safe to log.

Made by `parser` and `server`; the kinds are metric labels, so a new one is a visible change.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

EXCERPT_BYTES: Final = 64
"""Most of a peer's bytes that ever reach a log line."""

_SECRET_STARTS_AT: Final = re.compile(rb"[:?=@]|\b(?:basic|digest|bearer|authorization)\b", re.IGNORECASE)


class ProtocolErrorKind(StrEnum):
    """Why a request was rejected, or why the connection is being closed."""

    MALFORMED = "malformed"
    CONTROL_BYTE = "control_byte"
    HEADER_LIMIT = "header_limit"
    CONTENT_LENGTH = "content_length"
    BODY_LIMIT = "body_limit"
    VERSION = "version"
    CSEQ = "cseq"  # leaves the connection open, up to `MAX_REQUESTS_WITHOUT_CSEQ` times; all others close it
    PIPELINE_LIMIT = "pipeline_limit"
    SLOW_REQUEST = "slow_request"
    NO_SESSION = "no_session"  # not a fault and not reported as one: the connection had no session for too long


STATUS_OF_KIND: Final = {
    ProtocolErrorKind.MALFORMED: 400,
    ProtocolErrorKind.CONTROL_BYTE: 400,
    ProtocolErrorKind.HEADER_LIMIT: 400,  # RFC 2326 has no 431
    ProtocolErrorKind.CONTENT_LENGTH: 400,
    ProtocolErrorKind.BODY_LIMIT: 413,
    ProtocolErrorKind.VERSION: 505,
    ProtocolErrorKind.CSEQ: 400,
    ProtocolErrorKind.PIPELINE_LIMIT: 400,
    ProtocolErrorKind.SLOW_REQUEST: 408,
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A peer's mistake: `what` describes it, `offset` counts bytes of the stream, `excerpt` is safe to show."""

    kind: ProtocolErrorKind
    what: str
    offset: int
    cseq: str | None = None
    excerpt: bytes = b""

    @property
    def detail(self) -> str:
        """One line for people: CSeq, byte offset, what, and at most `EXCERPT_BYTES` of hex."""
        text = f"CSeq {self.cseq or '-'}, byte {self.offset}: {self.what}"
        return f"{text}: {self.excerpt.hex()}" if self.excerpt else text


def excerpt(line: bytes) -> bytes:
    """Return the start of `line` that cannot hold a credential.

    Userinfo follows the colon of a URL scheme; the value of Authorization, as of every other field, follows a colon,
    or the name of an authentication scheme where the colon was forgotten; a token in a URL follows the question mark.
    The text before the first of these shows which protocol the peer speaks, and holds no secret.
    """
    end = _SECRET_STARTS_AT.search(line)
    return line[: end.start() if end else len(line)][:EXCERPT_BYTES]
