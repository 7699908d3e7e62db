"""The client's side of a log-in: a challenge in, an `Authorization` value out. It shares no line with the product.

challenge = parse_challenge(reply.headers["www-authenticate"])
DigestClient("alice", "a good password").answer(challenge, "DESCRIBE", url)
"""

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass


def parse_challenge(value: str) -> dict[str, str]:
    """Return the parameters of one WWW-Authenticate value; AssertionError when it is no Digest."""
    scheme, _, rest = value.partition(" ")
    assert scheme == "Digest", value
    return {name: quoted or bare for name, quoted, bare in re.findall(r'(\w+)=(?:"([^"]*)"|([^,\s]+))', rest)}


@dataclass(frozen=True)
class DigestClient:
    """Somebody with a name and a password."""

    user: str
    password: str

    def response(self, challenge: Mapping[str, str], method: str, uri: str, between: str = "") -> str:
        """Return `response`; `between` is `nc:cnonce:qop` for a client that uses `qop`."""
        digest = _hash_of(challenge)
        ha1 = digest(f"{self.user}:{challenge['realm']}:{self.password}")
        ha2 = digest(f"{method}:{uri}")
        return digest(":".join([ha1, challenge["nonce"], *([between] if between else []), ha2]))

    def answer(self, challenge: Mapping[str, str], method: str, uri: str, *, qop: bool = False, more: str = "") -> str:
        """Return an Authorization value as ffmpeg writes it, with `qop=auth` if asked for, and `more` at its end."""
        between = "00000001:0a4f113b:auth" if qop else ""
        response = self.response(challenge, method, uri, between)
        value = (
            f'Digest username="{self.user}", realm="{challenge["realm"]}", nonce="{challenge["nonce"]}", '
            f'uri="{uri}", response="{response}"'
        )
        if "algorithm" in challenge:
            value += f", algorithm={challenge['algorithm']}"
        if qop:
            value += ', qop=auth, nc=00000001, cnonce="0a4f113b"'
        return value + more

    def basic(self) -> str:
        """Return an Authorization value with the password in clear (RFC 7617)."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


def _hash_of(challenge: Mapping[str, str]) -> Callable[[str], str]:
    name = challenge.get("algorithm", "MD5").lower().replace("-", "")
    return lambda text: hashlib.new(name, text.encode()).hexdigest()
