"""A log record as text that a peer cannot forge: one line an event, `key=value`, and no character that moves a cursor.

Called by `fields` for the values, and by the handlers (`stderr`, `journal`) for whole records. Every record passes
through here last, so this module is also the last protection of credentials: a URL loses its user and password. It
knows no event and writes nothing.
"""

import logging
import re
import time
import traceback
from collections.abc import Iterable
from typing import Final

MAX_VALUE_CHARACTERS: Final = 512
"""A longer value is cut to this length."""

_PLAIN: Final = re.compile(r'[^\s"=\\]+')
_USERINFO: Final = re.compile(
    r"(:/{1,2})"  # one of two slashes is left where a URL was normalized as a path
    r"(?:[^\s/@:]*:(?!\d*(?:/|\s|$))\S*@"  # a name, and after it no port
    r"|[^\s/@]*(?:@[^\s/@]*)*@)"
)
"""User and password of a URL (RFC 3986 section 3.2.1); where people type, a password has unescaped @ and / in it."""


def key_values(pairs: Iterable[tuple[str, object]]) -> str:
    """Return `key=value` pairs with one blank between them; a value that is not one plain word stands in quotes."""
    return " ".join(f"{_quoted(key)}={_quoted(value_text(value))}" for key, value in pairs)


def value_text(value: object) -> str:
    """Return a value as text: several joined by commas, fractions to two places, cut at `MAX_VALUE_CHARACTERS`."""
    match value:
        case float():
            text = str(round(value, 2))
        case tuple():
            text = ",".join(map(str, value)) or "-"
        case _:
            text = str(value)
    return without_userinfo(text)[:MAX_VALUE_CHARACTERS]


def without_userinfo(text: str) -> str:
    """Return `text` with `scheme://user:password@host` as `scheme://***@host`."""
    return _USERINFO.sub(r"\1***@", text) if ":/" in text else text


def escaped(text: str) -> str:
    """Return `text` as one line: what is no printable character, as Python writes it in a string (`\\n`, `\\x1b`)."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def _quoted(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.isprintable():
        return text
    return '"' + escaped(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def record_lines(record: logging.LogRecord) -> list[str]:
    """Return the message as one line, then the traceback's lines, indented so that none looks like a message."""
    lines = [record.getMessage()]
    if record.exc_info and record.exc_info[0]:
        text = "".join(traceback.format_exception(*record.exc_info))
        lines += [f"  {line}" for line in text.splitlines()]
    return [escaped(without_userinfo(line)) for line in lines]


def priority(level: int) -> int:
    """Return the syslog priority (sd-daemon(3)) of a level of `logging`."""
    if level >= logging.ERROR:
        return 3
    if level >= logging.WARNING:
        return 4
    return 6 if level >= logging.INFO else 7


class TerminalFormatter(logging.Formatter):
    """`2026-11-23T12:00:00.123Z INFO session ended reason=...`: UTC, so that the logs of several machines sort."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's lines."""
        wall = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        return f"{wall}.{int(record.msecs):03d}Z {record.levelname} " + "\n".join(record_lines(record))


class PriorityFormatter(logging.Formatter):
    """Lines for a journal that reads standard error: a priority before each (sd-daemon(3)), no time: it has one."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's lines."""
        mark = f"<{priority(record.levelno)}>"
        return "\n".join(mark + line for line in record_lines(record))
