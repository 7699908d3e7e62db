"""A stream: frames in, each packetized once, the same bytes out to every viewer.

A stream consists of a track and viewers. The track (`track`) makes the packets, the same for every viewer; `link_rate`
has the rate and the write budget that follows from it. A viewer starts at a key frame:

- If the source can make key frames on request, it is asked, at most once a second for all viewers, and the waiting
  viewers start with the new one.
- If it cannot, or the key frame does not come in time, the cached frames since the last key frame are sent. They are
  contiguous in sequence with the next frame, so the viewer notices no gap.

Called on the loop's thread: by the supervisor ("frames in", and the state of the source) and by viewers, RTSP sessions
and browsers (the rest, and `on_wanted`). A stream owns no socket and no timer: that a viewer has waited too long is
noticed when the next frame comes, or by the session's deadline.
"""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from edge_streamer.codec.frame import EncodedFrame
from edge_streamer.codec.h264.parameter_sets import ParameterSets
from edge_streamer.media.budget import WriteBudget
from edge_streamer.media.key_frames import KeyFrameCache, KeyFrameRequests
from edge_streamer.media.link_rate import LinkRate
from edge_streamer.media.track import StreamIdentity, Track, TrackChanges
from edge_streamer.protocol.rtp.packets import PacketizedFrame

IP_UDP_HEADER_BYTES: Final = 28


class Viewer(Protocol):
    """What a stream delivers frames to: an RTSP session or a browser."""

    def start(self, first: PacketizedFrame) -> None:
        """Called when playing begins, right before `first` is delivered."""

    def deliver(self, frame: PacketizedFrame) -> None:
        """Send a frame; must not raise for a network error, and must not block."""

    def on_fault(self, error: Exception) -> None:
        """End the viewer: `start` or `deliver` raised `error`."""

    @property
    def batch_kind(self) -> "BatchKind | None":
        """The batch of viewers that it belongs to; None for a viewer that is delivered to separately."""


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


Deliver = Callable[[PacketizedFrame], None]


@dataclass(slots=True)
class StreamCounters:
    """Totals since the stream was made."""

    frames: int = 0
    key_frames: int = 0
    bytes: int = 0
    packets: int = 0
    payload_bytes: int = 0


class Stream:
    """A track, its viewers, and the frames that they start with. `link_bitrate_bps` 0: the rate is measured.

    A client's DESCRIBE and PLAY, a browser and a request for a snapshot call `on_wanted`; `on_left` is called when a
    session of the stream has ended. `on_first_key_frame` is called in the middle of `publish`, so the callback must
    post its work to a later turn. `awaited_by` counts the replaced streams whose sessions wait for this one's first
    picture. `is_down` says that the source has failed and does not run now: a wait for a description would be in
    vain."""

    def __init__(
        self,
        name: str,
        *,
        dead_after_s: float = 8.0,
        link_bitrate_bps: int = 0,
        nominal_fps: float = 0.0,
        skips_for_slow_readers: bool = False,
        identity: StreamIdentity | None = None,
        changes: TrackChanges | None = None,
    ) -> None:
        self.name = name
        self.skips_for_slow_readers = skips_for_slow_readers
        self.nominal_fps = nominal_fps
        self.track: Final = Track(identity or StreamIdentity.random(), changes)
        self.link: Final = LinkRate(dead_after_s, link_bitrate_bps)
        self.counters = StreamCounters()
        self.key_frame_requests = KeyFrameRequests()
        self.on_wanted: Callable[[], None] = _nothing
        self.on_left: Callable[[], None] = _nothing
        self.on_first_key_frame: Callable[[], None] = _nothing
        self.awaited_by = 0
        self.is_down = False
        self.last_frame: EncodedFrame | None = None
        self.last_frame_at = 0.0
        self._cache = KeyFrameCache()
        self._playing: dict[Viewer, Batch | None] = {}
        self._batches: dict[Hashable, Batch] = {}
        self._alone: dict[Viewer, Deliver] = {}  # playing viewers without a batch
        self._waiting: list[Viewer] = []
        self._awaiting_description: list[Callable[[], None]] = []

    # --- frames in

    def forget_frames(self) -> None:
        """Empty the cache when the source is turned off: no viewer may start with an old picture."""
        self._cache.clear()

    def forget_format(self) -> None:
        """Forget frames and parameter sets when the source is given up: DESCRIBE then waits for the next key frame."""
        self.forget_frames()
        self.track.parameter_sets = None

    def declare_down(self) -> None:
        """Note that the source has failed, and call those that wait for a description."""
        self.is_down = True
        self._tell_about_description()

    def publish(self, frame: EncodedFrame, now: float) -> PacketizedFrame | None:
        """Packetize `frame` once and deliver it to every viewer; return its packets, None when it has no picture."""
        packetized = self.track.packetize(frame, now)
        if packetized is None:
            return None
        self._account(frame, packetized, now)
        if frame.is_key_frame:
            self._on_key_frame(packetized, now)
        elif self._waiting and not self.key_frame_requests.is_pending(now):
            self._start_impatient()
        # Only now: a viewer that starts from the cache gets this frame below, and must not get it twice.
        self._cache.add(packetized, is_key_frame=frame.is_key_frame)
        for key, batch in tuple(self._batches.items()):
            for viewer, error in batch.deliver(packetized):
                self._fail(viewer, error)
            if batch.is_empty:
                del self._batches[key]
        if self._alone:
            self._deliver(packetized, tuple(self._alone.items()))
        return packetized

    def _account(self, frame: EncodedFrame, packetized: PacketizedFrame, now: float) -> None:
        counters = self.counters
        counters.frames += 1
        counters.bytes += len(frame.data)
        counters.packets += packetized.packet_count
        counters.payload_bytes += packetized.payload_bytes
        self.last_frame, self.last_frame_at = frame, now
        wire_bytes = packetized.packet_bytes + IP_UDP_HEADER_BYTES * packetized.packet_count
        self.link.add(wire_bytes, self.track.media_time)

    def _on_key_frame(self, packetized: PacketizedFrame, now: float) -> None:
        self.counters.key_frames += 1
        if self.counters.key_frames == 1:
            self.on_first_key_frame()
        self.key_frame_requests.on_key_frame()
        self.link.add_key_frame(packetized.packet_bytes, now)
        while self._waiting:  # a viewer that starts may end another one that waits
            self._start(self._waiting.pop(0), packetized)
        if self.track.parameter_sets is not None:
            self._tell_about_description()

    def _tell_about_description(self) -> None:
        awaiting, self._awaiting_description = self._awaiting_description, []
        for callback in awaiting:
            callback()

    def _deliver(self, packetized: PacketizedFrame, viewers: Iterable[tuple[Viewer, Deliver]]) -> None:
        playing = self._playing
        for viewer, deliver in viewers:
            if viewer in playing:  # it may have left during this loop
                try:
                    deliver(packetized)
                except Exception as error:  # noqa: BLE001 - the boundary between viewers: one must not end the others
                    self._fail(viewer, error)

    def _fail(self, viewer: Viewer, error: Exception) -> None:
        self.leave(viewer)
        viewer.on_fault(error)

    # --- what viewers need to know

    @property
    def identity(self) -> StreamIdentity:
        """SSRC, first sequence number and timestamp offset of the stream's packets."""
        return self.track.identity

    @property
    def parameter_sets(self) -> ParameterSets | None:
        """SPS and PPS, for the SDP; None until they are known."""
        return self.track.parameter_sets

    @property
    def link_bitrate_bps(self) -> int:
        """The stream's peak rate; see `LinkRate.bitrate_bps`."""
        return self.link.bitrate_bps

    @property
    def write_budget(self) -> WriteBudget:
        """How many bytes may wait for one viewer now, and how long the stream takes to make them."""
        return self.link.write_budget

    @property
    def viewers(self) -> int:
        """Viewers that play or wait for their first frame."""
        return len(self._playing) + len(self._waiting)

    @property
    def is_watched(self) -> bool:
        """Whether a viewer plays or waits for a frame, or a client waits for a description."""
        return bool(self._playing or self._waiting or self._awaiting_description)

    def write_budget_bytes(self) -> int:
        """Return how many bytes may wait for one viewer now."""
        return self.link.write_budget.write_budget_bytes

    def when_described(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` at the next key frame with which the parameter sets are known, or when the source fails;
        return a function that cancels this.

        The callback runs in the middle of `publish`: it must not raise, and must post long work to a later turn.
        """
        self._awaiting_description.append(callback)

        def cancel() -> None:
            if callback in self._awaiting_description:
                self._awaiting_description.remove(callback)

        return cancel

    def sender_report(self, now: float, cname: str) -> bytes | None:
        """Return SR + SDES for `now` (RFC 3550 section 6.4.1), or None before the first frame."""
        counters = self.counters
        return self.track.sender_report(now, cname, packet_count=counters.packets, octet_count=counters.payload_bytes)

    # --- viewers come and go

    def join(self, viewer: Viewer, now: float) -> None:
        """Start `viewer` at a key frame: with the next one if it can be expected soon, else at once from the cache;
        with an empty cache, the viewer waits."""
        self.leave(viewer)
        if self.key_frame_requests.request(now) or not self.start_from_cache(viewer):
            self._waiting.append(viewer)

    def leave(self, viewer: Viewer) -> None:
        """Stop delivering to `viewer`; without effect for one that neither plays nor waits."""
        batch = self._playing.pop(viewer, None)
        self._alone.pop(viewer, None)
        if batch is not None:
            batch.remove(viewer)
        if viewer in self._waiting:
            self._waiting.remove(viewer)

    def start_from_cache(self, viewer: Viewer) -> bool:
        """Start `viewer` with the frames since the last key frame; False when none are cached, or when they would take
        more than half of its write budget."""
        frames = self._cache.frames(self.write_budget.write_budget_bytes // 2)
        if not frames:
            return False
        self.leave(viewer)
        self._start(viewer, frames[0])
        for frame in frames:
            self._deliver(frame, ((viewer, viewer.deliver),))
        return True

    def _start_impatient(self) -> None:
        for viewer in tuple(self._waiting):
            if viewer in self._waiting:  # a viewer that starts may end another one that waits
                self.start_from_cache(viewer)

    def _start(self, viewer: Viewer, first: PacketizedFrame) -> None:
        kind = viewer.batch_kind
        batch = self._playing[viewer] = self._batch(kind) if kind else None
        if batch is None:
            self._alone[viewer] = viewer.deliver
        else:
            batch.add(viewer)
        try:
            viewer.start(first)
        except Exception as error:  # noqa: BLE001 - as in _deliver
            self._fail(viewer, error)

    def _batch(self, kind: BatchKind) -> Batch:
        if kind.key not in self._batches:
            self._batches[kind.key] = kind.new()
        return self._batches[kind.key]


def _nothing() -> None:
    """The callback where none was set: called, for example, at PLAY when the source always runs."""
