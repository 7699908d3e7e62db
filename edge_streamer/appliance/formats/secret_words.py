"""What is a secret in a file of the card, by its key or by its form, also where nothing else of the key is known.

A key that is not taken may still hold a password's hash, or the token of some service: it must not stay on a card that
anybody can read.
"""

import re
from collections.abc import Iterator
from typing import Final

from edge_streamer.appliance.formats.text import Secret

_SECRET_KEY: Final = re.compile(
    r"(?i)pass(?!ive|word_auth|wordless|word_encrypted)|psk|secret|token|private|wep_?key|^pin$"
)
_CRYPT_HASH: Final = re.compile(r"\$(?:1|2[abxy]?|5|6|7|y|gy|sm3)\$[A-Za-z0-9./$=,+-]{8,}")
_HEX_KEY: Final = re.compile(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{64}(?![0-9A-Fa-f])")
_COMMAND: Final = re.compile(r"(?i)passw|psk|secret|token|connect|auth|chpasswd")


def is_secret_key(key: str) -> bool:
    """Return whether the value of a key with this name is a secret: `password`, `psk`, `hashed_passwd`, `token`."""
    return _SECRET_KEY.search(key) is not None


def is_secret_command(text: str) -> bool:
    """Return whether a command or a file's content seems to have a secret in it."""
    return _COMMAND.search(text) is not None


def secrets_by_form(text: str) -> Iterator[Secret]:
    """Yield what has the form of a secret wherever it stands: a hash of crypt(5), a key of 256 bits in hex."""
    for pattern in (_CRYPT_HASH, _HEX_KEY):
        for found in pattern.finditer(text):
            yield Secret(*found.span())
