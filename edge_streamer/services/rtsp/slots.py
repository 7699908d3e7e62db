"""Admission of sessions, and session slots: small numbers that keep the cardinality of per-session metrics bounded.

A session takes the lowest free slot. A slot's counters belong to the slot and only grow, over all its occupants, so
that Prometheus' `rate()` stays correct when one session ends and another takes its place.
"""

import heapq
from collections import Counter
from dataclasses import dataclass

from edge_streamer.runtime.address import network_key


@dataclass(slots=True)
class Slot:
    """A slot and what its former occupants have added to its counters."""

    number: int
    sent_bytes: int = 0
    discarded_frames: int = 0
    retransmits: int = 0


class SlotTable:
    """`limit` slots, numbered from 0. A lowered limit applies to new sessions only."""

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


class Admission:
    """Admits `slots.limit` sessions in all, and `per_address` from one IPv4 address or one IPv6 /64 network.

    Limits may be changed; a lowered one applies to new sessions only.
    """

    def __init__(self, *, total: int, per_address: int) -> None:
        self.slots = SlotTable(total)
        self.per_address = per_address
        self._open: Counter[str] = Counter()

    @property
    def open(self) -> int:
        """The number of sessions that are admitted now."""
        return self._open.total()

    def admit(self, peer_host: str) -> Slot | str:
        """Return the slot of a new session, or the key of the limit that it would exceed."""
        key = network_key(peer_host)
        if self._open[key] >= self.per_address:
            return "rtsp.max_sessions_per_address"
        slot = self.slots.take()
        if slot is None:
            return "rtsp.max_sessions"
        self._open[key] += 1
        return slot

    def dismiss(self, peer_host: str, slot: Slot) -> None:
        """Free the place of a session that has ended."""
        self.slots.release(slot)
        key = network_key(peer_host)
        self._open[key] -= 1
        if not self._open[key]:
            del self._open[key]
