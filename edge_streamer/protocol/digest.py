"""The arithmetic of Digest and Basic log-ins that RTSP and HTTP share (RFC 7616, RFC 2617, RFC 2069, RFC 7617).

Header values in, header values out. The module stores no user (`Accounts` is the interface to them), makes no nonce and
knows no URL: which request a `uri` may name, how long a nonce is valid and how a refusal looks differ between the two
protocols; `protocol.rtsp.server.auth` and `protocol.http.auth` decide that.

Secrets are compared in constant time, and an unknown user costs the same work as a known one: neither the time nor
the answer tells which names exist. No `repr` here shows a secret.
"""

import hashlib
import hmac
import re
from base64 import b64decode
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

REALM: Final = "edge_streamer"
"""Part of every HA1: a change of the realm would invalidate every stored HA1."""

_SCHEME: Final = re.compile(r"\s*([A-Za-z]+)\s+(\S.*)", re.DOTALL)
_PARAMETER: Final = re.compile(r'(?<![A-Za-z0-9_-])([A-Za-z0-9_-]++)\s*+=\s*+(?:"([^"]*)"|([^\s,"]*))')
"""Possessive quantifiers: no character is examined twice, since 16 KiB of one letter must not hold the loop."""


class Algorithm(StrEnum):
    """The supported hashes of RFC 7616 section 3.3: without their `-sess` variants and SHA-512-256."""

    MD5 = "MD5"
    SHA_256 = "SHA-256"

    @property
    def ha1_characters(self) -> int:
        """Length of an HA1 in hex."""
        return len(_NOBODYS_HA1[self])


_NOBODYS_HA1: Final = {Algorithm.MD5: "0" * 32, Algorithm.SHA_256: "0" * 64}
"""Stands in for the HA1 of an unknown user; a response that matches it is refused."""


class Accounts(Protocol):
    """The users that may log in."""

    def ha1(self, name: str, algorithm: Algorithm) -> str | None:
        """Return the HA1 of that user in lower-case hex; None for an unknown user, or one without that hash."""


@dataclass(frozen=True, slots=True)
class DigestCredentials:
    """The values that a Digest client sent, unchanged; `qop` is empty for a client of RFC 2069."""

    user: str
    nonce: str
    uri: str
    algorithm: Algorithm
    response: str = field(repr=False)
    qop: str = ""
    nc: str = ""
    cnonce: str = ""


@dataclass(frozen=True, slots=True)
class BasicCredentials:
    """The values that a Basic client sent: the password in clear text."""

    user: str
    password: bytes = field(repr=False)


Credentials = DigestCredentials | BasicCredentials


@dataclass(frozen=True, slots=True)
class LoginRules:
    """The log-ins that a server accepts. `algorithms` are offered in their order, Basic last if it is on."""

    accounts: Accounts
    algorithms: tuple[Algorithm, ...] = (Algorithm.MD5,)
    basic: bool = False

    def read(self, authorization: str) -> Credentials | None:
        """Return the credentials in an Authorization field; None when it names no user or uses a scheme or hash that is
        not offered."""
        credentials = parse_authorization(authorization)
        match credentials:
            case DigestCredentials() if credentials.algorithm in self.algorithms:
                return credentials
            case BasicCredentials() if self.basic:
                return credentials
            case _:
                return None

    def are_genuine(self, credentials: Credentials, method: str) -> bool:
        """Return whether the credentials prove knowledge of the user's password."""
        if isinstance(credentials, DigestCredentials):
            return self._is_response_right(credentials, method)
        return self._is_password_right(credentials)

    def _is_response_right(self, credentials: DigestCredentials, method: str) -> bool:
        ha1 = self.accounts.ha1(credentials.user, credentials.algorithm)
        expected = digest_response(credentials, method, ha1 or _NOBODYS_HA1[credentials.algorithm])
        return _are_equal(credentials.response.lower(), expected) and ha1 is not None

    def _is_password_right(self, credentials: BasicCredentials) -> bool:
        # Every hash is computed for every user: the time must not show which hashes a user has.
        verdicts = [self._is_ha1_right(credentials, algorithm) for algorithm in Algorithm]
        return any(verdicts)

    def _is_ha1_right(self, credentials: BasicCredentials, algorithm: Algorithm) -> bool:
        ha1 = self.accounts.ha1(credentials.user, algorithm)
        found = compute_ha1(algorithm, credentials.user, credentials.password)
        return _are_equal(found, ha1 or _NOBODYS_HA1[algorithm]) and ha1 is not None


def parse_authorization(value: str) -> Credentials | None:
    """Return the credentials in an Authorization field, None when it is neither Digest nor Basic, or names no user.

    Values come quoted or bare, whatever the grammar asks for (Scrypted quotes `algorithm`, others `nc` and `qop`),
    in any order, with any blanks, under names of any case.
    """
    split = _SCHEME.fullmatch(value)
    if split is None:
        return None
    match split[1].lower():
        case "digest":
            return _parse_digest(split[2])
        case "basic":
            return _parse_basic(split[2])
        case _:
            return None


def compute_ha1(algorithm: Algorithm, user: str, password: bytes) -> str:
    """Return H(user:realm:password) in hex (RFC 7616 section 3.4.2). For this realm it is as good as the password."""
    return _hash(algorithm, f"{user}:{REALM}:".encode("utf-8", "surrogateescape") + password)


def digest_response(credentials: DigestCredentials, method: str, ha1: str) -> str:
    """Return the correct response for these credentials, in hex (RFC 7616 section 3.4.1; RFC 2069 without `qop`).

    It is computed over `uri` as sent: clients differ in the form of the URI, but all hash the form that they send.
    """
    ha2 = _hash_text(credentials.algorithm, f"{method}:{credentials.uri}")
    between = f"{credentials.nc}:{credentials.cnonce}:{credentials.qop}:" if credentials.qop else ""
    return _hash_text(credentials.algorithm, f"{ha1}:{credentials.nonce}:{between}{ha2}")


def digest_challenge(nonce: str, algorithm: Algorithm, *, offers_qop: bool = False, is_stale: bool = False) -> str:
    """Return a WWW-Authenticate value (RFC 7616 section 3.3).

    The realm precedes the nonce: ExoPlayer reads them with a regular expression. MD5 is offered without `algorithm`,
    which means the same, and which the oldest clients do not return.
    """
    named = "" if algorithm is Algorithm.MD5 else f", algorithm={algorithm}"
    qop = ', qop="auth"' if offers_qop else ""
    stale = ", stale=true" if is_stale else ""
    return f'Digest realm="{REALM}", nonce="{nonce}"{qop}{named}{stale}'


def basic_challenge() -> str:
    """Return a WWW-Authenticate value for Basic (RFC 7617 section 2)."""
    return f'Basic realm="{REALM}"'


def _parse_digest(parameters: str) -> DigestCredentials | None:
    values = {name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(parameters)}
    named = values.get("algorithm") or Algorithm.MD5
    algorithm = next((each for each in Algorithm if each == named.upper()), None)
    if algorithm is None or not values.get("username"):
        return None
    return DigestCredentials(
        user=values["username"],
        nonce=values.get("nonce", ""),
        uri=values.get("uri", ""),
        algorithm=algorithm,
        response=values.get("response", ""),
        qop=values.get("qop", ""),
        nc=values.get("nc", ""),
        cnonce=values.get("cnonce", ""),
    )


def _parse_basic(token: str) -> BasicCredentials | None:
    try:
        user, _, password = b64decode(token).partition(b":")
    except ValueError:
        return None
    # Qognify sends "Og==", an empty user and password, as a probe.
    return BasicCredentials(user.decode("utf-8", "surrogateescape"), password) if user else None


def _are_equal(found: str, expected: str) -> bool:
    return hmac.compare_digest(found.encode("utf-8", "surrogateescape"), expected.encode())


def _hash_text(algorithm: Algorithm, text: str) -> str:
    """Hash the bytes that were sent: header text was decoded as Latin-1."""
    return _hash(algorithm, text.encode("latin-1"))


def _hash(algorithm: Algorithm, data: bytes) -> str:
    if algorithm is Algorithm.SHA_256:
        return hashlib.sha256(data).hexdigest()
    # Every NVR wants MD5, and a system in FIPS mode computes it only under this flag.
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
