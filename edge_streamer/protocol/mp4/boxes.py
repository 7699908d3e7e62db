"""Boxes, the building blocks of MP4 (ISO/IEC 14496-12 4.2)."""

from struct import Struct, pack
from typing import Final

BOX: Final = Struct(">I4s")
"""A box's header: its size, header included, and its name."""
TRACK_ID: Final = 1
"""The number of the only track."""


def box(name: bytes, *parts: bytes) -> bytes:
    """Return a box of these parts (section 4.2.2)."""
    body = b"".join(parts)
    return BOX.pack(BOX.size + len(body), name) + body


def full_box(name: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    """Return a box with version and flags (section 4.2.2)."""
    return box(name, pack(">I", version << 24 | flags), *parts)
