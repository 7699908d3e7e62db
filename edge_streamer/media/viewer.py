"""What a stream delivers frames to: a viewer alone, or a batch of viewers that are sent the same bytes."""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Protocol

from edge_streamer.protocol.rtp.packets import PacketizedFrame


class Viewer(Protocol):
    """An RTSP session or a browser."""

    def start(self, first: PacketizedFrame) -> None:
        """Called when playing begins, right before `first` is delivered."""

    def deliver(self, frame: PacketizedFrame) -> None:
        """Send a frame; must not raise for a network error, and must not block."""

    def on_fault(self, error: Exception) -> None:
        """End the viewer: `start` or `deliver` raised `error`."""

    @property
    def batch_kind(self) -> "BatchKind | None":
        """The batch of viewers that it belongs to; None for a viewer that is delivered to separately."""

    # --- while it is late: it started with cached frames and has not reached the newest one

    @property
    def room_bytes(self) -> int | None:
        """How many bytes its connection takes now without using up the write budget, 0 while earlier ones wait; None
        for datagrams: nothing holds them back, so that the stream paces them."""

    def skip(self, frames: int) -> bool:
        """Called when a late viewer could go on at a new start point, and would lose `frames` frames before it. Return
        whether it does."""


class Batch(Protocol):
    """Viewers that are sent the same bytes, in one loop without a call for each viewer."""

    def add(self, viewer: Viewer) -> None:
        """Deliver to `viewer` too."""

    def remove(self, viewer: Viewer) -> None:
        """Deliver to `viewer` no longer."""

    @property
    def is_empty(self) -> bool:
        """Whether the batch has no viewer left."""

    def deliver(self, frame: PacketizedFrame) -> Iterable[tuple[Viewer, Exception]]:
        """Send a frame to all viewers; return those for which sending raised, each with the exception."""


@dataclass(frozen=True, slots=True)
class BatchKind:
    """Viewers of a stream with the same `key` share the batch that `new` makes for the first of them."""

    key: Hashable
    new: Callable[[], Batch]
