"""TOML with places: where each value of a valid TOML text stands, and what is left when tables are taken out.

The standard library's parser says what is in a file and not where; secrets have to be overwritten where they stand. The
scanner reads text that `tomllib` has accepted, so it checks nothing (TOML 1.0.0).
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from edge_streamer.appliance.formats.text import CardText
from edge_streamer.config.toml import ConfigError, read_text

MAX_KEY_PARTS: Final = 32
"""The time that the standard library takes for a key rises with the square of its parts: a minute for a full file."""

_DEEP_KEY: Final = re.compile(rf"""(?<![\w"'-])(?:[\w"'-]+[ \t]*\.[ \t]*){{{MAX_KEY_PARTS}}}""")
_SPACE: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BLANK: Final = re.compile(r"[ \t]*")
_KEY_PART: Final = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
_KEY: Final = re.compile(rf"{_KEY_PART}(?:[ \t]*\.[ \t]*{_KEY_PART})*")
_STRING: Final = re.compile(
    r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})'
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_BARE: Final = re.compile(r"[^\s,\]}#]+(?: \d[^\s,\]}#]*)?")  # a date and a time may have a space between them

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Leaf:
    """A scalar of the text from `start` to `end`, without quotes; in an array each element is one, with its path."""

    path: Path
    start: int
    end: int
    is_string: bool


@dataclass(frozen=True, slots=True)
class Statement:
    """A table's header, or a key with its value: its full path and its characters, without a comment behind it."""

    path: Path
    start: int
    end: int


def read_toml(file: CardText) -> tuple[dict[str, Any], "TomlScanner"]:
    """Return the tables of the file, and the places of their values; ConfigError when it is not TOML."""
    if deep := _DEEP_KEY.search(file.text):
        line = file.line_of(deep.start())
        raise ConfigError(
            f"{file.name}: line {line}: more than {MAX_KEY_PARTS} names with dots; write tables as [table]"
        )
    tables = read_text(file.text.encode(), file.name)
    try:
        return tables, TomlScanner(file.text)
    except (RecursionError, ValueError):  # the scanner may have less of the stack left than the parser had
        raise ConfigError(f"{file.name}: brackets nested too deep; write tables as [table]") from None


class TomlScanner:
    """Finds statements and leaves in a TOML text that is valid. ValueError, or no sense, for any other text."""

    def __init__(self, text: str) -> None:
        self.leaves: list[Leaf] = []
        self.statements: list[Statement] = []
        self._text = text
        self._at = 0
        self._scan()
        places = [(each.path, each.start) for each in self.statements]
        places += [(each.path, each.start) for each in self.leaves]
        self._starts = dict(sorted(places, key=lambda place: -place[1]))  # the first of a path is put in last

    def line_of(self, path: Path) -> int:
        """Return the line, from 1, of the first statement or leaf at `path`; 0 if there is none."""
        start = self._starts.get(path)
        return 0 if start is None else self._text.count("\n", 0, start) + 1

    def without(self, table: str) -> str:
        """Return the text without a table, the tables in it, and comments between statements, which may be a password
        that was put out of use. Every line keeps its number."""
        kept, end = [], 0
        for statement in self.statements:
            kept.append(_line_ends(self._text[end : statement.start]))
            written = self._text[statement.start : statement.end]
            kept.append(_line_ends(written) if statement.path[0] == table else written)
            end = statement.end
        return "".join([*kept, _line_ends(self._text[end:])])

    def _scan(self) -> None:
        table: Path = ()
        self._skip(_SPACE)
        while self._at < len(self._text):
            start = self._at
            if self._text[start] == "[":
                brackets = 2 if self._text.startswith("[[", start) else 1
                self._at += brackets
                self._skip(_BLANK)
                table = path = self._key()
                self._skip(_BLANK)
                self._at += brackets
            else:
                path = (*table, *self._key())
                self._value_after("=", path)
            self.statements.append(Statement(path, start, self._at))
            self._skip(_SPACE)

    def _value_after(self, sign: str, path: Path) -> None:
        self._skip(_BLANK)
        if not self._text.startswith(sign, self._at):
            raise ValueError("not TOML")
        self._at += len(sign)
        self._skip(_BLANK)
        self._value(path)

    def _value(self, path: Path) -> None:
        match self._text[self._at : self._at + 1]:
            case "[":
                for _ in self._items("]"):
                    self._value(path)
            case "{":
                for _ in self._items("}"):
                    self._value_after("=", (*path, *self._key()))
            case quote if quote in ('"', "'"):
                self._string(path)
            case _:
                start = self._at
                self._take(_BARE)
                self.leaves.append(Leaf(path, start, self._at, is_string=False))

    def _items(self, end: str) -> Iterator[None]:
        """Stop at each item of an array or an inline table, and go behind its end."""
        self._at += 1
        self._skip(_SPACE)
        while not self._text.startswith(end, self._at):
            yield
            self._skip(_SPACE)
            if self._text.startswith(",", self._at):
                self._at += 1
                self._skip(_SPACE)
        self._at += 1

    def _string(self, path: Path) -> None:
        start = self._at
        written = self._take(_STRING)
        quotes = 3 if written.startswith(('"""', "'''")) and len(written) >= 6 else 1
        self.leaves.append(Leaf(path, start + quotes, self._at - quotes, is_string=True))

    def _key(self) -> Path:
        path: list[str] = []
        table: Any = tomllib.loads(f"{self._take(_KEY)} = 0")
        while isinstance(table, dict):
            ((key, table),) = table.items()
            path.append(key)
        return tuple(path)

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            raise ValueError("not TOML")
        self._at = found.end()
        return found[0]

    def _skip(self, pattern: re.Pattern[str]) -> None:
        found = pattern.match(self._text, self._at)
        self._at = found.end() if found else self._at


def _line_ends(text: str) -> str:
    return "\n" * text.count("\n")
