"""What was found wrong in a file while it plays: units left out, counted by reason, and a warning for each kind, once.

A pass of a clip writes it, `source` reports it. No clock and no link.
"""

from collections import Counter
from typing import Final

from edge_streamer.protocol.source.messages import DiscardReason

_WHAT: Final[dict[DiscardReason, str]] = {
    "empty": "an empty access unit",
    "torn": "a damaged access unit",
    "oversized": "an oversized access unit",
    "error": "a place that cannot be read",
}


class Findings:
    """`discarded`: units left out since they were last taken; `warnings`: texts that were not reported yet."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._told: set[str] = set()
        self.discarded: Counter[DiscardReason] = Counter()
        self.warnings: list[str] = []

    def discard(self, reason: DiscardReason, detail: str) -> None:
        """Count a unit that is left out; `detail` says what is wrong with it."""
        self.discarded[reason] += 1
        self.warn(reason, f"has {_WHAT[reason]}: {detail}; it is left out, and further ones are counted")

    def warn(self, kind: str, text: str) -> None:
        """Say of the file what `text` says, unless something of this kind was said before."""
        if kind not in self._told:
            self._told.add(kind)
            self.warnings.append(f"{self._path} {text}")
