"""Who may ask: the seam at which a server decides it, and the log-in by Digest or Basic (RFC 2326 section 16).

`server` asks the authorizer before it looks at anything but the framing, for each request but OPTIONS: ZoneMinder
gives up when that one is refused, and Qognify sends it with an empty user. The arithmetic is `protocol.digest`'s.
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
    """One connection's memory of who it is; must not raise for what a peer sent."""

    @property
    def user(self) -> str:
        """Who has logged in; empty while nobody has."""

    def authorize(self, request: Request, now: float) -> Response | RefusalRequested | None:
        """Return None to let the request pass, else the refusal, or the question when to refuse a wrong password."""


class AllowAll:
    """Everybody may watch."""

    @property
    def user(self) -> str:
        """Nobody in particular."""
        return ""

    def authorize(self, request: Request, now: float) -> None:
        """Let the request pass."""


ALLOW_ALL: Final = AllowAll()


class LoginAuthorizer:
    """One connection of a server that has users. `nonce` must be one that no peer can guess, new for each connection.

    It stays valid for the connection's whole life and `stale=true` is never said: a second 401 is the end for go2rtc
    and retina. A nonce of another connection (go2rtc brings its old one along) is no failed log-in, only a reason to
    send the new one.
    """

    def __init__(self, rules: LoginRules, nonce: str) -> None:
        self._rules = rules
        self._nonce = nonce
        self._user = ""

    @property
    def user(self) -> str:
        """Who has logged in; empty while nobody has."""
        return self._user

    def authorize(self, request: Request, now: float) -> Response | RefusalRequested | None:  # noqa: ARG002 - Authorizer's
        """Let pass who logs in now or did so before; ask everybody else to."""
        credentials = self._credentials(request)
        if credentials is not None and self._are_genuine(credentials, request):
            self._user = credentials.user
        elif not self._user:  # Grandstream GXD3500 logs in with DESCRIBE and sends a corrupt Digest with SETUP
            return Response(401, self._challenges()) if credentials is None else self._failure(credentials)
        return None

    def _credentials(self, request: Request) -> Credentials | None:
        """Return those that can be checked; a Digest for another connection's nonce cannot."""
        credentials = self._rules.read(request.header("Authorization") or "")
        is_foreign = isinstance(credentials, DigestCredentials) and credentials.nonce != self._nonce
        return None if is_foreign else credentials

    def _are_genuine(self, credentials: Credentials, request: Request) -> bool:
        is_meant = not isinstance(credentials, DigestCredentials) or _may_stand_for(credentials.uri, request.uri)
        return self._rules.are_genuine(credentials, request.method) and is_meant

    def _failure(self, credentials: Credentials) -> RefusalRequested:
        return RefusalRequested(credentials.user, self._challenges())

    def _challenges(self) -> Headers:
        """MD5 first: go2rtc and Scrypted take the first field. Each in a field of its own, as all of them expect."""
        values = [digest_challenge(self._nonce, algorithm) for algorithm in self._rules.algorithms]
        basic = [basic_challenge()] if self._rules.basic else []
        return tuple(("WWW-Authenticate", value) for value in (*values, *basic))


def _may_stand_for(uri: str, request_uri: str) -> bool:
    """Return whether the `uri` of a Digest can mean the request: the same stream, however it is written.

    Path only (Bosch BVMS), the base URL with a final slash (VLC at SETUP) or without (HappyTime), with or without
    its query; the host is not compared, as a client behind NAT names another one than we have.
    """
    return parse_target(uri, "").path == parse_target(request_uri, "").path
