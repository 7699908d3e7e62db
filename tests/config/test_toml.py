"""TOML in and out: what is written is read again, and no input gives an error that is not one short line."""

import math
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from edge_streamer.config.toml import (
    MAX_FILE_BYTES,
    ConfigError,
    did_you_mean,
    read_file,
    read_struct,
    read_text,
    shown,
    shown_key,
    write_tables,
    write_value,
)


class Sample(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    count: Annotated[int, Meta(description="a count", ge=1, le=9)]
    ratio: Annotated[float, Meta(description="a ratio", ge=0, le=1)] = 0.5


SCALARS = st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


@given(st.recursive(SCALARS, lambda items: st.lists(items, max_size=4), max_leaves=8))
def test_a_written_value_is_read_again(value: object) -> None:
    text = f"key = {write_value(value)}"
    assert tomllib.loads(text) == {"key": value}
    assert len(text.splitlines()) == 1


def test_whole_floats_are_written_short_and_sets_in_order() -> None:
    assert write_value(8.0) == "8"
    assert write_value(frozenset({"udp", "tcp"})) == '["tcp", "udp"]'
    assert write_value(math.inf) == "inf"


def test_a_value_of_no_toml_type_is_our_own_mistake() -> None:
    with pytest.raises(TypeError, match="no TOML for"):
        write_value(object())


def test_tables_are_written_without_the_keys_left_out() -> None:
    assert write_tables({"a": {"x": 1, "y": None}, "b.c": {}}) == "[a]\nx = 1\n\n[b.c]\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[[]]\n", "f: not TOML: Invalid initial character for a key part (at line 1, column 3); correct it there"),
        (b"a = 1\nb = \n", "f: not TOML: Invalid value (at line 2, column 5); correct it there"),
        (b"a = \xff", "f: byte 4 is not UTF-8; save the file as UTF-8 text"),
        (b"a = " + b"[" * 5000, "f: brackets nested too deep; write tables as [table]"),
    ],
)  # fmt: skip
def test_what_is_no_toml_is_told_with_its_place(content: bytes, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_text(content, "f")
    assert str(error.value) == message


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_tables_or_one_line(content: bytes) -> None:
    answer = ""
    try:
        read_text(content, "f")
    except ConfigError as error:
        answer = str(error)
    assert len(answer.splitlines()) <= 1


def test_a_number_with_more_digits_than_python_reads_is_one_line() -> None:
    with pytest.raises(ConfigError, match="f: not TOML: Exceeds the limit"):
        read_text(b"a = 1" + b"0" * 5000, "f")


def test_a_file_that_cannot_be_read_names_itself(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        read_file(tmp_path / "none.toml")
    assert (
        str(error.value)
        == f"{tmp_path}/none.toml: cannot be read (No such file or directory); give the path of a TOML file"
    )


def test_a_file_without_end_is_not_read() -> None:
    with pytest.raises(ConfigError, match=f"/dev/zero: more than {MAX_FILE_BYTES} bytes"):
        read_file(Path("/dev/zero"))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([1], "t: [1] is not allowed; allowed: a table, written [t]"),
        ({}, "t.count: missing; write count = ... under [t]; allowed: a whole number, 1 to 9"),
        ({"cuont": 1}, 't.cuont: unknown key; did you mean "count"? allowed: count, ratio'),
        ({"zzz\n": 1}, 't."zzz\\n": unknown key; allowed: count, ratio'),
        ({"count": 0}, "t.count: 0 is not allowed; allowed: 1 to 9"),
        ({"count": True}, "t.count: true is not allowed; allowed: a whole number, 1 to 9"),
        ({"count": 1.5}, "t.count: 1.5 is not allowed; allowed: a whole number, 1 to 9"),
        ({"count": 16**5000}, "t.count: a number of 20001 bits is not allowed; allowed: 1 to 9"),
        ({"count": 1, "ratio": math.nan}, "t.ratio: nan is not allowed; allowed: 0 to 1"),
        ({"count": 1, "ratio": "x"}, 't.ratio: "x" is not allowed; allowed: a number, 0 to 1'),
    ],
)
def test_a_table_that_does_not_fit_says_key_value_and_range(table: object, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_struct(table, Sample, "t")
    assert str(error.value) == message


def test_a_table_that_fits_is_the_struct() -> None:
    assert read_struct({"count": 3, "ratio": 1}, Sample, "t") == Sample(count=3, ratio=1.0)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a\nb", '"a\\nb"'),
        ("a\u2028b", '"a\\U00002028b"'),
        ([[1], {"a": 1}, "x"], '[[...], {...}, "x"]'),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02 00:00:00+00:00"),
        ("x" * 100, '"' + "x" * 60 + "..."),
    ],
)
def test_what_was_found_is_shown_on_one_short_line(value: object, text: str) -> None:
    assert shown(value) == text


def test_keys_are_shown_as_they_may_be_written() -> None:
    assert [shown_key(key) for key in ("main", "front door", "")] == ["main", '"front door"', '""']


def test_only_a_word_that_looks_alike_is_suggested() -> None:
    assert did_you_mean("streems", ["rtsp", "streams"]) == ' did you mean "streams"?'
    assert did_you_mean("colour", ["rtsp", "streams"]) == ""
