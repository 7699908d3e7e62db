"""What waits to be written to one peer: replies, frames, and the chunk of which a part is on the wire already.

It has no socket and no clock: `next_chunk` says what is to be sent, `sent` how much of it was taken, and times come
as `now`. So it serves any byte stream that must not be cut inside a frame: a TCP connection, TLS, a tunnel.

- A reply waits for the unfinished chunk alone and overtakes the frames behind it.
- Frames are queued by reference: they belong to their stream and are shared by all readers. Only the unfinished chunk
  is a memoryview.

The queue has no limit of its own; `limit_bytes` adds up what its owner's viewers may owe, and the owner ends the peer.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

DEFAULT_WRITE_LIMIT_BYTES: Final = 1 << 20
"""Without a viewer only replies wait."""


class WriteQueue:
    """Bytes that wait, in the order in which they leave. While nothing is unfinished nothing else waits either, except
    inside a call of the owner's that is about to send it."""

    __slots__ = ("_frames", "_frames_bytes", "_limits", "_replies", "_unfinished", "_unfinished_since")

    def __init__(self) -> None:
        self._replies: deque[bytes] = deque()
        self._frames: deque[tuple[bytes, float]] = deque()  # with the time since which each waits
        self._frames_bytes = 0
        self._unfinished: memoryview | None = None  # the rest of the chunk that is partly on the wire
        self._unfinished_since = 0.0
        self._limits: list[Callable[[], int]] = []

    # --- in

    def add_reply(self, data: bytes) -> None:
        """Send `data` after the unfinished chunk and the replies before it."""
        self._replies.append(data)

    def add_frame(self, image: bytes, now: float) -> None:
        """Send `image`, which is shared and not copied, after all that waits."""
        self._frames.append((image, now))
        self._frames_bytes += len(image)

    def add_rest(self, rest: memoryview, now: float) -> None:
        """Keep what was not taken of a chunk that was sent past the queue, while nothing waited."""
        self._unfinished = rest
        self._unfinished_since = now

    # --- out

    def next_chunk(self, now: float) -> memoryview | None:
        """Return what is to be sent next; None when nothing waits. `sent` comes after it."""
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
        """So many bytes of the chunk were taken."""
        assert self._unfinished is not None
        self._unfinished = self._unfinished[count_bytes:] if count_bytes < len(self._unfinished) else None

    def drop_frames(self, now: float) -> int:
        """Forget the frames that wait whole and return how many; the unfinished chunk has its time anew."""
        dropped = len(self._frames)
        self.clear_frames()
        self._unfinished_since = now
        return dropped

    def clear_frames(self) -> None:
        """Forget the frames that wait whole."""
        self._frames.clear()
        self._frames_bytes = 0

    def clear(self) -> None:
        """Forget all."""
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
        """Bytes that wait."""
        unfinished = len(self._unfinished) if self._unfinished is not None else 0
        return unfinished + self._frames_bytes + sum(map(len, self._replies))

    def oldest_age_s(self, now: float) -> float:
        """Return the age of the oldest byte that waits; 0 when none does."""
        if self._unfinished is None:
            return 0.0
        if self._frames:  # a reply that overtook them is younger
            return now - min(self._unfinished_since, self._frames[0][1])
        return now - self._unfinished_since

    # --- what may wait

    def add_limit(self, limit_bytes: Callable[[], int]) -> None:
        """Let as many bytes more wait as `limit_bytes` returns at the time: what one viewer may owe."""
        self._limits.append(limit_bytes)

    def remove_limit(self, limit_bytes: Callable[[], int]) -> None:
        """Take an added limit back: a viewer has left. What waits for the last one is dropped with it."""
        self._limits.remove(limit_bytes)
        if not self._limits:
            self.clear_frames()

    @property
    def has_one_limit(self) -> bool:
        """Whether all frames that wait are one viewer's."""
        return len(self._limits) == 1

    @property
    def limit_bytes(self) -> int:
        """How many bytes may wait now."""
        return sum(limit_bytes() for limit_bytes in self._limits) or DEFAULT_WRITE_LIMIT_BYTES


class DrainClock:
    """Since when nothing of what waits has moved. Progress is what the peer acknowledged: the kernel takes more only
    when a third of its buffer is free."""

    __slots__ = ("_acked_bytes", "_progress_at")

    def __init__(self) -> None:
        self._acked_bytes = 0
        self._progress_at = 0.0

    def begin(self, now: float) -> None:
        """Something waits from now on."""
        self._progress_at = now

    def note(self, acked_bytes: int, now: float) -> None:
        """So many bytes have been acknowledged in all."""
        if acked_bytes != self._acked_bytes:
            self._acked_bytes = acked_bytes
            self._progress_at = now

    def still_s(self, now: float) -> float:
        """Return for how long nothing has moved."""
        return now - self._progress_at
