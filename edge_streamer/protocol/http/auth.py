"""Authentication over HTTP: Digest with `qop` and, where configured, Basic (RFC 9110 section 11, RFC 7616, RFC 7617).

Called by `services.http.access`, which knows what a user may do. The arithmetic is `protocol.digest`'s.

A browser uses a nonce on any of its connections, so a nonce belongs to no connection: it consists of its time of
issue and a signature over that time and the peer's address, and the server stores nothing. Within the nonce's lifetime
an overheard request can be repeated from the same address (`nc` is not counted): over plain HTTP an eavesdropper reads
the response anyway.
"""

import hmac
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from edge_streamer.protocol.digest import (
    Credentials,
    DigestCredentials,
    LoginRules,
    basic_challenge,
    digest_challenge,
)
from edge_streamer.protocol.http.messages import HttpRequest

NONCE_LIFETIME_S: Final = 300
"""After it a client is told that its nonce is stale and logs in again, without asking its user."""

HttpHeaders = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Identified:
    """The request is this user's."""

    user: str


@dataclass(frozen=True, slots=True)
class LoginRequired:
    """Answer 401 with these headers. `failed_user` is the name sent with a wrong password: any characters."""

    challenges: HttpHeaders
    failed_user: str | None = None


class HttpAuthenticator:
    """Authentication for all connections of a server. `key` signs the nonces: random bytes, made at the start and
    stored nowhere."""

    def __init__(self, rules: LoginRules, key: bytes) -> None:
        self._rules = rules
        self._key = key

    @property
    def offers_basic(self) -> bool:
        """Whether Basic is among the challenges; Digest always is."""
        return self._rules.basic

    def identify(self, request: HttpRequest, peer_host: str, now: float) -> Identified | LoginRequired:
        """Return the user of the request, or the challenge to answer with."""
        credentials = self._rules.read(request.headers.get("authorization", ""))
        if credentials is None:
            return LoginRequired(self._challenges(peer_host, now))
        if not self._are_genuine(credentials, request):
            return LoginRequired(self._challenges(peer_host, now), credentials.user)
        if isinstance(credentials, DigestCredentials) and not self._is_fresh(credentials.nonce, peer_host, now):
            return LoginRequired(self._challenges(peer_host, now, is_stale=True))
        return Identified(credentials.user)

    def _are_genuine(self, credentials: Credentials, request: HttpRequest) -> bool:
        is_meant = not isinstance(credentials, DigestCredentials) or _names(credentials.uri, request.path)
        return self._rules.are_genuine(credentials, request.method) and is_meant

    def _challenges(self, peer_host: str, now: float, *, is_stale: bool = False) -> HttpHeaders:
        """The strongest first (RFC 7616 section 3.7): unlike the clients of RTSP, those of HTTP read them all."""
        nonce = self._nonce(str(int(now)), peer_host)
        values = [
            digest_challenge(nonce, algorithm, offers_qop=True, is_stale=is_stale)
            for algorithm in reversed(self._rules.algorithms)
        ]
        basic = [basic_challenge()] if self._rules.basic else []
        return tuple(("www-authenticate", value) for value in (*values, *basic))

    def _nonce(self, made_at: str, peer_host: str) -> str:
        return f"{made_at}-{hmac.digest(self._key, f'{made_at} {peer_host}'.encode(), sha256).hex()}"

    def _is_fresh(self, nonce: str, peer_host: str, now: float) -> bool:
        """Return whether this server issued the nonce to this peer within its lifetime; a nonce from before the last
        start counts as stale."""
        made_at, _, _ = nonce.partition("-")
        is_ours = hmac.compare_digest(nonce.encode(), self._nonce(made_at, peer_host).encode())
        return is_ours and now - int(made_at) <= NONCE_LIFETIME_S


def _names(uri: str, path: str) -> bool:
    """Return whether a `uri` that a client has hashed names the resource at `path` (RFC 7616 section 3.4.6).

    Behind a proxy that maps `/cam1/` to `/`, the client's path has more in front than the one that arrives here. The
    login that an eavesdropper has for one path opens another only if that is its end: the page, `/healthz`, `/metrics`.
    """
    return uri.partition("?")[0].endswith(path)
