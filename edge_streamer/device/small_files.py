"""Small text files of the kernel and of the system: read in part, and empty where there is nothing to read.

A file of the kernel may exist and refuse to be read, because a driver has no value now or the user has no right to it.
Callers show what is missing as unknown, so each of these cases is the empty text.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

MAX_TEXT_BYTES: Final = 4096


def read_text(file: Path) -> str:
    """Return the beginning of a file's text without white space and zero bytes at both ends; empty when unreadable."""
    try:
        with file.open("rb", buffering=0) as opened:
            content = opened.read(MAX_TEXT_BYTES) or b""
    except OSError:
        return ""
    return content.decode(errors="replace").strip("\0 \t\r\n")


def read_assignments(file: Path) -> Mapping[str, str]:
    """Return `{name: value}` of a file with a `NAME=value` on each line; empty when unreadable."""
    return assignments_in(read_text(file))


def assignments_in(text: str) -> Mapping[str, str]:
    """Return `{name: value}` of a text with a `NAME=value` on each line."""
    pairs = (line.partition("=") for line in text.splitlines())
    return {name.strip(): value.strip() for name, equals, value in pairs if equals}
