"""Marks on the fields of a settings section: properties of a key, from which reload, status and docs follow.

A mark is an entry of `msgspec.Meta(extra=...)` and stands with the field's description and range:

    restart_only  True: clients were told the value, so a changed value waits for a restart (`app.reload_plan`)
    limit         "counted": a client that would exceed it is refused, and the refusal is counted under the key;
                  "shown": the status shows it as a limit; an excess is counted as something else

`config.toml` reads three more entries, `allowed`, `read` and `secret`.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, inspect


def keys_marked(sections: Mapping[str, type[Struct]], mark: str, *values: object) -> tuple[str, ...]:
    """Return the keys (`section.field`) whose `mark` has one of `values`, in the order in which they are written."""
    return tuple(
        f"{section}.{field.name}"
        for section, struct_type in sections.items()
        for field in fields_of(struct_type).values()
        if extra_of(field).get(mark) in values
    )


def fields_of(struct_type: type[Struct]) -> dict[str, inspect.Field]:
    """Return the fields of a struct by key, in the order they are written down."""
    info = inspect.type_info(struct_type)
    assert isinstance(info, inspect.StructType)
    return {field.name: field for field in info.fields}


def extra_of(field: inspect.Field) -> Mapping[str, Any]:
    """Return a field's `Meta(extra=...)`, empty where there is none."""
    _, metadata = unwrapped(field.type)
    return (metadata.extra if metadata else None) or {}


def unwrapped(field_type: inspect.Type) -> tuple[inspect.Type, inspect.Metadata | None]:
    """Take `| None` and the metadata off a type; return both."""
    if isinstance(field_type, inspect.UnionType):
        field_type = next(each for each in field_type.types if not isinstance(each, inspect.NoneType))
    if isinstance(field_type, inspect.Metadata):
        return field_type.type, field_type
    return field_type, None
