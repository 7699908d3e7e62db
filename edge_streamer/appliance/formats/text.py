"""A text file of the card, as the editors of Windows and macOS leave it, and places in it as byte ranges.

Not a format: the modules beside this one parse `CardText.text`.
"""

import codecs
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from edge_streamer.device.settings import TAKEN

MAX_FILE_BYTES: Final = 64 << 10
"""The longest file that is read; a page of settings has a hundredth of it."""

_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class TextError(Exception):
    """A file of the card that is no text. One line that begins with the file's name: what was found, what to do."""


@dataclass(frozen=True, slots=True)
class CardText:
    """A file's name on the card and its text, without byte order mark; `bom_bytes` is the mark's length on the disk."""

    name: str
    text: str
    bom_bytes: int = 0

    def byte_range(self, start: int, end: int) -> tuple[int, int]:
        """Return where the characters from `start` to `end` are in the file, in bytes."""
        first = self.bom_bytes + len(self.text[:start].encode())
        return first, first + len(self.text[start:end].encode())

    def line_of(self, index: int) -> int:
        """Return the line of a character, from 1."""
        return self.text.count("\n", 0, index) + 1


@dataclass(frozen=True, slots=True)
class Secret:
    """The characters of a secret from `start` to `end`. `key` is the dotted key of `DeviceSettings` that it is for;
    empty where it is for nothing. `form` is what keeps the file readable without it: a number needs digits, a block of
    lines its spaces; line ends stay in any."""

    start: int
    end: int
    key: str = ""
    form: Literal["text", "number", "block"] = "text"

    def blank(self, text: str) -> bytes:
        """Return what replaces the secret: as many bytes."""
        filler = b"1" if self.form == "number" else TAKEN.encode()
        kept = " \t\r\n" if self.form == "block" else "\r\n"
        return b"".join(
            each.encode() if each in kept else filler * len(each.encode()) for each in text[self.start : self.end]
        )


def read_card_text(path: Path) -> CardText:
    """Return the text of the file at `path`; TextError when it cannot be read or is no UTF-8."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise TextError(f"{path.name}: cannot be read ({error.strerror or 'input/output error'})") from None
    return decoded(path.name, content)


def decoded(name: str, content: bytes) -> CardText:
    """Return `content` as the text of the file called `name`; TextError when it is too long or is no UTF-8."""
    if len(content) > MAX_FILE_BYTES:
        raise TextError(f"{name}: longer than {MAX_FILE_BYTES} bytes; allowed: a page of settings")
    if content.startswith(_UTF_16) or b"\0" in content:
        raise TextError(f'{name}: saved as UTF-16, or no text; save it as UTF-8 (in Notepad: "Save as", Encoding)')
    bom_bytes = len(codecs.BOM_UTF8) if content.startswith(codecs.BOM_UTF8) else 0
    try:
        return CardText(name, content[bom_bytes:].decode(), bom_bytes)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start + bom_bytes) + 1
        raise TextError(
            f'{name}, line {line}: a character that is not UTF-8; save it as UTF-8 (in Notepad: "Save as", Encoding)'
        ) from None
