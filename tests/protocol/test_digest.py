"""The arithmetic against the RFCs' own examples, the forms that clients write, and anything at all."""

import base64
import hashlib
import time
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_streamer.protocol import digest
from edge_streamer.protocol.digest import (
    REALM,
    Algorithm,
    BasicCredentials,
    DigestCredentials,
    LoginRules,
    basic_challenge,
    compute_ha1,
    digest_challenge,
    digest_response,
    parse_authorization,
)
from tests.support.rtsp.digest_client import DigestClient, parse_challenge

ALICE = DigestClient("alice", "a good password")
BOTH = (Algorithm.MD5, Algorithm.SHA_256)
URL = "rtsp://cam:554/main"


class Accounts:
    """alice with both hashes, bob with MD5 only."""

    passwords: ClassVar = {"alice": b"a good password", "bob": "pässwörd".encode()}

    def ha1(self, name: str, algorithm: Algorithm) -> str | None:
        if name not in self.passwords or (name == "bob" and algorithm is Algorithm.SHA_256):
            return None
        return compute_ha1(algorithm, name, self.passwords[name])


def rules(*algorithms: Algorithm, basic: bool = False) -> LoginRules:
    return LoginRules(Accounts(), algorithms or (Algorithm.MD5,), basic)


def is_let_in(authorization: str, login_rules: LoginRules | None = None, method: str = "DESCRIBE") -> bool:
    taken = login_rules or rules(*BOTH, basic=True)
    credentials = taken.read(authorization)
    assert credentials is not None
    return taken.are_genuine(credentials, method)


def challenge(algorithm: Algorithm = Algorithm.MD5) -> dict[str, str]:
    return parse_challenge(digest_challenge("0123456789abcdef", algorithm))


# --- the RFCs' examples

RFC_2617_HA1 = hashlib.md5(b"Mufasa:testrealm@host.com:Circle Of Life").hexdigest()
RFC_2069_HA1 = hashlib.md5(b"Mufasa:testrealm@host.com:CircleOfLife").hexdigest()
RFC_2617 = (
    'Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
    'uri="/dir/index.html", qop=auth, nc=00000001, cnonce="0a4f113b", response="6629fae49393a05397450978507c4ef1", '
    'opaque="5ccc069c403ebaf9f0171e9517f40e41"'
)
RFC_2069 = (  # with the response of erratum 749
    'Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
    'uri="/dir/index.html", response="1949323746fe6a43ef61f9606e7febea", opaque="5ccc069c403ebaf9f0171e9517f40e41"'
)
RFC_7616 = (
    'Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm={}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, '
    'cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, response="{}", '
    'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
RFC_7616_PASSWORD = b"Mufasa:http-auth@example.org:Circle of Life"


@pytest.mark.parametrize(
    ("authorization", "ha1"),
    [
        (RFC_2617, RFC_2617_HA1),
        (RFC_2069, RFC_2069_HA1),
        (
            RFC_7616.format("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            hashlib.md5(RFC_7616_PASSWORD).hexdigest(),
        ),
        (
            RFC_7616.format("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
            hashlib.sha256(RFC_7616_PASSWORD).hexdigest(),
        ),
    ],
    ids=["RFC 2617", "RFC 2069", "RFC 7616 MD5", "RFC 7616 SHA-256"],
)
def test_the_examples_of_the_rfcs(authorization: str, ha1: str) -> None:
    credentials = parse_authorization(authorization)
    assert isinstance(credentials, DigestCredentials)
    assert digest_response(credentials, "GET", ha1) == credentials.response


def test_the_example_of_rfc_7617() -> None:
    assert parse_authorization("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==") == BasicCredentials("Aladdin", b"open sesame")


def test_an_ha1_is_bound_to_the_realm() -> None:
    expected = hashlib.md5(f"alice:{REALM}:a good password".encode()).hexdigest()
    assert compute_ha1(Algorithm.MD5, "alice", b"a good password") == expected
    assert [each.ha1_characters for each in Algorithm] == [32, 64]


# --- challenges


def test_challenges_are_written_in_the_order_that_exoplayer_reads() -> None:
    assert digest_challenge("n", Algorithm.MD5) == 'Digest realm="edge_streamer", nonce="n"'
    assert digest_challenge("n", Algorithm.SHA_256) == 'Digest realm="edge_streamer", nonce="n", algorithm=SHA-256'
    assert digest_challenge("n", Algorithm.SHA_256, offers_qop=True, is_stale=True) == (
        'Digest realm="edge_streamer", nonce="n", qop="auth", algorithm=SHA-256, stale=true'
    )
    assert basic_challenge() == 'Basic realm="edge_streamer"'


# --- what clients write


@pytest.mark.parametrize("algorithm", BOTH)
@pytest.mark.parametrize("qop", [False, True])
def test_the_right_password_is_right(algorithm: Algorithm, qop: bool) -> None:
    assert is_let_in(ALICE.answer(challenge(algorithm), "DESCRIBE", URL, qop=qop))


FORMS = {
    "ffmpeg": 'Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{uri}", response="{response}"',
    "go2rtc": 'Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{uri}", response="{response}"',
    "Scrypted quotes the algorithm": 'Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{uri}", '
    'response="{response}", algorithm="MD5"',
    "live555 leaves no blanks": 'Digest username="{user}",realm="{realm}",nonce="{nonce}",uri="{uri}",'
    'response="{response}"',
    "bare values": "Digest username={user}, realm={realm}, nonce={nonce}, uri={uri}, response={response}, "
    "algorithm=md5",
    "blanks everywhere": 'digest   username = "{user}" ,realm= "{realm}",\tnonce ="{nonce}", uri = "{uri}" ,'
    ' response = "{response}"  ',
    "names and scheme in capitals": 'DIGEST USERNAME="{user}", REALM="{realm}", NONCE="{nonce}", URI="{uri}", '
    'RESPONSE="{response}"',
    "no commas": 'Digest username="{user}" realm="{realm}" nonce="{nonce}" uri="{uri}" response="{response}"',
    "empty algorithm": 'Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{uri}", '
    'response="{response}", algorithm=""',
    "unknown parameters": 'Digest username="{user}", realm="{realm}", x-y="1,2=3", nonce="{nonce}", uri="{uri}", '
    'response="{response}", opaque="", stale=FALSE, userhash=false',
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_form_of_a_digest_is_read(form: str) -> None:
    values = challenge()
    response = ALICE.response(values, "DESCRIBE", URL)
    assert is_let_in(form.format(user="alice", uri=URL, response=response, **values))
    assert is_let_in(form.format(user="alice", uri=URL, response=response.upper(), **values))
    assert not is_let_in(form.format(user="alice", uri=URL, response=response[::-1], **values))


@pytest.mark.parametrize("nc", ["00000001", '"00000001"'])
@pytest.mark.parametrize("qop", ["auth", '"auth"'])
def test_qop_and_nc_come_quoted_or_bare(nc: str, qop: str) -> None:
    response = ALICE.response(challenge(), "DESCRIBE", URL, "00000001:c:auth")
    assert is_let_in(
        f'Digest username="alice", nonce="0123456789abcdef", uri="{URL}", qop={qop}, nc={nc}, cnonce="c", '
        f'response="{response}"'
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"method": "SETUP"},
        {"uri": URL + "/"},
        {"user": "bob"},
        {"user": "mallory"},
        {"password": "a bad password"},
        {"nonce": "another"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_response_is_right_for_nothing_else(changed: dict[str, str]) -> None:
    values = {"method": "DESCRIBE", "uri": URL, "user": "alice", "password": "a good password", "nonce": "n"}
    written = values | changed
    client = DigestClient("alice", written["password"])
    response = client.response({"realm": REALM, "nonce": values["nonce"]}, values["method"], values["uri"])
    value = f'Digest username="{written["user"]}", nonce="{written["nonce"]}", uri="{written["uri"]}", '
    assert not is_let_in(f'{value}response="{response}"', method=written["method"])


def test_who_does_not_exist_cannot_log_in_with_what_stands_for_its_secret() -> None:
    credentials = DigestCredentials("mallory", "n", URL, Algorithm.MD5, "")
    forged = digest_response(credentials, "DESCRIBE", "0" * 32)
    assert not is_let_in(f'Digest username="mallory", nonce="n", uri="{URL}", response="{forged}"')


def test_a_user_without_a_hash_cannot_log_in_with_it() -> None:
    bob = DigestClient("bob", "pässwörd")
    assert is_let_in(bob.answer(challenge(), "DESCRIBE", URL))
    assert not is_let_in(bob.answer(challenge(Algorithm.SHA_256), "DESCRIBE", URL))


@pytest.mark.parametrize("client", [ALICE, DigestClient("bob", "pässwörd")], ids=lambda client: client.user)
def test_basic_with_the_right_password(client: DigestClient) -> None:
    assert is_let_in(client.basic())
    assert is_let_in(client.basic().replace("Basic ", "bAsIc   "))
    assert not is_let_in(DigestClient(client.user, "a bad password").basic())
    assert not is_let_in(DigestClient("mallory", client.password).basic())


def test_a_password_may_have_colons() -> None:
    token = base64.b64encode(b"alice:a:b:").decode()
    assert parse_authorization(f"Basic {token}") == BasicCredentials("alice", b"a:b:")


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Digest",
        "Digest ",
        "Digest ,,,",
        'Digest realm="edge_streamer"',
        'Digest username="", nonce="n"',
        'Digest username="alice", algorithm=MD5-sess',
        'Digest username="alice", algorithm=SHA-512-256',
        "Bearer abc",
        'Username="alice"',
        "Basic",
        "Basic Og==",  # Qognify: no user, no password
        "Basic a",
        "Basic é",
    ],
)
def test_what_names_nobody_is_nothing(value: str) -> None:
    assert parse_authorization(value) is None
    assert rules(*BOTH, basic=True).read(value) is None


def test_what_is_not_offered_is_not_taken() -> None:
    sha256 = ALICE.answer(challenge(Algorithm.SHA_256), "DESCRIBE", URL)
    assert rules().read(sha256) is None
    assert rules(*BOTH).read(sha256) is not None
    assert rules(*BOTH).read(ALICE.basic()) is None
    assert rules(basic=True).read(ALICE.basic()) is not None


def test_no_secret_is_in_a_repr() -> None:
    authorization = ALICE.answer(challenge(), "DESCRIBE", URL)
    credentials = rules().read(authorization)
    assert isinstance(credentials, DigestCredentials)
    assert credentials.response not in repr(credentials)
    assert "good" not in repr(parse_authorization(ALICE.basic()))


# --- time


class OnlyAlice:
    def ha1(self, name: str, algorithm: Algorithm) -> str | None:
        return "a" * algorithm.ha1_characters if name == "alice" else None


@pytest.mark.parametrize("value", ["Digest username={}", "Digest username={}, algorithm=SHA-256", "Basic"])
def test_an_unknown_user_costs_the_same_work(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []
    monkeypatch.setattr(digest, "_hash", lambda algorithm, _data: hashed.append(algorithm) or "0" * 32)
    login_rules = LoginRules(OnlyAlice(), BOTH, basic=True)
    work = {}
    for name in ("alice", "malic"):
        written = DigestClient(name, "x").basic() if value == "Basic" else value.format(name)
        credentials = login_rules.read(written)
        assert credentials is not None
        login_rules.are_genuine(credentials, "DESCRIBE")
        work[name], hashed = hashed, []
    assert work["alice"] == work["malic"] != []


@pytest.mark.parametrize(
    "value",
    [
        "Digest " + "a" * 16_000,
        "Digest " + "a " * 8000,
        "Digest " + 'a="' * 5000,
        "Digest a" + " " * 16_000,
        " " * 16_000,
    ],
)
def test_no_header_of_the_allowed_length_holds_the_loop(value: str) -> None:
    began_s = time.thread_time()
    assert parse_authorization(value) is None
    assert time.thread_time() - began_s < 0.1


# --- anything

LATIN_1 = st.text(st.characters(max_codepoint=0xFF))
PARAMETERS = st.lists(
    st.tuples(st.sampled_from(["username", "nonce", "uri", "algorithm", "response", "qop", "nc", "cnonce"]), LATIN_1)
).map(lambda pairs: "Digest " + ", ".join(f'{name}="{value}"' for name, value in pairs))


@given(LATIN_1 | PARAMETERS | LATIN_1.map("Digest {}".format) | LATIN_1.map("Basic {}".format))
def test_no_header_raises_and_none_lets_anybody_in(value: str) -> None:
    login_rules = rules(*BOTH, basic=True)
    credentials = login_rules.read(value)
    if credentials is not None:
        assert not login_rules.are_genuine(credentials, "DESCRIBE")
        assert digest_response(credentials, "X", "0") if isinstance(credentials, DigestCredentials) else True


@given(st.binary())
def test_no_basic_token_raises(token: bytes) -> None:
    credentials = parse_authorization("Basic " + base64.b64encode(token).decode())
    if credentials is not None:
        assert not rules(basic=True).are_genuine(credentials, "DESCRIBE")
