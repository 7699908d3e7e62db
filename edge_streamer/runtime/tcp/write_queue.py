"""The bytes that wait to be written to one peer: replies, frames, and the chunk that is partly on the wire.

It has no socket and no clock: `next_chunk` returns the bytes to send, `sent` is told how many of them were taken, and
times are passed as `now`. So it serves any byte stream that must not be cut inside a frame: a TCP connection, TLS, a
tunnel.

- A reply waits for the unfinished chunk only, and overtakes the frames behind it.
- Frames are queued by reference: they belong to their stream and are shared by all readers. Only the unfinished chunk
  is a memoryview.

The queue enforces no limit: `limit_bytes` is the sum of the viewers' write budgets, and the queue's owner acts when the
backlog exceeds it.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

DEFAULT_WRITE_LIMIT_BYTES: Final = 1 << 20
"""Limit of a connection without a viewer, on which only replies wait."""


class WriteQueue:
    """Bytes that wait, in sending order. Without an unfinished chunk nothing else waits either, except inside a call of
    the owner that is about to send."""

    __slots__ = ("_frames", "_frames_bytes", "_limits", "_replies", "_unfinished", "_unfinished_since")

    def __init__(self) -> None:
        self._replies: deque[bytes] = deque()
        self._frames: deque[tuple[bytes, float]] = deque()  # each with the time since which it waits
        self._frames_bytes = 0
        self._unfinished: memoryview | None = None  # the rest of the chunk that is partly on the wire
        self._unfinished_since = 0.0
        self._limits: list[Callable[[], int]] = []

    # --- in

    def add_reply(self, data: bytes) -> None:
        """Queue `data` behind the unfinished chunk and earlier replies."""
        self._replies.append(data)

    def add_frame(self, image: bytes, now: float) -> None:
        """Queue `image`, which is shared and not copied, behind everything that waits."""
        self._frames.append((image, now))
        self._frames_bytes += len(image)

    def add_rest(self, rest: memoryview, now: float) -> None:
        """Queue the rest of a chunk of which the owner sent a part directly, while nothing waited."""
        self._unfinished = rest
        self._unfinished_since = now

    # --- out

    def next_chunk(self, now: float) -> memoryview | None:
        """Return the bytes to send next; None when nothing waits. The owner then calls `sent`."""
        if self._unfinished is None:
            if self._replies:
                self._unfinished = memoryview(self._replies.popleft())
                self._unfinished_since = now
            elif self._frames:
                image, self._unfinished_since = self._frames.popleft()
                self._frames_bytes -= len(image)
                self._unfinished = memoryview(image)
        return self._unfinished

    def sent(self, count_bytes: int) -> None:
        """Remove the bytes of the chunk that the socket took."""
        assert self._unfinished is not None
        self._unfinished = self._unfinished[count_bytes:] if count_bytes < len(self._unfinished) else None

    def drop_frames(self, now: float) -> int:
        """Drop the frames that wait whole and return their number; the age of the unfinished chunk starts again at
        0."""
        dropped = len(self._frames)
        self.clear_frames()
        self._unfinished_since = now
        return dropped

    def clear_frames(self) -> None:
        """Drop the frames that wait whole."""
        self._frames.clear()
        self._frames_bytes = 0

    def clear(self) -> None:
        """Drop everything."""
        self._unfinished = None
        self._replies.clear()
        self.clear_frames()

    # --- what waits

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return self._unfinished is None and not self._replies and not self._frames

    @property
    def is_in_chunk(self) -> bool:
        """Whether a chunk is unfinished."""
        return self._unfinished is not None

    @property
    def waiting_bytes(self) -> int:
        """Number of bytes that wait."""
        unfinished = len(self._unfinished) if self._unfinished is not None else 0
        return unfinished + self._frames_bytes + sum(map(len, self._replies))

    def oldest_age_s(self, now: float) -> float:
        """Return the age of the oldest byte that waits; 0 when none does."""
        if self._unfinished is None:
            return 0.0
        if self._frames:  # the unfinished chunk may be a younger reply that overtook them
            return now - min(self._unfinished_since, self._frames[0][1])
        return now - self._unfinished_since

    # --- what may wait

    def add_limit(self, limit_bytes: Callable[[], int]) -> None:
        """Add one viewer's write budget to the limit; `limit_bytes` is called whenever the limit is read."""
        self._limits.append(limit_bytes)

    def remove_limit(self, limit_bytes: Callable[[], int]) -> None:
        """Remove the write budget of a viewer that has left. With the last viewer, the waiting frames are dropped."""
        self._limits.remove(limit_bytes)
        if not self._limits:
            self.clear_frames()

    @property
    def has_one_limit(self) -> bool:
        """Whether all waiting frames belong to one viewer."""
        return len(self._limits) == 1

    @property
    def limit_bytes(self) -> int:
        """How many bytes may wait now."""
        return sum(limit_bytes() for limit_bytes in self._limits) or DEFAULT_WRITE_LIMIT_BYTES


class DrainClock:
    """Measures for how long a backlog has not moved. Progress is measured by the peer's acknowledgements, since the
    kernel takes more bytes only when a third of its buffer is free."""

    __slots__ = ("_acked_bytes", "_progress_at")

    def __init__(self) -> None:
        self._acked_bytes = 0
        self._progress_at = 0.0

    def begin(self, now: float) -> None:
        """Start: bytes wait from `now` on."""
        self._progress_at = now

    def note(self, acked_bytes: int, now: float) -> None:
        """Take the total of acknowledged bytes at `now`."""
        if acked_bytes != self._acked_bytes:
            self._acked_bytes = acked_bytes
            self._progress_at = now

    def still_s(self, now: float) -> float:
        """Return the seconds since the last progress."""
        return now - self._progress_at
