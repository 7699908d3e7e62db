"""An HTTP request and its response as values (RFC 9110), with the problem document of an error (RFC 9457).

Built by `protocol.http.server` and by `services.http`. It knows no path, no route and no connection.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

_BODILESS: Final = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One whole request.

    `path` and `query` are as they were sent, not percent-decoded; `query` is empty where there is none. Header names
    are lower-case, repeated ones are joined by ", " (RFC 9110 section 5.3), values are decoded as latin-1. `user` and
    `role` are the authenticated client's: `role` is empty before authentication, `user` is empty for an anonymous
    client.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    user: str = ""
    role: str = ""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """One whole response; the protocol adds `content-length` and, where it must, `connection: close`.

    ValueError for a status that is not final, and for a body where RFC 9110 allows none. The `date` field is left out:
    a board without a battery has no clock in the sense of RFC 9110 section 6.6.1 until it has synchronized.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def __post_init__(self) -> None:
        if HTTPStatus(self.status) < HTTPStatus.OK:
            raise ValueError(f"{self.status} is not a final status")
        if self.body and not self.may_have_body:
            raise ValueError(f"{self.status} has no body")

    @property
    def may_have_body(self) -> bool:
        """Whether RFC 9110 section 6.4.1 lets this status have content."""
        return self.status not in _BODILESS


def problem(status: HTTPStatus, detail: str, headers: tuple[tuple[str, str], ...] = ()) -> HttpResponse:
    """Return an error as `application/problem+json` (RFC 9457): `title`, `status`, and `detail` in one sentence."""
    body = json.dumps({"title": status.phrase, "status": status.value, "detail": detail}).encode() + b"\n"
    return HttpResponse(status, (("content-type", "application/problem+json"), *headers), body)
