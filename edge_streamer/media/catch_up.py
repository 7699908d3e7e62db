"""The frames that one late viewer has still to get: those cached when it joined, and those published since.

They are references to the stream's frames and wait here, not in the viewer's write queue, so that the write budget does
not count them: a viewer is judged by whether it takes what it is handed. `media.audience` hands them out. Datagrams are
paced, since a receiver's socket buffer takes no megabytes at once.
"""

from collections import deque
from collections.abc import Sequence
from typing import Final

from edge_streamer.media.budget import WriteBudget
from edge_streamer.protocol.rtp.packets import PacketizedFrame

PACE: Final = 4
"""Datagrams of a late viewer leave at this many times the stream's peak rate."""
SLOWEST_PACE_BYTES_PER_S: Final = 256 << 10
"""Of a stream whose rate is low, or not known yet."""
BURST_BYTES: Final = 64 << 10
"""Datagrams that may leave at once: half of what a Linux receiver's default socket buffer holds of them. A larger frame
leaves whole, as it does for every viewer, and its excess delays the next one."""
_PART_OF_BUDGET: Final = 4


def room_of_queue(waiting_bytes: int, write_budget_bytes: int) -> int:
    """Return how many bytes a late viewer with a write queue is handed now: a part of its write budget while nothing
    waits there, so that it is never ended by what it starts with."""
    return 0 if waiting_bytes else write_budget_bytes // _PART_OF_BUDGET


class CatchUp:
    """`waiting_bytes` is the size of the packets that wait."""

    __slots__ = ("_credit_bytes", "_earned_at", "_frames", "_limit_bytes", "_pace_bytes_per_s", "waiting_bytes")

    def __init__(self, frames: Sequence[PacketizedFrame], write_budget: WriteBudget) -> None:
        self._frames = deque(frames)
        self.waiting_bytes = sum(frame.packet_bytes for frame in frames)
        self._limit_bytes = self.waiting_bytes + write_budget.write_budget_bytes
        self._pace_bytes_per_s = max(PACE * write_budget.bytes_per_second, SLOWEST_PACE_BYTES_PER_S)
        self._credit_bytes = float(BURST_BYTES)
        self._earned_at: float | None = None

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def is_too_late(self) -> bool:
        """Whether a write budget's worth more waits than at the start: the viewer is slower than the stream."""
        return self.waiting_bytes > self._limit_bytes

    @property
    def credit_bytes(self) -> int:
        """How many bytes of datagrams may leave now."""
        return int(self._credit_bytes)

    def earn(self, now: float) -> None:
        """Add to the credit what the time since the last call is worth."""
        if self._earned_at is not None:
            earned_bytes = (now - self._earned_at) * self._pace_bytes_per_s
            self._credit_bytes = min(self._credit_bytes + earned_bytes, BURST_BYTES)
        self._earned_at = now

    def add(self, frame: PacketizedFrame) -> None:
        """Put a frame that was published behind those that wait."""
        self._frames.append(frame)
        self.waiting_bytes += frame.packet_bytes

    def take(self) -> PacketizedFrame:
        """Return the frame to deliver next; IndexError when none waits."""
        frame = self._frames.popleft()
        self.waiting_bytes -= frame.packet_bytes
        self._credit_bytes -= frame.packet_bytes
        return frame

    def clear(self) -> None:
        """Drop the frames that wait: the viewer goes on at a new start point."""
        self._frames.clear()
        self.waiting_bytes = 0
