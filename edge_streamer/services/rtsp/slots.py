"""Session slots: small numbers that keep the cardinality of per-session metrics bounded.

A session takes the lowest free slot. A slot's counters belong to the slot and only grow, over all its occupants, so
that Prometheus' `rate()` holds when one session ends and another takes its place.
"""

import heapq
from dataclasses import dataclass


@dataclass(slots=True)
class Slot:
    """A slot and what its former occupants have added to its counters."""

    number: int
    sent_bytes: int = 0
    discarded_frames: int = 0
    retransmits: int = 0


class SlotTable:
    """`limit` slots, numbered from 0. A lower limit counts for those who come."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._slots: list[Slot] = []
        self._free: list[int] = []

    def take(self) -> Slot | None:
        """Return the lowest free slot, or None when all are taken."""
        if len(self._slots) - len(self._free) >= self.limit:
            return None
        if self._free:
            return self._slots[heapq.heappop(self._free)]
        self._slots.append(Slot(len(self._slots)))
        return self._slots[-1]

    def release(self, slot: Slot) -> None:
        """Give a slot back."""
        heapq.heappush(self._free, slot.number)
