"""Who may read and change what over HTTP."""

import json

import pytest

from edge_streamer.accounts.login_failures import FIRST_DELAY_S, LoginFailures
from edge_streamer.accounts.users import Role, Users, new_user
from edge_streamer.protocol.digest import LoginRules
from edge_streamer.protocol.http.auth import HttpAuthenticator
from edge_streamer.protocol.http.messages import HttpRequest
from edge_streamer.services.http.access import AccessRules, HttpAccess, Refusal
from tests.support.rtsp.digest_client import DigestClient, parse_challenge

PASSWORD = "a good password"
USERS = Users({role.name.lower(): new_user(role.name.lower(), role, PASSWORD) for role in Role})
LAN = "192.0.2.7"
HERE = "127.0.0.1"


class Service:
    """An `HttpAccess` and a client that answers its challenges."""

    def __init__(
        self, anonymous_role: Role | None = None, users: Users = USERS, networks: tuple[str, ...] = ()
    ) -> None:
        self.failures = LoginFailures()
        self.authenticator = HttpAuthenticator(LoginRules(users), b"key")
        self.access = HttpAccess(AccessRules(users, self.authenticator, anonymous_role, networks), self.failures)

    def ask(
        self, path: str, method: str = "GET", peer: str = LAN, user: str = "", password: str = PASSWORD
    ) -> HttpRequest | Refusal:
        """Return what came of it; a `user` logs in whether the service asks for it or not."""
        if not user:
            return self.access.admit(HttpRequest(method, path), peer, 0.0)
        challenged = self.authenticator.identify(HttpRequest(method, path), peer, 0.0)
        challenge = parse_challenge(dict(challenged.challenges)["www-authenticate"])
        authorization = DigestClient(user, password).answer(challenge, method, path, qop=True)
        return self.access.admit(HttpRequest(method, path, headers={"authorization": authorization}), peer, 0.0)

    def status(self, *asked: str, **who: str) -> int:
        outcome = self.ask(*asked, **who)
        return outcome.response.status if isinstance(outcome, Refusal) else 200

    def caller(self, *asked: str, **who: str) -> tuple[str, str]:
        """Return the user and the role that the routes are told."""
        admitted = self.ask(*asked, **who)
        assert isinstance(admitted, HttpRequest)
        return admitted.user, admitted.role


PATHS = (
    "/",
    "/api/v1/status",
    "/api/v1/streams/main",
    "/api/v1/streams/main/snapshot.jpg",
    "/metrics",
    "/healthz",
    "/nothing",
)


@pytest.mark.parametrize("path", PATHS)
def test_with_users_everything_needs_a_login(path: str) -> None:
    service = Service()
    assert service.status(path) == 401
    for role in Role:
        assert service.status(path, user=str(role)) == 200
    assert service.status(path, user="nobody") == 401
    assert service.status(path, user="viewer", password="a bad password") == 401


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "get"])
@pytest.mark.parametrize("path", ["/api/v1/status", "/api/v1/streams/main", "/metrics"])
def test_changing_needs_an_operator(path: str, method: str) -> None:
    service = Service(networks=("0.0.0.0/0",))
    assert service.status(path, method) == 401
    assert service.status(path, method, user="viewer") == 403
    assert service.status(path, method, user="operator") == 200
    assert service.status(path, method, user="admin") == 200


@pytest.mark.parametrize(
    ("peer", "is_open"),
    [
        ("127.0.0.1", True),
        ("127.0.0.2", True),
        ("::1", True),
        ("192.0.2.99", True),
        ("198.51.100.1", False),
        ("2001:db8::1", False),
        ("fe80::1%eth0", False),
    ],
)
def test_listed_networks_read_metrics_and_health_and_nothing_else(peer: str, is_open: bool) -> None:
    service = Service(networks=("127.0.0.0/8", "::1/128", "192.0.2.0/24"))
    for path in PATHS:
        for method in ("GET", "HEAD"):
            expected = 200 if is_open and path in ("/metrics", "/healthz") else 401
            assert service.status(path, method, peer=peer) == expected


def test_where_everybody_may_watch_a_login_is_for_changing() -> None:
    service = Service(Role.VIEWER)
    assert all(service.status(path) == 200 for path in PATHS)
    assert service.status("/api/v1/status", "DELETE") == 401
    assert service.status("/api/v1/status", "DELETE", user="viewer") == 403
    assert service.status("/api/v1/status", "DELETE", user="operator") == 200


def test_without_users_on_this_machine_only_nothing_is_asked() -> None:
    service = Service(Role.ADMIN, Users())
    assert service.status("/api/v1/status", "DELETE", peer=HERE) == 200


@pytest.mark.parametrize(
    "host", ["localhost", "LocalHost:8080", "127.0.0.1:8080", "127.1.2.3", "[::1]", "[::1]:80", ""]
)
def test_without_users_this_machine_may_be_called_so(host: str) -> None:
    assert named(host) == 200


@pytest.mark.parametrize(
    "host", ["evil.example:8080", "localhost.evil.example", "evil.example@localhost.x", "192.0.2.7", "[::2]", "[", "/x"]
)
def test_a_page_whose_name_was_turned_to_this_machine_is_refused(host: str) -> None:
    assert named(host) == 421


def test_where_other_machines_are_let_in_they_call_this_one_as_they_like() -> None:
    assert named("camera.example", is_for_this_machine=False) == 200


def named(host: str, *, is_for_this_machine: bool = True) -> int:
    """Return the status of a request for what `host` names, where nobody has to log in."""
    rules = AccessRules(
        Users(), HttpAuthenticator(LoginRules(Users()), b"key"), Role.ADMIN, is_for_this_machine=is_for_this_machine
    )
    request = HttpRequest("GET", "/", headers={"host": host} if host else {})
    outcome = HttpAccess(rules, LoginFailures()).admit(request, HERE, 0.0)
    return outcome.response.status if isinstance(outcome, Refusal) else 200


def test_a_refusal_is_a_problem_with_a_challenge_and_the_headers_of_every_answer() -> None:
    refusal = Service().ask("/")
    assert isinstance(refusal, Refusal)
    headers = dict(refusal.response.headers)
    assert headers["content-type"] == "application/problem+json"
    assert headers["www-authenticate"].startswith("Digest ")
    assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")
    assert json.loads(refusal.response.body)["status"] == 401
    assert refusal.delay_s == 0


def test_a_wrong_password_waits_and_is_counted_but_a_right_one_never_waits() -> None:
    service = Service()
    for number in range(1, 4):
        refusal = service.ask("/", user="viewer", password="a bad password")
        assert isinstance(refusal, Refusal)
        assert refusal.delay_s == FIRST_DELAY_S * 2 ** (number - 1)
        assert service.status("/", user="viewer") == 200
    forbidden = service.ask("/", "DELETE", user="viewer")
    assert isinstance(forbidden, Refusal)
    assert (forbidden.response.status, forbidden.delay_s) == (403, 0)
    assert service.failures.counts == {"http": 3}


def test_the_routes_are_told_who_asks() -> None:
    users = Service()
    for role in Role:
        assert users.caller("/", user=str(role)) == (str(role), str(role))
    assert Service(Role.ADMIN, Users()).caller("/", "DELETE", peer=HERE) == ("", "admin")
    assert Service(networks=("127.0.0.0/8",)).caller("/metrics", peer=HERE) == ("", "viewer")


def test_where_everybody_may_watch_who_logs_in_is_that_user_and_guesses_wait() -> None:
    service = Service(Role.VIEWER)
    assert service.caller("/api/v1/status") == ("", "viewer")
    assert service.caller("/api/v1/status", user="operator") == ("operator", "operator")
    refusal = service.ask("/api/v1/status", user="operator", password="a bad password")
    assert isinstance(refusal, Refusal)
    assert (refusal.response.status, refusal.delay_s) == (401, FIRST_DELAY_S)


def test_a_password_where_there_are_no_users_is_nothing() -> None:
    assert Service(Role.ADMIN, Users()).caller("/", user="operator", peer=HERE) == ("", "admin")


def test_other_rules_count_from_the_next_request_on() -> None:
    service = Service()
    assert service.status("/", user="viewer") == 200
    left = Users().having(USERS["operator"])
    service.access.apply(AccessRules(left, HttpAuthenticator(LoginRules(left), b"key"), anonymous_role=None))
    assert service.status("/", user="viewer") == 401
    assert service.status("/", user="operator") == 200
    service.access.apply(AccessRules(Users(), service.authenticator, anonymous_role=Role.VIEWER))
    assert service.caller("/") == ("", "viewer")
