"""Boxes of an MP4 parsed back, without knowing any of the writer's: name, place and content."""

from collections.abc import Iterator
from dataclasses import dataclass
from struct import unpack_from
from typing import Final

CONTAINERS: Final = {b"moov", b"trak", b"mdia", b"minf", b"dinf", b"stbl", b"mvex", b"moof", b"traf"}


@dataclass(frozen=True)
class Box:
    """A box; `start` is where it begins in the data."""

    name: str
    start: int
    body: bytes
    children: tuple["Box", ...] = ()

    def at(self, path: str) -> "Box":
        """Return the only box at `path`, names with slashes in between."""
        name, _, rest = path.partition("/")
        (found,) = [child for child in self.children if child.name == name]
        return found.at(rest) if rest else found

    @property
    def version(self) -> int:
        """Of a full box."""
        return self.body[0]

    @property
    def flags(self) -> int:
        """Of a full box."""
        return int.from_bytes(self.body[1:4], "big")

    def numbers(self, layout: str, offset: int = 4) -> tuple[int, ...]:
        """Return fields in struct's notation, those of a full box behind version and flags."""
        return unpack_from(f">{layout}", self.body, offset)


def parse(data: bytes) -> Box:
    """Return a box that contains all of `data`; AssertionError when the sizes do not add up."""
    return Box("", 0, data, tuple(_boxes(data, 0)))


def names(box: Box) -> list[str]:
    """Return the names of the boxes directly in a box."""
    return [child.name for child in box.children]


def _boxes(data: bytes, offset: int) -> Iterator[Box]:
    position = 0
    while position < len(data):
        size_bytes, name = unpack_from(">I4s", data, position)
        assert 8 <= size_bytes <= len(data) - position, f"{name!r} at {offset + position} has {size_bytes} bytes"
        body = data[position + 8 : position + size_bytes]
        children = tuple(_boxes(body, offset + position + 8)) if name in CONTAINERS else ()
        yield Box(name.decode(), offset + position, body, children)
        position += size_bytes
