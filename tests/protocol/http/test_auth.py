"""Logging in over HTTP: nonces that are stored nowhere, browsers with several connections, and wrong passwords."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_streamer.protocol.digest import Algorithm, LoginRules
from edge_streamer.protocol.http.auth import NONCE_LIFETIME_S, HttpAuthenticator, Identified, LoginRequired
from edge_streamer.protocol.http.messages import HttpRequest
from tests.support.rtsp.digest_client import DigestClient, parse_challenge
from tests.support.rtsp.locked_ladder import ALICE, MALLORY, TwoAccounts

PEER = "192.0.2.7"
NOW = 1000.0


def authenticator(*algorithms: Algorithm, basic: bool = False, key: bytes = b"key") -> HttpAuthenticator:
    return HttpAuthenticator(LoginRules(TwoAccounts(), algorithms or (Algorithm.MD5,), basic), key)


def request(authorization: str | None = None, path: str = "/api/v1/status", method: str = "GET") -> HttpRequest:
    headers = {} if authorization is None else {"authorization": authorization}
    return HttpRequest(method, path, headers=headers)


def required(outcome: Identified | LoginRequired) -> LoginRequired:
    assert isinstance(outcome, LoginRequired)
    return outcome


def challenge(server: HttpAuthenticator, now: float = NOW, peer: str = PEER) -> dict[str, str]:
    return parse_challenge(required(server.identify(request(), peer, now)).challenges[0][1])


def try_login(server: HttpAuthenticator, client: DigestClient, now: float = NOW, **changed: str) -> object:
    values = {"path": "/api/v1/status", "uri": "/api/v1/status", "peer": PEER} | changed
    authorization = client.answer(challenge(server), "GET", values["uri"], qop=True)
    return server.identify(request(authorization, values["path"]), values["peer"], now)


def test_who_has_not_logged_in_is_asked_to() -> None:
    outcome = required(authenticator().identify(request(), PEER, NOW))
    ((name, value),) = outcome.challenges
    assert name == "www-authenticate"
    assert value.startswith('Digest realm="edge_streamer", nonce="1000-')
    assert value.endswith(', qop="auth"')
    assert outcome.failed_user is None


def test_the_strongest_way_is_offered_first() -> None:
    server = authenticator(Algorithm.MD5, Algorithm.SHA_256, basic=True)
    values = [value for _, value in required(server.identify(request(), PEER, NOW)).challenges]
    assert ["algorithm=SHA-256" in value for value in values] == [True, False, False]
    assert values[2] == 'Basic realm="edge_streamer"'


@pytest.mark.parametrize("basic", [True, False])
def test_basic_is_offered_if_it_is_allowed(basic: bool) -> None:
    server = authenticator(basic=basic)
    challenges = required(server.identify(request(), PEER, NOW)).challenges
    assert any(value.startswith("Basic ") for _name, value in challenges) == server.offers_basic == basic


@pytest.mark.parametrize("algorithm", Algorithm)
def test_the_right_password(algorithm: Algorithm) -> None:
    server = authenticator(*Algorithm)
    values = challenge(server) | {"algorithm": algorithm}
    authorization = ALICE.answer(values, "GET", "/api/v1/status", qop=True)
    assert server.identify(request(authorization), PEER, NOW) == Identified("alice")


def test_one_nonce_serves_every_connection_and_request_of_a_browser() -> None:
    server = authenticator()
    values = challenge(server)
    for path in ("/", "/api/v1/status", "/api/v1/status?x=1"):
        authorization = ALICE.answer(values, "GET", path, qop=True)
        assert server.identify(request(authorization, path.partition("?")[0]), PEER, NOW + 9) == Identified("alice")


@pytest.mark.parametrize("client", [DigestClient("alice", "a bad password"), MALLORY])
def test_a_wrong_name_or_password_is_a_failure_of_that_name(client: DigestClient) -> None:
    outcome = try_login(authenticator(), client)
    assert isinstance(outcome, LoginRequired)
    assert outcome.failed_user == client.user
    assert "stale" not in outcome.challenges[0][1]


def test_a_digest_for_another_path_is_a_failure() -> None:
    outcome = try_login(authenticator(), ALICE, uri="/metrics")
    assert isinstance(outcome, LoginRequired)
    assert outcome.failed_user == "alice"


@pytest.mark.parametrize("uri", ["/cam1/api/v1/status", "/house/cam1/api/v1/status?x=1", "/api/v1/status?x=1"])
def test_a_digest_for_the_path_in_front_of_a_proxy_is_accepted(uri: str) -> None:
    assert try_login(authenticator(), ALICE, uri=uri) == Identified("alice")


@pytest.mark.parametrize("uri", ["/cam1/api/v1/status/", "/cam1/api/v1/status.", "/?/api/v1/status", "/status", ""])
def test_a_digest_for_a_path_that_ends_otherwise_is_a_failure(uri: str) -> None:
    assert isinstance(try_login(authenticator(), ALICE, uri=uri), LoginRequired)


@pytest.mark.parametrize(
    ("later_s", "changed"),
    [(NONCE_LIFETIME_S + 1, {}), (0, {"peer": "192.0.2.8"})],
    ids=["an old nonce", "another address"],
)
def test_a_nonce_that_is_no_longer_good_is_stale_and_no_failure(later_s: float, changed: dict[str, str]) -> None:
    outcome = try_login(authenticator(), ALICE, NOW + later_s, **changed)
    assert isinstance(outcome, LoginRequired)
    assert outcome.failed_user is None
    assert outcome.challenges[0][1].endswith(", stale=true")


def test_a_nonce_lives_for_its_lifetime() -> None:
    assert try_login(authenticator(), ALICE, NOW + NONCE_LIFETIME_S) == Identified("alice")


@pytest.mark.parametrize("nonce", ["", "x", "1000-", "1000-00", "9" * 5000, "-1-x"])
def test_a_nonce_of_somebody_elses_making_is_stale(nonce: str) -> None:
    server = authenticator()
    value = ALICE.answer({"realm": "edge_streamer", "nonce": nonce}, "GET", "/", qop=True)
    outcome = required(server.identify(request(value, "/"), PEER, NOW))
    assert (outcome.failed_user, "stale=true" in outcome.challenges[0][1]) == (None, True)


def test_a_start_of_the_service_makes_nonces_stale_and_logs_nobody_out() -> None:
    before, after = authenticator(key=b"before"), authenticator(key=b"after")
    authorization = ALICE.answer(challenge(before), "GET", "/", qop=True)
    outcome = required(after.identify(request(authorization, "/"), PEER, NOW))
    assert outcome.challenges[0][1].endswith(", stale=true")


def test_basic_only_where_it_is_wished() -> None:
    assert authenticator(basic=True).identify(request(ALICE.basic()), PEER, NOW) == Identified("alice")
    outcome = required(authenticator().identify(request(ALICE.basic()), PEER, NOW))
    assert outcome.failed_user is None
    wrong = DigestClient("alice", "a bad password").basic()
    assert required(authenticator(basic=True).identify(request(wrong), PEER, NOW)).failed_user == "alice"


LATIN_1 = st.text(st.characters(max_codepoint=0xFF))


@given(
    LATIN_1
    | st.tuples(LATIN_1, LATIN_1, LATIN_1).map(
        lambda values: f'Digest username="{values[0]}", nonce="{values[1]}", uri="/", response="{values[2]}"'
    )
)
def test_no_header_raises_or_lets_in(authorization: str) -> None:
    required(authenticator(*Algorithm, basic=True).identify(request(authorization, "/"), PEER, NOW))
