"""YAML with places: a small tree of strings, lists and mappings, within limits, and nothing of YAML's other powers.

PyYAML composes the nodes and constructs no object from them: a scalar is the string that is written, as netplan takes
it (`password: 12345678` is no number). Anchors, aliases, tags and a second document are refused: settings need none,
and aliases make much of little. PyYAML (Debian: python3-yaml) is imported when the first YAML file is there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from edge_streamer.appliance.formats.text import Secret

MAX_DEPTH: Final = 16
MAX_NODES: Final = 2000

Tree: TypeAlias = "str | list[Tree] | dict[str, Tree] | None"


class YamlError(Exception):
    """Not YAML, or more of it than settings need. One line: the line, what was found, what is allowed."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """A scalar by its path in the tree (a list's element has its number): its value, where it starts, and what of the
    text to overwrite when it is a secret."""

    path: tuple[str, ...]
    value: str
    line: int
    secret: Secret


@dataclass(frozen=True, slots=True)
class YamlText:
    """A YAML text as a tree, with its scalars and the lines of its keys."""

    tree: Tree
    scalars: tuple[Scalar, ...]
    lines: dict[tuple[str, ...], int]

    def line_of(self, *path: str) -> int:
        """Return the line, from 1, of the key at `path`; 0 if there is none."""
        return self.lines.get(path, 0)


def parse_yaml(text: str) -> YamlText:
    """Return the text's tree; YamlError when it is not YAML or exceeds the limits."""
    try:
        import yaml
    except ImportError:
        raise YamlError("nothing can read YAML here; install python3-yaml") from None
    try:
        _check_events(yaml, text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}: " if mark else ""
        raise YamlError(f"{place}not YAML ({error.problem or error.context}); correct it there") from None
    except yaml.YAMLError as error:
        raise YamlError(f"not YAML ({str(error).splitlines()[0]}); correct it there") from None
    reader = _NodeReader(text)
    return YamlText(reader.tree(node, ()), tuple(reader.scalars), reader.lines)


def is_true(value: Tree) -> bool:
    """Return whether a scalar is one of the words that YAML 1.1 takes for true."""
    return isinstance(value, str) and value.lower() in ("true", "yes", "on", "y", "1")


def _check_events(yaml: Any, text: str) -> None:
    depth = 0
    for number, event in enumerate(yaml.parse(text, Loader=yaml.SafeLoader)):
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise YamlError(f"line {line}: an anchor or an alias (& or *) is not taken; write the value itself")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH or number > 2 * MAX_NODES:
            raise YamlError(f"line {line}: too much; allowed: {MAX_NODES} values, {MAX_DEPTH} levels deep")


class _NodeReader:
    """Makes the tree of PyYAML's nodes; no node is met twice, because there are no aliases."""

    def __init__(self, text: str) -> None:
        self.scalars: list[Scalar] = []
        self.lines: dict[tuple[str, ...], int] = {}
        self._text = text

    def tree(self, node: Any, path: tuple[str, ...]) -> Tree:
        if node is None:
            return None
        if node.id == "sequence":
            return [self.tree(each, (*path, str(number))) for number, each in enumerate(node.value)]
        if node.id == "mapping":
            return dict(self._pairs(node, path))
        self.scalars.append(self._scalar(node, path))
        return None if node.tag.endswith(":null") else str(node.value)

    def _pairs(self, node: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Tree]]:
        for key_node, value_node in node.value:
            key = str(key_node.value) if key_node.id == "scalar" else ""
            self.lines[(*path, key)] = key_node.start_mark.line + 1
            yield key, self.tree(value_node, (*path, key))

    def _scalar(self, node: Any, path: tuple[str, ...]) -> Scalar:
        start, end = node.start_mark.index, node.end_mark.index
        if node.style in ("'", '"'):
            start, end = start + 1, end - 1
        elif node.style in ("|", ">"):
            start = self._text.find("\n", start, end) + 1 or end  # the first line has the style and its marks
        secret = Secret(start, end, form="block" if "\n" in self._text[start:end] else "text")
        return Scalar(path, str(node.value), node.start_mark.line + 1, secret)
