"""The rate that a stream's link must carry, and the write budget of each of its readers that follows from it.

The rate is the encoder's setting or the busiest second seen, whichever is more: an encoder may exceed its setting, and
a file has none. `budget` has the arithmetic, `peak_rate` the measurement. `media.stream` counts frames here;
`supervision.encoder` sets a changed rate.
"""

from edge_streamer.media.budget import WriteBudget
from edge_streamer.media.peak_rate import PeakRateMeter


class LinkRate:
    """The link rate of one stream. `configured_bps` is the encoder's setting, 0 when there is none; `write_budget` is
    the present one of each reader."""

    __slots__ = ("_configured_bps", "_next_peak", "_next_peak_from", "_peak", "write_budget")

    def __init__(self, dead_after_s: float, configured_bps: int) -> None:
        self.write_budget = WriteBudget(dead_after_s, configured_bps)
        self._configured_bps = configured_bps
        self._peak = PeakRateMeter()
        self._next_peak: PeakRateMeter | None = None  # of frames since the last change of the setting
        self._next_peak_from = 0.0

    @property
    def bitrate_bps(self) -> int:
        """The stream's true peak: the encoder's setting or the busiest second seen, whichever is more."""
        return max(self._configured_bps, self._peak.peak_bps)

    def configure(self, bitrate_bps: int, now: float) -> None:
        """Take another encoder setting. The peak measured before stays in force for `dead_after_s`, as long as such
        frames can be in a backlog: a budget that shrinks must not end a reader."""
        self._configured_bps = bitrate_bps
        self._next_peak = PeakRateMeter()
        self._next_peak_from = now + self.write_budget.dead_after_s

    def add(self, wire_bytes: int, media_time: int) -> None:
        """Count a frame of `wire_bytes`, headers included, at `media_time` (90 kHz)."""
        self._peak.add(wire_bytes, media_time)
        if not self._configured_bps and self._peak.peak_bps > self.write_budget.link_bitrate_bps:  # no other rate known
            self._renew_budget(self.write_budget.largest_key_frame_bytes)
        if self._next_peak is not None:
            self._next_peak.add(wire_bytes, media_time)

    def add_key_frame(self, packet_bytes: int, now: float) -> None:
        """Take a key frame's size into the budget; after a change of the setting, drop the older peak when due."""
        if self._next_peak is not None and now >= self._next_peak_from:
            self._peak, self._next_peak = self._next_peak, None
        self._renew_budget(max(self.write_budget.largest_key_frame_bytes, packet_bytes))

    def _renew_budget(self, largest_key_frame_bytes: int) -> None:
        self.write_budget = WriteBudget(self.write_budget.dead_after_s, self.bitrate_bps, largest_key_frame_bytes)
