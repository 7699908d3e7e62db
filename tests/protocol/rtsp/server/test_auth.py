"""The authorizer by itself: which `uri` may stand for a request, what is a failure, what is remembered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_streamer.protocol.digest import Algorithm, LoginRules
from edge_streamer.protocol.rtsp.message import Request, Response
from edge_streamer.protocol.rtsp.server.auth import ALLOW_ALL, LoginAuthorizer
from edge_streamer.protocol.rtsp.server.events import RefusalRequested
from tests.support.rtsp.digest_client import DigestClient
from tests.support.rtsp.locked_ladder import ALICE, BOB, MALLORY, TwoAccounts

NONCE = "0123456789abcdef"
CHALLENGE = {"realm": "edge_streamer", "nonce": NONCE}
URL = "rtsp://cam:554/main"
SETUP_URL = f"{URL}/trackID=0"


def authorizer(*algorithms: Algorithm, basic: bool = False) -> LoginAuthorizer:
    return LoginAuthorizer(LoginRules(TwoAccounts(), algorithms or (Algorithm.MD5,), basic), NONCE)


def request(authorization: str | None, method: str = "DESCRIBE", uri: str = URL) -> Request:
    headers = () if authorization is None else (("authorization", authorization),)
    return Request(method, uri, headers, "1", b"", 0)


def outcome(client: DigestClient, uri: str, method: str = "DESCRIBE", request_uri: str = URL) -> object:
    asked = request(client.answer(CHALLENGE, method, uri), method, request_uri)
    return authorizer().authorize(asked, 0.0)


@pytest.mark.parametrize(
    ("request_uri", "uri"),
    [
        (URL, URL),
        (URL, "/main"),  # Bosch BVMS
        (URL, "main"),
        (SETUP_URL, f"{URL}/"),  # VLC
        (SETUP_URL, URL),  # HappyTime
        (SETUP_URL, SETUP_URL),
        (f"{URL}/", URL),
        (URL, "RTSP://cam:554/main"),
        ("rtsp://10.0.0.7:554/main", "rtsp://camera.example:8554/main"),  # NAT
        ("rtsp://alice:x@cam/main", URL),
        (f"{URL}?sub=1", f"{URL}?sub=1"),
        (f"{URL}?sub=1", URL),
        (URL, f"{URL}?sub=1"),
        (f"{URL}?sub=1/trackID=0", f"{URL}/"),  # ffmpeg, Scrypted
        (f"{URL}/trackID=0?sub=1", URL),  # GStreamer
        ("rtsp://cam/front%20door", "rtsp://cam/front%20door/"),
        ("*", "*"),
    ],
)
def test_a_digest_may_name_the_request_in_every_way_that_clients_do(request_uri: str, uri: str) -> None:
    assert outcome(ALICE, uri, "SETUP", request_uri) is None


@pytest.mark.parametrize("uri", ["rtsp://cam:554/sub", "/mai", "", "rtsp://cam:554/", "*", "rtsp://cam:554/main/x"])
def test_a_digest_for_another_stream_is_none(uri: str) -> None:
    assert isinstance(outcome(ALICE, uri), RefusalRequested)


@pytest.mark.parametrize("client", [DigestClient("alice", "a bad password"), MALLORY])
def test_a_wrong_name_or_password_is_a_failure_of_that_name(client: DigestClient) -> None:
    challenges = (("WWW-Authenticate", f'Digest realm="edge_streamer", nonce="{NONCE}"'),)
    assert outcome(client, URL) == RefusalRequested(client.user, challenges)


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Basic Og==",
        ALICE.basic(),  # Basic is off
        ALICE.answer({**CHALLENGE, "nonce": "of another connection"}, "DESCRIBE", URL),
        ALICE.answer({**CHALLENGE, "algorithm": "SHA-256"}, "DESCRIBE", URL),
        "Bearer abc",
    ],
)
def test_who_did_not_really_try_is_asked_and_has_not_failed(authorization: str | None) -> None:
    challenge = (("WWW-Authenticate", f'Digest realm="edge_streamer", nonce="{NONCE}"'),)
    assert authorizer().authorize(request(authorization), 0.0) == Response(401, challenge)


def test_each_way_in_has_a_field_of_its_own_and_md5_is_the_first() -> None:
    refusal = authorizer(Algorithm.MD5, Algorithm.SHA_256, basic=True).authorize(request(None), 0.0)
    assert isinstance(refusal, Response)
    assert refusal.headers == (
        ("WWW-Authenticate", f'Digest realm="edge_streamer", nonce="{NONCE}"'),
        ("WWW-Authenticate", f'Digest realm="edge_streamer", nonce="{NONCE}", algorithm=SHA-256'),
        ("WWW-Authenticate", 'Basic realm="edge_streamer"'),
    )


def test_the_other_ways_in() -> None:
    sha256 = ALICE.answer({**CHALLENGE, "algorithm": "SHA-256"}, "DESCRIBE", URL)
    assert authorizer(Algorithm.MD5, Algorithm.SHA_256).authorize(request(sha256), 0.0) is None
    assert authorizer(basic=True).authorize(request(ALICE.basic()), 0.0) is None
    wrong = DigestClient("alice", "a bad password").basic()
    assert isinstance(authorizer(basic=True).authorize(request(wrong), 0.0), RefusalRequested)


def test_a_connection_remembers_who_has_logged_in() -> None:
    connection = authorizer()
    assert connection.user == ""
    assert connection.authorize(request(ALICE.answer(CHALLENGE, "DESCRIBE", URL)), 0.0) is None
    assert connection.user == "alice"
    corrupt = ALICE.answer(CHALLENGE, "DESCRIBE", URL).replace('response="', 'response="0')
    for later in (corrupt, None, MALLORY.answer(CHALLENGE, "SETUP", URL), BOB.answer(CHALLENGE, "PLAY", URL)):
        assert connection.authorize(request(later, "SETUP"), 1e6) is None
        assert connection.user == "alice"
    assert connection.authorize(request(BOB.answer(CHALLENGE, "SETUP", URL), "SETUP"), 1e6) is None
    assert connection.user == "bob"


def test_where_everybody_may_watch_nobody_has_a_name() -> None:
    assert ALLOW_ALL.authorize(request(None), 0.0) is None
    assert ALLOW_ALL.user == ""


LATIN_1 = st.text(st.characters(max_codepoint=0xFF))


@given(
    LATIN_1
    | st.tuples(LATIN_1, LATIN_1, LATIN_1).map(
        lambda values: f'Digest username="{values[0]}", nonce="{NONCE}", uri="{values[1]}", response="{values[2]}"'
    ),
    LATIN_1,
)
def test_no_field_and_no_url_raises_or_lets_in(authorization: str, uri: str) -> None:
    connection = authorizer(Algorithm.MD5, Algorithm.SHA_256, basic=True)
    assert connection.authorize(request(authorization, uri=uri), 0.0) is not None
    assert connection.user == ""
