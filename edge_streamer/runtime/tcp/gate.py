"""The gate of a service: how many connections may be open, in total and per address, and which one makes room.

A connection either is served or waits for its peer: for the first request, for the rest of one, or for the next one.
Its delegate says which (`TcpConnection.set_waiting`). When a limit is reached, a newcomer takes the place of a
connection that waits; one that is served is never closed for it. So peers that connect and send nothing cannot keep
others out, and the newcomer is refused only where every place is in use.

Which one is closed: where the address of the newcomer is at its limit, the one of that address that has waited longest;
where the service is full, the one that has waited longest of the address that has most of them. A flood so pushes out
itself first. Every step costs the same however many connections there are.
"""

from collections import Counter
from typing import Generic, Protocol, TypeVar

from edge_streamer.runtime.address import network_key
from edge_streamer.runtime.tcp.close_reason import CloseReason


class Evictable(Protocol):
    """A connection, as the gate sees it."""

    def close(self, reason: CloseReason) -> None:
        """Close the connection in the next turn."""


class ConnectionGate:
    """Limits the open connections, in total and per address, over all listeners of a service.

    `network_key` decides what counts as one address: an IPv6 /64 does. `refused` and `evicted` count, by limit, the
    newcomers that found no place and the connections that gave theirs up. An evicted connection has no place any more,
    although it is closed in the next turn only.
    """

    def __init__(self, *, total: int, per_address: int) -> None:
        self.total = total
        self.per_address = per_address
        self.refused: Counter[str] = Counter()
        self.evicted: Counter[str] = Counter()
        self.accepted = 0
        self.open = 0
        self._open: Counter[str] = Counter()
        self._waiting: WaitingByAddress[Evictable] = WaitingByAddress()
        self._evicted: set[Evictable] = set()  # and not closed yet

    def enter(self, host: str) -> bool:
        """Add a connection of `host`; False, and counted as refused, when a limit is reached and nothing that waits can
        make room."""
        key = network_key(host)
        if not self._has_room(key):
            return False
        self._open[key] += 1
        self.open += 1
        self.accepted += 1
        return True

    def _has_room(self, key: str) -> bool:
        limit = "total" if self.open >= self.total else "per_address"
        if self._open[key] >= self.per_address:
            return self._evict(limit, self._waiting.longest_of(key))
        return self.open < self.total or self._evict(limit, self._waiting.longest_of_most())

    def _evict(self, limit: str, victim: tuple[str, Evictable] | None) -> bool:
        """Close the victim, if there is one; say whether that makes room."""
        if victim is None:
            self.refused[limit] += 1
            return False
        address, connection = victim
        self._waiting.discard(address, connection)
        self._free_place(address)
        self._evicted.add(connection)
        self.evicted[limit] += 1
        connection.close(CloseReason.LIMIT)
        return True

    def set_waiting(self, host: str, connection: Evictable, is_waiting: bool) -> None:
        """Take note that a connection waits for its peer from now on, or is served."""
        change = self._waiting.add if is_waiting else self._waiting.discard
        change(network_key(host), connection)

    def leave(self, host: str, connection: Evictable | None = None) -> None:
        """Remove a connection of `host`; None for one that was never made."""
        key = network_key(host)
        if connection is not None:
            if connection in self._evicted:
                self._evicted.remove(connection)
                return
            self._waiting.discard(key, connection)
        self._free_place(key)

    def _free_place(self, key: str) -> None:
        self.open -= 1
        self._open[key] -= 1
        if not self._open[key]:
            del self._open[key]


T = TypeVar("T")


class WaitingByAddress(Generic[T]):
    """What waits, by address, and which address has most of it; no operation depends on how much that is."""

    def __init__(self) -> None:
        self._of_address: dict[str, dict[T, None]] = {}  # in the order in which they began to wait
        self._having: dict[int, dict[str, None]] = {}  # the addresses that have this many
        self._most = 0

    def add(self, address: str, item: T) -> None:
        """Let `item` wait, behind the others of its address; without effect when it waits already."""
        items = self._of_address.setdefault(address, {})
        if item not in items:
            items[item] = None
            self._count(address, len(items) - 1, len(items))

    def discard(self, address: str, item: T) -> None:
        """Let `item` wait no more; without effect when it does not wait."""
        items = self._of_address.get(address, {})
        if item in items:
            del items[item]
            self._count(address, len(items) + 1, len(items))
            if not items:
                del self._of_address[address]

    def _count(self, address: str, before: int, after: int) -> None:
        if before:
            peers = self._having[before]
            del peers[address]
            if not peers:
                del self._having[before]
        if after:
            self._having.setdefault(after, {})[address] = None
        if after > self._most or (before == self._most and before not in self._having):
            self._most = after

    def longest_of(self, address: str) -> tuple[str, T] | None:
        """Return what has waited longest of `address`, with the address; None when nothing of it waits."""
        items = self._of_address.get(address)
        return (address, next(iter(items))) if items else None

    def longest_of_most(self) -> tuple[str, T] | None:
        """Return what has waited longest of an address that has most, with the address; None when nothing waits."""
        addresses = self._having.get(self._most)
        return self.longest_of(next(iter(addresses))) if addresses else None
