"""What a PromQL expression is made of: its selectors, the names in it and its ranges. For static checks only.

It knows the grammar that rules and dashboards here use: no subquery, no `offset`, no `@`, no escape in a string.
Whether an expression is valid is for Prometheus to say.
"""

import re
from dataclasses import dataclass
from typing import Final

_TOKEN: Final = re.compile(
    r"""\b(?:by|without|on|ignoring|group_left|group_right)\b\s*\([^)]*\)
      | \b(?:and|or|unless|bool)\b
      | (?:(?P<function>[a-z_]\w*)\s*\(\s*)?
        \b(?P<name>[a-zA-Z_:][\w:]*+)(?!\s*\(|\s+(?:by|without)\b)(?P<braces>\{[^}]*\})?(?P<range>\[[^\]]*\])?
      | \w+ | "[^"]*" """,
    re.VERBOSE,
)
_MATCHER: Final = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')


@dataclass(frozen=True, slots=True)
class Selector:
    """One vector selector: `matchers` are (label, operator, value), `range_text` is empty or what is in brackets, and
    `function` what is applied to it directly."""

    name: str
    matchers: tuple[tuple[str, str, str], ...]
    range_text: str
    function: str


def selectors(expression: str) -> list[Selector]:
    """Return the vector selectors of an expression, in order."""
    return [
        Selector(
            token["name"],
            tuple(_MATCHER.findall(token["braces"] or "")),
            (token["range"] or "")[1:-1],
            token["function"] or "",
        )
        for token in _TOKEN.finditer(expression)
        if token["name"]
    ]
