"""Access control over HTTP: takes a request and returns it with its user and role, or a refusal.

`service` calls it for each request, before the router. Reading needs a viewer; every method but GET and HEAD changes
something and needs an operator. Metrics and health may be read from listed networks without logging in: Prometheus
does not speak Digest, and load balancers do not log in at all.

Where no log-in is needed because only this machine reaches the service, the Host of a request must name this machine.
Otherwise a page of another site whose host name resolves to 127.0.0.1 (DNS rebinding) could read the camera's pictures
through a browser on this machine.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from ipaddress import ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from edge_streamer.accounts.login_failures import LoginFailures
from edge_streamer.accounts.users import Role, Users
from edge_streamer.protocol.http.auth import HttpAuthenticator, Identified
from edge_streamer.protocol.http.messages import HttpRequest, HttpResponse
from edge_streamer.services.http.answers import refuse

READING_METHODS: Final = frozenset({"GET", "HEAD"})
MONITORING_PATHS: Final = frozenset({"/metrics", "/healthz"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """The response that refuses a request, and the seconds to wait before it is sent."""

    response: HttpResponse
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class AccessRules:
    """The users, and what a client may do without logging in: `anonymous_role` is the role of anonymous clients, None
    when every client must log in.

    `is_for_this_machine`: anonymous clients are allowed because no other machine reaches the service.
    """

    users: Users
    authenticator: HttpAuthenticator
    anonymous_role: Role | None
    monitoring_networks: Sequence[str] = ()
    is_for_this_machine: bool = False


class HttpAccess:
    """Admits or refuses each request by `AccessRules`, which `apply` changes from the next request on."""

    def __init__(self, rules: AccessRules, failures: LoginFailures) -> None:
        self._failures = failures
        self.apply(rules)

    def apply(self, rules: AccessRules) -> None:
        """Use `rules` from now on."""
        self._users = rules.users
        self._authenticator = rules.authenticator
        self._anonymous_role = rules.anonymous_role
        self._is_for_this_machine = rules.is_for_this_machine
        self._monitoring_networks = [ip_network(network) for network in rules.monitoring_networks]

    @property
    def login_schemes(self) -> tuple[str, ...]:
        """The authentication schemes on offer, by their names in HTTP; empty without users."""
        if not self._users:
            return ()
        return ("digest", "basic") if self._authenticator.offers_basic else ("digest",)

    def needs_login(self, method: str) -> bool:
        """Whether a client must log in to use `method`, monitoring apart."""
        return self._anonymous_role is None or _needed_role(method) > self._anonymous_role

    def admit(self, request: HttpRequest, peer_host: str, now: float) -> HttpRequest | Refusal:
        """Return the request with its user and role, or the refusal.

        A client that logs in without having to gets its user's role, which may exceed the anonymous role. Its password
        must be right, or this would answer guesses without delay.
        """
        needed = _needed_role(request.method)
        if needed is Role.VIEWER and request.path in MONITORING_PATHS and self._is_monitoring(peer_host):
            return replace(request, role=str(Role.VIEWER))
        is_logging_in = len(self._users) > 0 and "authorization" in request.headers
        if self._anonymous_role is not None and needed <= self._anonymous_role and not is_logging_in:
            if self._is_for_this_machine and not _names_this_machine(request.headers.get("host", "")):
                detail = (
                    "No users are configured, so only requests to this machine are answered; "
                    "expected in Host: localhost, 127.0.0.1 or [::1]."
                )
                return _refuse(HTTPStatus.MISDIRECTED_REQUEST, detail)
            return replace(request, role=str(self._anonymous_role))
        return self._admit_user(request, peer_host, needed, now)

    def _admit_user(self, request: HttpRequest, peer_host: str, needed: Role, now: float) -> HttpRequest | Refusal:
        outcome = self._authenticator.identify(request, peer_host, now)
        if isinstance(outcome, Identified):
            role = self._users[outcome.user].role
            if needed <= role:
                return replace(request, user=outcome.user, role=str(role))
            return _refuse(HTTPStatus.FORBIDDEN, f"This needs the role {needed}.")
        delay_s = 0.0
        if outcome.failed_user is not None:
            delay_s = self._failures.note("http", peer_host, outcome.failed_user, now)
        return _refuse(HTTPStatus.UNAUTHORIZED, "Log in to see this.", outcome.challenges, delay_s)

    def _is_monitoring(self, peer_host: str) -> bool:
        peer = ip_address(peer_host)
        return any(peer in network for network in self._monitoring_networks)


def _needed_role(method: str) -> Role:
    return Role.VIEWER if method in READING_METHODS else Role.OPERATOR


def _names_this_machine(host: str) -> bool:
    """Return whether a Host header names loopback. A request without one is accepted: every browser sends it."""
    if not host:
        return True
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name.removesuffix(".") == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False


def _refuse(
    status: HTTPStatus, detail: str, headers: tuple[tuple[str, str], ...] = (), delay_s: float = 0.0
) -> Refusal:
    return Refusal(refuse(status, detail, *headers), delay_s)
