"""Places in TOML: of any table, every string is found exactly, and a table can be taken out of the text."""

import tomllib
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from edge_streamer.appliance.formats.text import CardText, Secret
from edge_streamer.appliance.formats.toml_text import TomlScanner, read_toml
from edge_streamer.config.toml import write_value

KEY = st.sampled_from(["a", "b-c", "device", "password", '"a.b"', "'x y'", '"\\u00e4"', '"]"', "1", '"#"', '""'])
STRING = st.text(st.sampled_from("ab'\"\\#=[]{},. \tä\U0001f600"), max_size=8)
BARE = st.sampled_from(["1", "-2.5e3", "true", "1979-05-27 07:32:00", "1979-05-27", "07:32:00.5", "inf", "0xf"])
SPACE = st.sampled_from(["", " ", "\t ", "  "])
LINES = st.sampled_from(["", " ", "\n", " # ] } \" '\n", "\r\n\t"])


def literal(text: str) -> str:
    return f"'{text}'" if "'" not in text else write_value(text)


def several_lines(text: str) -> str:
    escaped = write_value(text)[1:-1]
    return f'"""{escaped}"""'


WRITTEN = STRING.flatmap(lambda text: st.sampled_from([write_value(text), literal(text), several_lines(text)])) | BARE


def array(items: list[str], spaces: list[str]) -> str:
    return f"[{spaces[0]}{f'{spaces[1]},{spaces[2]}'.join(items)}{spaces[3]}]"


def inline(values: list[str]) -> str:
    return f"{{ {', '.join(f'k{number} = {value}' for number, value in enumerate(values))} }}"


VALUE = st.recursive(
    WRITTEN,
    lambda inner: (
        st.builds(array, st.lists(inner, max_size=3), st.lists(LINES, min_size=4, max_size=4))
        | st.lists(inner.filter(lambda text: "\n" not in text), max_size=3).map(inline)
    ),
    max_leaves=6,
)
STATEMENT = st.builds(
    lambda keys, before, around, value, after: f"{before}{'.'.join(keys)}{around}={around}{value}{after}",
    st.lists(KEY, min_size=1, max_size=3), SPACE, SPACE, VALUE, st.sampled_from(["\n", " # x = 'y'\n", "\r\n", "\n\n"]),
)  # fmt: skip
HEADER = st.builds(
    lambda keys, space, ends: f"{ends[0]}{space}{'.'.join(keys)}{space}{ends[1]}\n",
    st.lists(KEY, min_size=1, max_size=3), SPACE, st.sampled_from([("[", "]"), ("[[", "]]")]),
)  # fmt: skip


def is_toml(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


TEXT = st.lists(STATEMENT | HEADER, max_size=8).map("".join).filter(is_toml)


def strings_as(value: Any, word: Callable[[str], str]) -> Any:
    """Return the value with `word` of each of its strings."""
    match value:
        case dict():
            return {key: strings_as(each, word) for key, each in value.items()}
        case list():
            return [strings_as(each, word) for each in value]
        case str():
            return word(value)
        case _:
            return value


@settings(deadline=None, max_examples=150)
@given(TEXT)
def test_without_its_strings_a_text_has_the_same_keys_and_other_values(text: str) -> None:
    blanked = text
    for leaf in sorted(TomlScanner(text).leaves, key=lambda leaf: -leaf.start):
        if leaf.is_string:
            blank = Secret(leaf.start, leaf.end).blank(text).decode()
            blanked = blanked[: leaf.start] + blank + blanked[leaf.end :]
    left = strings_as(tomllib.loads(blanked), lambda text: text.strip("_\r\n"))
    assert left == strings_as(tomllib.loads(text), lambda text: "")


@settings(deadline=None, max_examples=150)
@given(TEXT)
def test_a_table_can_be_taken_out_and_the_lines_stay(text: str) -> None:
    tables, scanner = read_toml(CardText("f", text))
    for table in (*tables, "none"):
        rest = scanner.without(table)
        assert tomllib.loads(rest) == {key: value for key, value in tables.items() if key != table}
        assert rest.count("\n") == text.count("\n")


def test_lines_of_keys() -> None:
    scanner = TomlScanner('a = 1\n[b]\nc = [\n1,\n2]\nd.e = "x"\n')
    paths = [("a",), ("b",), ("b", "c"), ("b", "d", "e"), ("b", "d"), ("z",)]
    assert [scanner.line_of(path) for path in paths] == [1, 2, 3, 6, 0, 0]
