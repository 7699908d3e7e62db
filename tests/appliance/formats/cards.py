"""Cards for tests: files by name in, what `read_card` says out, and the files as they are without their secrets."""

import base64
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from edge_streamer.appliance.card import Card, SecretSpan, read_card

KEY = "ssh-ed25519 " + base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + b"k" * 32).decode() + " me@laptop"
PSK = "0123456789abcdef" * 4
HASH = "$6$saltsalt$" + "aB./" * 20

Files = Mapping[str, str | bytes]


def redacted(content: bytes, spans: Iterable[SecretSpan]) -> bytes:
    """Return a file's content, of the same length, without the secrets at `spans`."""
    changed = bytearray(content)
    for span in spans:
        changed[span.start_byte : span.end_byte] = span.replacement
    return bytes(changed)


def card_of(files: Files) -> Card:
    """Return what a card with these files says."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            Path(folder, name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_card(Path(folder))


def without_secrets(files: Files, card: Card) -> dict[str, bytes]:
    """Return the files as they are on the card when its secrets have been taken."""
    contents = {name: content if isinstance(content, bytes) else content.encode() for name, content in files.items()}
    return {
        name: redacted(content, [span for span in card.secrets if span.file == name])
        for name, content in contents.items()
    }


def reasons(card: Card) -> dict[str, str]:
    """Return why each key was not taken."""
    return {ignored.key: ignored.reason for ignored in card.ignored}


def taken_once(files: Files) -> tuple[Card, dict[str, bytes]]:
    """Return the card, and its files without secrets. What is made sure: these are read again without a further
    mistake, and what is kept afterwards is what the card said."""
    card = card_of(files)
    left = without_secrets(files, card)
    again = card_of(left)
    assert again.secrets == ()
    assert again.mistakes == card.mistakes
    assert again.configuration == card.configuration
    assert again.settings_after(card.settings) == card.settings
    return card, left
