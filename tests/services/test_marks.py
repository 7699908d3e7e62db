"""Marks are found on every kind of field, and where there is none."""

from typing import Annotated

from msgspec import Meta, Struct

from edge_streamer.services.marks import extra_of, fields_of, keys_marked


class Section(Struct):
    plain: int = 0
    described: Annotated[int, Meta(description="A number.")] = 0
    marked: Annotated[int, Meta(extra={"colour": "red"})] = 0
    optional: Annotated[str, Meta(extra={"colour": "blue", "restart_only": True})] | None = None


SECTIONS = {"one": Section, "two": Section}


def test_keys_are_found_by_the_values_of_their_mark() -> None:
    assert keys_marked(SECTIONS, "colour", "red") == ("one.marked", "two.marked")
    assert keys_marked({"one": Section}, "colour", "blue", "red") == ("one.marked", "one.optional")
    assert keys_marked({"one": Section}, "restart_only", True) == ("one.optional",)
    assert keys_marked(SECTIONS, "colour", "green") == keys_marked(SECTIONS, "taste", "red") == ()


def test_a_field_without_marks_has_none() -> None:
    assert [dict(extra_of(field)) for field in fields_of(Section).values()][:3] == [{}, {}, {"colour": "red"}]
