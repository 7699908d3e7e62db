"""Limits for log lines that children and peers cause: their rate, and the characters that a line may hold.

Children and peers decide what is logged and how often, but the disk, the terminal and the loop's time belong to the
service. Called by `runtime.children` and the services. This module writes nothing; the handlers do.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

LINES_PER_SECOND: Final = 20.0
BURST_LINES: Final = 40
"""A traceback is read whole."""
ADDRESS_INTERVAL_S: Final = 1.0
MAX_ADDRESSES: Final = 1024


def printable(text: str) -> str:
    """Return `text` as one line: no end of line and no escape in it reaches a terminal."""
    return (
        text
        if text.isprintable()
        else "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
    )


class LineBudget:
    """A token bucket: `BURST_LINES` at once, `LINES_PER_SECOND` in the long run."""

    def __init__(self, now: float) -> None:
        self._lines = float(BURST_LINES)
        self._filled_at = now

    def take(self, wanted: int, now: float) -> int:
        """Return how many of `wanted` lines may be written now."""
        self._lines = min(BURST_LINES, self._lines + LINES_PER_SECOND * (now - self._filled_at))
        self._filled_at = now
        taken = min(wanted, int(self._lines))
        self._lines -= taken
        return taken


@dataclass(slots=True)
class _Address:
    logged_at: float = float("-inf")
    withheld: int = 0


class LinePerAddress:
    """One line for each address and `ADDRESS_INTERVAL_S`; past `MAX_ADDRESSES` the address quiet for longest is
    forgotten."""

    def __init__(self) -> None:
        self._addresses: OrderedDict[str, _Address] = OrderedDict()

    def take(self, host: str, now: float) -> int | None:
        """Return None when no line about `host` may be written now, else how many were suppressed since the last."""
        address = self._addresses.setdefault(host, _Address())
        self._addresses.move_to_end(host)
        if len(self._addresses) > MAX_ADDRESSES:
            self._addresses.popitem(last=False)
        if now - address.logged_at < ADDRESS_INTERVAL_S:
            address.withheld += 1
            return None
        withheld, address.withheld = address.withheld, 0
        address.logged_at = now
        return withheld
