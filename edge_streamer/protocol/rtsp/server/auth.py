"""Authentication of RTSP requests by Digest or Basic (RFC 2326 section 16), and the interface behind which it stands.

`server.protocol` asks the authorizer for every request except OPTIONS, before it examines more than the framing:
ZoneMinder gives up when OPTIONS is refused, and Qognify sends it with an empty user. `protocol.digest` does the
arithmetic.
"""

from typing import Final, Protocol

from edge_streamer.protocol.digest import (
    Credentials,
    DigestCredentials,
    LoginRules,
    basic_challenge,
    digest_challenge,
)
from edge_streamer.protocol.rtsp.message import Headers, Request, Response
from edge_streamer.protocol.rtsp.server.events import RefusalRequested
from edge_streamer.protocol.rtsp.target import parse_target


class Authorizer(Protocol):
    """Authentication state of one connection; it must not raise for anything that a peer sends."""

    @property
    def user(self) -> str:
        """The user that the connection is logged in as; empty before a login."""

    def authorize(self, request: Request, now: float) -> Response | RefusalRequested | None:
        """Return None to admit the request, a reply to refuse it, or `RefusalRequested`: the service decides when."""


class AllowAll:
    """Anonymous access: every request is admitted."""

    @property
    def user(self) -> str:
        """Empty: an anonymous client has no name."""
        return ""

    def authorize(self, request: Request, now: float) -> None:
        """Admit the request."""


ALLOW_ALL: Final = AllowAll()


class LoginAuthorizer:
    """One connection of a server that has users. `nonce` must be unguessable and new for each connection.

    The nonce stays valid for the connection's whole life, and `stale=true` is never sent: go2rtc and retina give up at
    a second 401. The nonce of another connection (go2rtc sends its old one) does not count as a failed login; the
    reply carries the new nonce.
    """

    def __init__(self, rules: LoginRules, nonce: str) -> None:
        self._rules = rules
        self._nonce = nonce
        self._user = ""

    @property
    def user(self) -> str:
        """The user that the connection is logged in as; empty before a login."""
        return self._user

    def authorize(self, request: Request, now: float) -> Response | RefusalRequested | None:  # noqa: ARG002 - Authorizer's
        """Admit a request that carries valid credentials or follows one that did; challenge every other request."""
        credentials = self._credentials(request)
        if credentials is not None and self._are_genuine(credentials, request):
            self._user = credentials.user
        elif not self._user:  # Grandstream GXD3500 logs in with DESCRIBE and sends a corrupt Digest with SETUP
            return Response(401, self._challenges()) if credentials is None else self._failure(credentials)
        return None

    def _credentials(self, request: Request) -> Credentials | None:
        """Return the credentials that can be checked; a Digest for another connection's nonce cannot."""
        credentials = self._rules.read(request.header("Authorization") or "")
        is_foreign = isinstance(credentials, DigestCredentials) and credentials.nonce != self._nonce
        return None if is_foreign else credentials

    def _are_genuine(self, credentials: Credentials, request: Request) -> bool:
        is_meant = not isinstance(credentials, DigestCredentials) or _may_stand_for(credentials.uri, request.uri)
        return self._rules.are_genuine(credentials, request.method) and is_meant

    def _failure(self, credentials: Credentials) -> RefusalRequested:
        return RefusalRequested(credentials.user, self._challenges())

    def _challenges(self) -> Headers:
        """MD5 comes first, since go2rtc and Scrypted take the first field. Each challenge has a field of its own, as
        all clients expect."""
        values = [digest_challenge(self._nonce, algorithm) for algorithm in self._rules.algorithms]
        basic = [basic_challenge()] if self._rules.basic else []
        return tuple(("WWW-Authenticate", value) for value in (*values, *basic))


def _may_stand_for(uri: str, request_uri: str) -> bool:
    """Return whether the `uri` of a Digest means the request's stream, in any spelling that clients use.

    Clients send the path only (Bosch BVMS), the base URL with a final slash (VLC at SETUP) or without (HappyTime), with
    or without its query. The host is not compared, since a client behind NAT sees another host than this server does.
    """
    return parse_target(uri, "").path == parse_target(request_uri, "").path
