"""TOML text to checked structs and back: one-line errors for people, and a writer (the standard library has none).

It reads keys, types and ranges from the struct's annotations and does not know what a key means. All of `config` calls
it, and docs/configuration.md is written from the same annotations.

A struct's field carries `Annotated[..., msgspec.Meta(description=..., ge=..., le=...)]`. Entries of
`Meta(extra=...)` say what annotations cannot: `allowed` (the words for it) and `read` (a function that returns the
field's value for a TOML value, or raises ValueError). With `secret` no message shows the value. `services.marks` has
the other entries.
"""

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar, get_type_hints, runtime_checkable

import msgspec
from msgspec import inspect

from edge_streamer.services.marks import extra_of, fields_of, unwrapped

MAX_FILE_BYTES: Final = 1 << 20
"""A configuration is a page of text; a wrong path (`--config /dev/zero`) must not fill the memory."""
MAX_SHOWN_CHARACTERS: Final = 64
"""Longest excerpt of a value in an error message."""

_MAX_INTEGER_BITS: Final = 64
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}

StructType = TypeVar("StructType", bound=msgspec.Struct)


@runtime_checkable
class TomlValue(Protocol):
    """A field's type that TOML does not have (`runtime.address.PortRange`); `write_value` writes it."""

    def to_toml(self) -> object:
        """Return the TOML value: a string, a number or a list of these."""
        ...


class ConfigError(Exception):
    """A mistake in a file or on the command line. One line: the key's path, what was found, what is allowed or to be
    done."""


def read_file(path: Path) -> dict[str, Any]:
    """Return the tables of the TOML file at `path`; ConfigError when it cannot be read or is not TOML."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        reason = error.strerror or "input/output error"
        raise ConfigError(f"{_one_line(str(path))}: cannot be read ({reason}); give the path of a TOML file") from None
    if len(content) > MAX_FILE_BYTES:
        raise ConfigError(f"{_one_line(str(path))}: more than {MAX_FILE_BYTES} bytes; give the path of a TOML file")
    return read_text(content, name=_one_line(str(path)))


def read_text(content: bytes, name: str) -> dict[str, Any]:
    """Return the tables of TOML `content`; a ConfigError begins with `name` and says the line."""
    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name}: byte {error.start} is not UTF-8; save the file as UTF-8 text") from None
    except RecursionError:
        raise ConfigError(f"{name}: brackets nested too deep; write tables as [table]") from None
    except ValueError as error:
        raise ConfigError(f"{name}: not TOML: {_one_line(str(error))}; correct it there") from None


def read_struct(table: object, struct_type: type[StructType], path: str) -> StructType:
    """Return `table` as a `struct_type`; every ConfigError begins with the key's dotted path under `path`."""
    known = fields_of(struct_type)
    written = expect_table(table, path)
    check_keys(written, known, path)
    hints = get_type_hints(struct_type, include_extras=True)
    values = {key: _read_value(value, hints[key], known[key], f"{path}.{key}") for key, value in written.items()}
    for key, field in known.items():
        if field.required and key not in values:
            raise ConfigError(f"{path}.{key}: missing; write {key} = ... under [{path}]; allowed: {allowed(field)}")
    return struct_type(**values)


def expect_table(value: object, path: str) -> dict[str, Any]:
    """Return `value` if it is a table, ConfigError if not."""
    if not isinstance(value, dict):
        raise ConfigError(f"{path}: {shown(value)} is not allowed; allowed: a table, written [{path}]")
    return value


def check_keys(table: Mapping[str, Any], known: Iterable[str], path: str = "") -> None:
    """Raise ConfigError for the first key of `table` that is not in `known`, with the key that was probably meant."""
    known = list(known)
    for key in table:
        if key not in known:
            full_path = f"{path}.{shown_key(key)}" if path else shown_key(key)
            raise ConfigError(f"{full_path}: unknown key;{did_you_mean(key, known)} allowed: {', '.join(known)}")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ` did you mean "..."?` for the word of `known` that resembles `word`, or the empty string."""
    matches = difflib.get_close_matches(word[:MAX_SHOWN_CHARACTERS], list(known), n=1)
    return f' did you mean "{matches[0]}"?' if matches else ""


def description(field: inspect.Field) -> str:
    """Return a field's `Meta(description=...)`."""
    _, metadata = unwrapped(field.type)
    return str((metadata.extra_json_schema or {})["description"]) if metadata else ""


def allowed(field: inspect.Field, found: object = None) -> str:
    """Return the allowed values of `field` in words; with the type, unless `found` has that type already."""
    bare, _ = unwrapped(field.type)
    extra = extra_of(field)
    if "allowed" in extra:
        return str(extra["allowed"])
    match bare:
        case inspect.IntType():
            is_number = isinstance(found, int) and not isinstance(found, bool)
            return _range(bare, "" if is_number else "a whole number, ")
        case inspect.FloatType():
            is_number = isinstance(found, int | float) and not isinstance(found, bool)
            return _range(bare, "" if is_number else "a number, ")
        case inspect.BoolType():
            return "true or false"
        case inspect.LiteralType(values=values):
            return " or ".join(shown(value) for value in values)
        case _:
            return "a string in quotes"


def shown(value: object) -> str:
    """Return a value of a TOML file on one line of at most `MAX_SHOWN_CHARACTERS`, for an error message."""
    if isinstance(value, list):
        text = f"[{', '.join(_shown_item(item) for item in value[:MAX_SHOWN_CHARACTERS])}]"
    else:
        text = _shown_item(value)
    return text if len(text) <= MAX_SHOWN_CHARACTERS else text[: MAX_SHOWN_CHARACTERS - 3] + "..."


def shown_key(key: str) -> str:
    """Return a key as it may be written in TOML: bare or in quotes, never over one line."""
    return key if _BARE_KEY.fullmatch(key) and len(key) <= MAX_SHOWN_CHARACTERS else shown(key)


def write_tables(tables: Mapping[str, Mapping[str, object]]) -> str:
    """Return TOML text of `{dotted path: {key: value}}`; keys whose value is None are left out."""
    return "\n".join(_write_table(path, table) for path, table in tables.items())


def write_value(value: object) -> str:
    """Return a value in TOML; a set becomes a sorted list, a `TomlValue` what its `to_toml` returns."""
    match value:
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case float():
            return str(int(value)) if value.is_integer() else repr(value)
        case str():
            return f'"{"".join(_escaped(character) for character in value)}"'
        case list() | tuple():
            return f"[{', '.join(write_value(item) for item in value)}]"
        case frozenset():
            return write_value(sorted(value))
        case TomlValue():
            return write_value(value.to_toml())
        case _:
            raise TypeError(f"no TOML for {value!r}")


def _write_table(path: str, table: Mapping[str, object]) -> str:
    lines = [f"{key} = {write_value(value)}" for key, value in table.items() if value is not None]
    return "\n".join([f"[{path}]", *lines]) + "\n"


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    # Control characters may not stand in a TOML string; U+0085, U+2028 and U+2029 may, but end a line for str methods.
    return character if character.isprintable() else f"\\U{ord(character):08X}"


def _read_value(value: object, hint: Any, field: inspect.Field, path: str) -> object:
    read = extra_of(field).get("read")
    try:
        return read(value) if read else msgspec.convert(value, hint)
    except (ValueError, msgspec.ValidationError):  # before msgspec 0.20 it is no ValueError: Debian 13 has 0.19
        found = "this value" if extra_of(field).get("secret") else shown(value)
        raise ConfigError(f"{path}: {found} is not allowed; allowed: {allowed(field, value)}") from None


def _range(number: inspect.IntType | inspect.FloatType, kind: str) -> str:
    even = ", even" if number.multiple_of == 2 else ""
    return f"{kind}{number.ge} to {number.le}{even}"


def _shown_item(value: object) -> str:
    match value:
        case list():
            return "[...]"
        case dict():
            return "{...}"
        case int() if value.bit_length() > _MAX_INTEGER_BITS:
            return f"a number of {value.bit_length()} bits"
        case str():
            return write_value(value[:MAX_SHOWN_CHARACTERS])
        case bool() | int() | float():
            return write_value(value)
        case _:
            return str(value)


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
