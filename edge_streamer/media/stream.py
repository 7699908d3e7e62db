"""A stream: frames in, each packetized once, the same bytes out to every viewer.

One SSRC, one sequence and one timestamp line for all viewers make the packets of a frame identical for everybody. A
viewer starts at a key frame:

- the source can make one: it is asked, at most once a second for all viewers, and those who wait start with it;
- it cannot, or was asked a moment ago: the cached frames since the last key frame are sent. They are contiguous in
  sequence with what follows, so the viewer sees no seam.

Called on the loop's thread: by the supervisor ("frames in", and what it says of the source) and by RTSP sessions (the
rest, and `on_wanted`). It owns no socket and no timer; who waits too long is found when the next frame comes, or by the
session's own deadline.
"""

import secrets
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from edge_streamer.codec.frame import CLOCK_HZ, EncodedFrame
from edge_streamer.codec.h264.access_unit import prepare_access_unit
from edge_streamer.codec.h264.parameter_sets import ParameterSets
from edge_streamer.media.budget import WriteBudget
from edge_streamer.media.clock import MediaClock
from edge_streamer.media.key_frames import KeyFrameCache, KeyFrameRequests
from edge_streamer.media.peak_rate import PeakRateMeter
from edge_streamer.protocol.rtp.packetizers.h264 import H264Packetizer
from edge_streamer.protocol.rtp.packets import PacketizedFrame
from edge_streamer.protocol.rtp.rtcp import goodbye, middle_32_bits, ntp_from_wall_ns, sender_report

IP_UDP_HEADER_BYTES: Final = 28
MAX_CAPTURE_DELAY_S: Final = 10.0
"""A frame that says that it was exposed, or encoded, longer ago than this, or later than now, is not believed."""
SENDER_REPORTS_KEPT: Final = 8
"""A receiver report refers to one of the last few sender reports; older ones would give no useful round trip."""


class Viewer(Protocol):
    """Who watches a stream."""

    def start(self, first: PacketizedFrame) -> None:
        """Playing begins with `first`, which is delivered right after this call."""

    def deliver(self, frame: PacketizedFrame) -> None:
        """Send a frame; must not raise for what the network does, and must not block."""

    def on_fault(self, error: Exception) -> None:
        """End yourself: one of your calls raised."""

    @property
    def batch_kind(self) -> "BatchKind | None":
        """What makes it one of many that are sent the same bytes; None for a viewer that is sent its own."""


class Batch(Protocol):
    """Viewers that are sent the same bytes, in one loop without a call for each."""

    def add(self, viewer: Viewer) -> None:
        """Deliver to `viewer` too."""

    def remove(self, viewer: Viewer) -> None:
        """Stop."""

    @property
    def is_empty(self) -> bool:
        """Whether nobody is left."""

    def deliver(self, frame: PacketizedFrame) -> Iterable[tuple[Viewer, Exception]]:
        """Send a frame to all; return whose handling raised, and what."""


@dataclass(frozen=True, slots=True)
class BatchKind:
    """Viewers of a stream with the same `key` share the batch that `new` makes for the first of them."""

    key: Hashable
    new: Callable[[], Batch]


Deliver = Callable[[PacketizedFrame], None]


@dataclass(frozen=True, slots=True)
class StreamIdentity:
    """What a stream's packets carry; random, as RFC 3550 section 5.1 asks, so that it cannot be guessed."""

    ssrc: int
    first_sequence: int
    rtp_offset: int

    @classmethod
    def random(cls) -> "StreamIdentity":
        """Return a new identity. Sequence numbers 0 and 1 are avoided: retina takes them for "unknown"."""
        return cls(1 + secrets.randbelow(0xFFFFFFFF), 1000 + secrets.randbelow(60000), secrets.randbits(32))


@dataclass(slots=True)
class StreamCounters:
    """What has passed since the stream began."""

    frames: int = 0
    key_frames: int = 0
    bytes: int = 0
    packets: int = 0
    payload_bytes: int = 0


class Stream:
    """See the module. `link_bitrate_bps` 0 means: what is measured."""

    def __init__(
        self,
        name: str,
        *,
        dead_after_s: float = 8.0,
        link_bitrate_bps: int = 0,
        nominal_fps: float = 0.0,
        skips_for_slow_readers: bool = False,
        identity: StreamIdentity | None = None,
    ) -> None:
        self.name = name
        self.skips_for_slow_readers = skips_for_slow_readers
        self.nominal_fps = nominal_fps
        self.identity = identity or StreamIdentity.random()
        self.counters = StreamCounters()
        self.parameter_sets: ParameterSets | None = None
        self.key_frame_requests = KeyFrameRequests()
        self.on_format_changed: Callable[[], None] = _nothing  # called before the first frame of another size
        self.on_wanted: Callable[[], None] = _nothing  # to be called by whoever wants to watch: DESCRIBE, PLAY
        self.is_down = False  # the source has failed and does not run now: nobody need wait for a description
        self.last_frame: EncodedFrame | None = None
        self.last_frame_at = 0.0
        self.sender_reports_sent_at: dict[int, float] = {}  # middle 32 bits of the NTP time -> now
        self.write_budget = WriteBudget(dead_after_s, link_bitrate_bps)
        self._configured_bps = link_bitrate_bps
        self._clock = MediaClock()
        self._media_time = 0
        self._captured_at = 0.0  # the last frame's exposure
        self._restarted = False
        self._packetizer = H264Packetizer(ssrc=self.identity.ssrc, first_sequence=self.identity.first_sequence)
        self._peak = PeakRateMeter()
        self._next_peak: PeakRateMeter | None = None  # of what was sent since another setting
        self._next_peak_from = 0.0
        self._cache = KeyFrameCache()
        self._playing: dict[Viewer, Batch | None] = {}
        self._batches: dict[Hashable, Batch] = {}
        self._alone: dict[Viewer, Deliver] = {}  # those of no batch
        self._waiting: list[Viewer] = []
        self._awaiting_description: list[Callable[[], None]] = []

    # --- frames in

    def announce_restart(self) -> None:
        """The source begins anew: its next frame's media time has a new origin."""
        self._restarted = True

    def forget_frames(self) -> None:
        """The source is off: nobody may start with a picture of before."""
        self._cache.clear()

    def forget_format(self) -> None:
        """The source is given up: the stream cannot be described before its next key frame."""
        self.forget_frames()
        self.parameter_sets = None

    def declare_down(self) -> None:
        """The source has failed: tell those who wait for a description that has never been known."""
        self.is_down = True
        self._tell_about_description()

    def set_link_bitrate(self, link_bitrate_bps: int, now: float) -> None:
        """Take another encoder setting. What was measured before counts as long as it can be in a viewer's backlog:
        nobody may be ended by a budget that shrinks."""
        self._configured_bps = link_bitrate_bps
        self._next_peak = PeakRateMeter()
        self._next_peak_from = now + self.write_budget.dead_after_s

    def publish(self, frame: EncodedFrame, now: float) -> None:
        """Packetize `frame` once and give it to every viewer."""
        packetized = self._packetize(frame, now)
        if packetized is None:
            return
        self._account(frame, packetized, now)
        if frame.is_key_frame:
            self._on_key_frame(packetized, now)
        elif self._waiting and not self.key_frame_requests.is_pending(now):
            self._start_impatient()
        self._cache.add(packetized, is_key_frame=frame.is_key_frame)  # not before: who starts now gets it below, once
        for key, batch in tuple(self._batches.items()):
            for viewer, error in batch.deliver(packetized):
                self._fail(viewer, error)
            if batch.is_empty:
                del self._batches[key]
        if self._alone:
            self._deliver(packetized, tuple(self._alone.items()))

    def _packetize(self, frame: EncodedFrame, now: float) -> PacketizedFrame | None:
        prepared, found = prepare_access_unit(frame.data, self.parameter_sets, is_key_frame=frame.is_key_frame)
        self._take_parameter_sets(found)
        if not prepared:
            return None  # delimiters and filler only
        self._captured_at = now - (believed_age_s(frame.captured_ns, now) or 0.0)
        self._media_time = self._clock.advance(
            frame.media_time, self._captured_at, reordered=frame.reordered, restarted=self._restarted
        )
        self._restarted = False
        rtp_timestamp = self._rtp_timestamp(self._media_time)
        return self._packetizer.packetize(prepared, rtp_timestamp, is_key_frame=frame.is_key_frame)

    def _take_parameter_sets(self, found: ParameterSets | None) -> None:
        known, self.parameter_sets = self.parameter_sets, found
        if known is not None and found is not None and known is not found and _picture(known) != _picture(found):
            self.on_format_changed()

    def _account(self, frame: EncodedFrame, packetized: PacketizedFrame, now: float) -> None:
        counters = self.counters
        counters.frames += 1
        counters.bytes += len(frame.data)
        counters.packets += packetized.packet_count
        counters.payload_bytes += packetized.payload_bytes
        self.last_frame, self.last_frame_at = frame, now
        wire_bytes = packetized.packet_bytes + IP_UDP_HEADER_BYTES * packetized.packet_count
        self._peak.add(wire_bytes, self._media_time)
        if not self._configured_bps and self._peak.peak_bps > self.write_budget.link_bitrate_bps:  # all that is known
            self._renew_budget(self.write_budget.largest_key_frame_bytes)
        if self._next_peak is not None:
            self._next_peak.add(wire_bytes, self._media_time)

    def _on_key_frame(self, packetized: PacketizedFrame, now: float) -> None:
        self.counters.key_frames += 1
        self.key_frame_requests.on_key_frame()
        if self._next_peak is not None and now >= self._next_peak_from:
            self._peak, self._next_peak = self._next_peak, None
        self._renew_budget(max(self.write_budget.largest_key_frame_bytes, packetized.packet_bytes))
        while self._waiting:  # one that starts may end another that waits
            self._start(self._waiting.pop(0), packetized)
        if self.parameter_sets is not None:
            self._tell_about_description()

    def _renew_budget(self, largest_key_frame_bytes: int) -> None:
        self.write_budget = WriteBudget(self.write_budget.dead_after_s, self.link_bitrate_bps, largest_key_frame_bytes)

    def _tell_about_description(self) -> None:
        awaiting, self._awaiting_description = self._awaiting_description, []
        for callback in awaiting:
            callback()

    def _deliver(self, packetized: PacketizedFrame, viewers: Iterable[tuple[Viewer, Deliver]]) -> None:
        playing = self._playing
        for viewer, deliver in viewers:
            if viewer in playing:  # it may have left meanwhile
                try:
                    deliver(packetized)
                except Exception as error:  # noqa: BLE001 - the boundary between viewers: one must not end the others
                    self._fail(viewer, error)

    def _fail(self, viewer: Viewer, error: Exception) -> None:
        self.leave(viewer)
        viewer.on_fault(error)

    def _rtp_timestamp(self, media_time: int) -> int:
        return (self.identity.rtp_offset + media_time) & 0xFFFFFFFF

    # --- what viewers need to know

    @property
    def link_bitrate_bps(self) -> int:
        """The stream's true peak: the encoder's setting or the busiest second seen, whichever is more."""
        return max(self._configured_bps, self._peak.peak_bps)

    @property
    def viewers(self) -> int:
        """Viewers that play or wait for their first frame."""
        return len(self._playing) + len(self._waiting)

    @property
    def is_watched(self) -> bool:
        """Whether anybody plays, or waits for a frame or a description."""
        return bool(self._playing or self._waiting or self._awaiting_description)

    def write_budget_bytes(self) -> int:
        """Return how many bytes may wait for one viewer now."""
        return self.write_budget.write_budget_bytes

    def when_described(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` at the next key frame with which the parameter sets are known, or when the source fails;
        return what cancels that.

        It is called in the middle of `publish`: it may not raise, and whatever takes long it leaves for later.
        """
        self._awaiting_description.append(callback)

        def cancel() -> None:
            if callback in self._awaiting_description:
                self._awaiting_description.remove(callback)

        return cancel

    def sender_report(self, now: float, cname: str) -> bytes | None:
        """Return SR + SDES for `now` (RFC 3550 section 6.4.1), or None before the first frame.

        Wall time and RTP time are both carried on from the last frame's capture by the same monotonic interval: the
        line through them is the capture clock's, and neither a wall clock that is set meanwhile nor a frame that was
        published late can bend it.
        """
        if self.last_frame is None:
            return None
        elapsed_s = now - self._captured_at
        ntp = ntp_from_wall_ns(self.last_frame.wall_ns + round(elapsed_s * 1e9))
        sent_at = self.sender_reports_sent_at
        sent_at[middle_32_bits(ntp)] = now
        while len(sent_at) > SENDER_REPORTS_KEPT:
            del sent_at[next(iter(sent_at))]
        return sender_report(
            ssrc=self.identity.ssrc,
            ntp=ntp,
            rtp_timestamp=self._rtp_timestamp(self._media_time + round(elapsed_s * CLOCK_HZ)),
            packet_count=self.counters.packets,
            octet_count=self.counters.payload_bytes,
            cname=cname,
        )

    def goodbye(self, cname: str, reason: str) -> bytes:
        """Return a compound packet with BYE (RFC 3550 section 6.6)."""
        return goodbye(ssrc=self.identity.ssrc, cname=cname, reason=reason)

    # --- viewers come and go

    def join(self, viewer: Viewer, now: float) -> None:
        """Start `viewer` at a key frame: with the next one that the source makes, or at once from the cache."""
        self.leave(viewer)
        if self.key_frame_requests.request(now) or not self.start_from_cache(viewer):
            self._waiting.append(viewer)

    def leave(self, viewer: Viewer) -> None:
        """Stop delivering to `viewer`; nothing happens when it does not watch."""
        batch = self._playing.pop(viewer, None)
        self._alone.pop(viewer, None)
        if batch is not None:
            batch.remove(viewer)
        if viewer in self._waiting:
            self._waiting.remove(viewer)

    def start_from_cache(self, viewer: Viewer) -> bool:
        """Start `viewer` with the frames since the last key frame; False when none are kept, or when they alone
        would fill half of its write budget."""
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
            if viewer in self._waiting:  # one that starts may end another that waits
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


def believed_age_s(instant_ns: int, now: float) -> float | None:
    """Return how long ago an instant of CLOCK_MONOTONIC was that a source tells; None for one that it does not tell (0)
    or that cannot be: of the future, or too long ago."""
    age_s = now - instant_ns / 1e9
    return age_s if instant_ns and 0.0 <= age_s <= MAX_CAPTURE_DELAY_S else None


def _picture(parameter_sets: ParameterSets) -> tuple[int, int, int] | None:
    """Return what a decoder was set up for; None when the SPS cannot be read."""
    try:
        video = parameter_sets.video_format
    except ValueError:
        return None
    return video.width, video.height, video.profile_idc


def _nothing() -> None:
    """Called at a change of format or a demand when the supervisor has not taken charge of the stream yet."""
