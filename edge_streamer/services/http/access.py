"""Who may ask what over HTTP: a request in, and out the same request with who asks in it, or a refusal.

Called by `services.http_service` for each request, before the routes see it. Reading needs a viewer; everything that
is neither GET nor HEAD changes something and needs an operator. Metrics and health may be read from listed networks
without logging in: Prometheus speaks no Digest, and load balancers do not log in at all.

Where nobody has to log in because only this machine reaches the service, a request must name this machine. A page of
elsewhere whose own name was turned to 127.0.0.1 (DNS rebinding) passes for one of ours with its browser, and would see
through the camera in the room.
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
    """What to answer, and how many seconds later."""

    response: HttpResponse
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class AccessRules:
    """Who may log in, and what may be had without: `everybodys_role` is what a peer may do then, None for nothing.

    `is_for_this_machine`: that is so because no other machine reaches the service.
    """

    users: Users
    authenticator: HttpAuthenticator
    everybodys_role: Role | None
    monitoring_networks: Sequence[str] = ()
    is_for_this_machine: bool = False


class HttpAccess:
    """See the module. `apply` takes other rules, for the next request."""

    def __init__(self, rules: AccessRules, failures: LoginFailures) -> None:
        self._failures = failures
        self.apply(rules)

    def apply(self, rules: AccessRules) -> None:
        """Go by `rules` from now on."""
        self._users = rules.users
        self._authenticator = rules.authenticator
        self._everybodys_role = rules.everybodys_role
        self._is_for_this_machine = rules.is_for_this_machine
        self._monitoring_networks = [ip_network(network) for network in rules.monitoring_networks]

    @property
    def login_schemes(self) -> tuple[str, ...]:
        """How one can log in, as HTTP calls it; empty where there is nobody who could."""
        if not self._users:
            return ()
        return ("digest", "basic") if self._authenticator.offers_basic else ("digest",)

    def needs_login(self, method: str) -> bool:
        """Whether `method` is only for who has logged in, monitoring apart."""
        return self._everybodys_role is None or _needed_role(method) > self._everybodys_role

    def admit(self, request: HttpRequest, peer_host: str, now: float) -> HttpRequest | Refusal:
        """Return the request to be answered, with its user and role, else what to answer and when.

        Who need not log in, and does all the same, is that user: a role may be more than everybody's. It has to be the
        right password then, or guesses would be answered here without delay.
        """
        needed = _needed_role(request.method)
        if needed is Role.VIEWER and request.path in MONITORING_PATHS and self._is_monitoring(peer_host):
            return replace(request, role=str(Role.VIEWER))
        is_logging_in = len(self._users) > 0 and "authorization" in request.headers
        if self._everybodys_role is not None and needed <= self._everybodys_role and not is_logging_in:
            if self._is_for_this_machine and not _names_this_machine(request.headers.get("host", "")):
                return _refuse(HTTPStatus.MISDIRECTED_REQUEST, "Without users this is only localhost's: call it so.")
            return replace(request, role=str(self._everybodys_role))
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
    """Whether a Host header is loopback's, or none is there: then no browser asks."""
    if not host:
        return True
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False


def _refuse(
    status: HTTPStatus, detail: str, headers: tuple[tuple[str, str], ...] = (), delay_s: float = 0.0
) -> Refusal:
    return Refusal(refuse(status, detail, *headers), delay_s)
