"""Who may ask what over HTTP: a request in, a refusal out, or None to let it pass.

Called by `services.http_service` for each request, before the routes see it. Reading needs a viewer; everything that
is neither GET nor HEAD changes something and needs an operator. Metrics and health may be read from listed networks
without logging in: Prometheus speaks no Digest, and load balancers do not log in at all.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address, ip_network
from typing import Final

from edge_streamer.protocol.http.auth import HttpAuthenticator, Identified
from edge_streamer.protocol.http.messages import HttpRequest, HttpResponse
from edge_streamer.services.http_answers import refuse
from edge_streamer.services.login_failures import LoginFailures
from edge_streamer.users import Role, Users

READING_METHODS: Final = frozenset({"GET", "HEAD"})
MONITORING_PATHS: Final = frozenset({"/metrics", "/healthz"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """What to answer, and how many seconds later."""

    response: HttpResponse
    delay_s: float = 0.0


class HttpAccess:
    """See the module. `everybodys_role` is what a peer may do without logging in, None for nothing at all."""

    def __init__(
        self,
        users: Users,
        authenticator: HttpAuthenticator,
        failures: LoginFailures,
        *,
        everybodys_role: Role | None,
        monitoring_networks: Iterable[str] = (),
    ) -> None:
        self._users = users
        self._authenticator = authenticator
        self._failures = failures
        self._everybodys_role = everybodys_role
        self._monitoring_networks = [ip_network(network) for network in monitoring_networks]

    def refusal(self, request: HttpRequest, peer_host: str, now: float) -> Refusal | None:
        """Return None to let the request pass, else what to answer and when."""
        needed = Role.VIEWER if request.method in READING_METHODS else Role.OPERATOR
        if self._everybodys_role is not None and needed <= self._everybodys_role:
            return None
        if needed is Role.VIEWER and request.path in MONITORING_PATHS and self._is_monitoring(peer_host):
            return None
        return self._refusal_of_user(request, peer_host, needed, now)

    def _refusal_of_user(self, request: HttpRequest, peer_host: str, needed: Role, now: float) -> Refusal | None:
        outcome = self._authenticator.identify(request, peer_host, now)
        if isinstance(outcome, Identified):
            role = self._users[outcome.user].role
            return None if needed <= role else _refuse(HTTPStatus.FORBIDDEN, f"This needs the role {needed}.")
        delay_s = 0.0
        if outcome.failed_user is not None:
            delay_s = self._failures.note("http", peer_host, outcome.failed_user, now)
        return _refuse(HTTPStatus.UNAUTHORIZED, "Log in to see this.", outcome.challenges, delay_s)

    def _is_monitoring(self, peer_host: str) -> bool:
        peer = ip_address(peer_host)
        return any(peer in network for network in self._monitoring_networks)


def _refuse(
    status: HTTPStatus, detail: str, headers: tuple[tuple[str, str], ...] = (), delay_s: float = 0.0
) -> Refusal:
    return Refusal(refuse(status, detail, *headers), delay_s)
