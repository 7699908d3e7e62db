"""The write budget: how many bytes may wait for one reader before it counts as dead.

    limit = dead_after_s x link_bitrate_bps / 8, rounded up to 1024,
    but never less than two of the largest key frames seen plus one second of media

The floor is for slow streams: at 200 kbit/s eight seconds are 200 kB, and one key frame may take 100 kB of them.
"""

from dataclasses import dataclass
from typing import Final

ALIGNMENT_BYTES: Final = 1024
FLOOR_KEY_FRAMES: Final = 2
FLOOR_MEDIA_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class WriteBudget:
    """The budget of each reader of a stream. `link_bitrate_bps` is the stream's peak rate; `largest_key_frame_bytes`
    counts the packets of the frame with their headers."""

    dead_after_s: float
    link_bitrate_bps: float
    largest_key_frame_bytes: int = 0

    @property
    def bytes_per_second(self) -> float:
        """The stream's peak rate in bytes a second."""
        return self.link_bitrate_bps / 8

    @property
    def write_budget_bytes(self) -> int:
        """Bytes that may wait, in the server and in the kernel together."""
        seconds = self.dead_after_s * self.bytes_per_second
        floor = FLOOR_KEY_FRAMES * self.largest_key_frame_bytes + FLOOR_MEDIA_S * self.bytes_per_second
        return -int(-max(seconds, floor) // ALIGNMENT_BYTES) * ALIGNMENT_BYTES

    def seconds_of(self, backlog_bytes: int) -> float:
        """Return how long the stream takes to make `backlog_bytes` at its peak rate."""
        return backlog_bytes / self.bytes_per_second if self.link_bitrate_bps else 0.0
