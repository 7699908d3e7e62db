"""A stream's track: one codec's access units in, RTP packets and sender reports out, on one timeline.

A track has one SSRC, one sequence, one packetizer and one clock for all viewers, so the packets of a frame are the same
for every viewer. It knows no viewer and no transport. A `media.stream` has one track: H.264.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from edge_streamer.codec.frame import CLOCK_HZ, EncodedFrame
from edge_streamer.codec.h264.access_unit import prepare_access_unit
from edge_streamer.codec.h264.nal import NalUnit
from edge_streamer.codec.h264.parameter_sets import ParameterSets, ParameterSetStore
from edge_streamer.codec.h264.sps_rewrite import without_reordering
from edge_streamer.codec.h264.time_stamp import time_stamp, with_time_stamp
from edge_streamer.media.clock import MediaClock
from edge_streamer.protocol.rtp.packetizers.h264 import H264Packetizer
from edge_streamer.protocol.rtp.packets import PacketizedFrame
from edge_streamer.protocol.rtp.rtcp import goodbye, middle_32_bits, ntp_from_wall_ns, sender_report

MAX_CAPTURE_DELAY_S: Final = 10.0
"""A source's timestamp is not believed when it is longer ago than this, or in the future."""
MAX_WALL_JITTER_S: Final = 1.0
"""The wall clock was set if it moved further between two pictures than the monotonic one, give or take this: a picture
of unknown exposure counts as taken when it arrived, which may be late."""
SENDER_REPORTS_KEPT: Final = 8
"""A receiver report refers to one of the last few sender reports; the round trip by an older one would be useless."""


@dataclass(frozen=True, slots=True)
class StreamIdentity:
    """SSRC and the first sequence number and timestamp of a stream's packets; random, as RFC 3550 section 5.1 asks."""

    ssrc: int
    first_sequence: int
    rtp_offset: int

    @classmethod
    def random(cls) -> "StreamIdentity":
        """Return a new identity. Sequence numbers 0 and 1 are avoided: retina takes them for "unknown"."""
        return cls(1 + secrets.randbelow(0xFFFFFFFF), 1000 + secrets.randbelow(60000), secrets.randbits(32))


@dataclass(frozen=True, slots=True)
class TrackChanges:
    """What a track changes in a source's access units.

    `bounds_reordering`: an SPS says that no picture is reordered, where the source says that its encoder never does.
    `is_clock_locked`: each picture has an SEI message with its UTC, whose status is what this returns for `now`; None:
    no such message.
    """

    bounds_reordering: bool = False
    is_clock_locked: Callable[[float], bool] | None = None


class Track:
    """`media_time` is the last frame's position on the timeline (90 kHz, unwrapped); `on_format_changed` is called
    before the first frame of another picture size or profile is packetized. `never_reorders` is what the source says
    of its encoder. `parameter_sets` are the source's.

    A slate brings its own parameter sets (`slate_sets`), in band only: the source's stay, and are sent again with the
    key frame that ends the slate. Both usually have the ids 0, and an IDR may replace a set of the same id (ITU-T H.264
    7.4.1.2.1); another id would have to be free in every encoder's stream. A source that has no IDR ends the slate at a
    recovery point, where FFmpeg's decoder takes the sets, too.
    """

    __slots__ = (
        "_captured_at",
        "_changes",
        "_clock",
        "_is_restarted",
        "_packetizer",
        "_parameter_sets",
        "_wall_ns",
        "identity",
        "media_time",
        "never_reorders",
        "on_format_changed",
        "sender_reports_sent_at",
        "slate_sets",
    )

    def __init__(self, identity: StreamIdentity, changes: TrackChanges | None = None) -> None:
        self.identity: Final = identity
        self.never_reorders = False
        self.slate_sets: ParameterSets | None = None  # while a slate is shown
        self.media_time = 0
        self.on_format_changed: Callable[[], None] = _ignore_change
        self.sender_reports_sent_at: Final[dict[int, float]] = {}  # middle 32 bits of the NTP time -> now
        self._changes = changes or TrackChanges()
        self._clock = MediaClock()
        self._captured_at = 0.0  # the last frame's exposure, monotonic seconds
        self._wall_ns: int | None = None  # the same instant in UTC; None before the first frame
        self._is_restarted = False
        self._parameter_sets = ParameterSetStore(self._sent_sps)
        self._packetizer = H264Packetizer(ssrc=identity.ssrc, first_sequence=identity.first_sequence)

    def announce_restart(self) -> None:
        """Note that the source was started again: its next frame's media time has a new origin."""
        self._is_restarted = True

    @property
    def parameter_sets(self) -> ParameterSets | None:
        """The parameter sets in force; None until they are known."""
        return self._parameter_sets.in_force

    @property
    def is_slate_shown(self) -> bool:
        """Whether a slate was sent last: a viewer that joins gets it."""
        return self.slate_sets is not None

    def forget_format(self) -> None:
        """Forget the parameter sets: the source is given up."""
        self._parameter_sets.clear()
        self.slate_sets = None

    def packetize(self, frame: EncodedFrame, now: float) -> PacketizedFrame | None:
        """Return the frame's packets; None when it has no picture (delimiters and filler only), and for a frame of the
        source that no decoder could show, because a slate was sent last and this is no key frame."""
        if frame.is_slate:
            return self._packets(self._begin_slate(frame), frame, now, is_start_point=True)
        known = self.parameter_sets
        prepared, is_start_point = prepare_access_unit(
            frame.data, self._parameter_sets, is_key_frame=frame.is_key_frame
        )
        found = self.parameter_sets
        if found is not known and found is not None and _is_another_picture(known or self.slate_sets, found):
            self.on_format_changed()
        if not prepared or (self.slate_sets is not None and not self._end_slate(is_start_point=is_start_point)):
            return None
        return self._packets(prepared, frame, now, is_start_point=is_start_point)

    def _begin_slate(self, slate: EncodedFrame) -> list[NalUnit]:
        sets = ParameterSetStore()
        prepared, _is_start_point = prepare_access_unit(slate.data, sets, is_key_frame=True)
        if self.slate_sets is None:
            self._is_restarted = True  # a slate's media times have an origin of their own
        self.slate_sets = sets.in_force
        return prepared

    def _end_slate(self, *, is_start_point: bool) -> bool:
        """End the slate if a decoder can continue with the source's frame; return whether it can."""
        if not is_start_point or self.parameter_sets is None:
            return False
        self.slate_sets = None
        self._is_restarted = True
        return True

    def _packets(
        self, prepared: list[NalUnit], frame: EncodedFrame, now: float, *, is_start_point: bool
    ) -> PacketizedFrame:
        captured_at = now - (believed_age_s(frame.captured_ns, now) or 0.0)
        if self._changes.is_clock_locked is not None:
            is_locked, jump_us = self._changes.is_clock_locked(now), self._jump_us(frame.wall_ns, captured_at)
            stamp = time_stamp(frame.wall_ns // 1000, is_locked=is_locked, jump_us=jump_us)
            prepared = with_time_stamp(prepared, stamp)
        self._captured_at = captured_at
        self._wall_ns = frame.wall_ns
        self.media_time = self._clock.advance(
            frame.media_time, self._captured_at, reordered=frame.reordered, restarted=self._is_restarted
        )
        self._is_restarted = False
        rtp_timestamp = (self.identity.rtp_offset + self.media_time) & 0xFFFFFFFF
        return self._packetizer.packetize(prepared, rtp_timestamp, is_key_frame=is_start_point)

    def _jump_us(self, wall_ns: int, captured_at: float) -> int:
        """Return how far the wall clock was set since the last frame, 0 if it was not."""
        if self._wall_ns is None:
            return 0
        jump_s = (wall_ns - self._wall_ns) / 1e9 - (captured_at - self._captured_at)
        return round(jump_s * 1e6) if abs(jump_s) > MAX_WALL_JITTER_S else 0

    def wall_ns_of(self, rtp_timestamp: int) -> int:
        """Return the UTC (ns since 1970) at which a packet with this timestamp was captured, less than 6 hours before
        or after the last frame; RuntimeError before the first frame.

        The time is read off the line through the last frame, as that of a sender report is, so the two agree even when
        the wall clock was set or the source was started again since that packet.
        """
        if self._wall_ns is None:
            raise RuntimeError("no frame has been packetized")
        behind_ticks = (self.identity.rtp_offset + self.media_time - rtp_timestamp) & 0xFFFFFFFF
        if behind_ticks >= 1 << 31:  # the last frame is a B-frame: shown before one that came earlier
            behind_ticks -= 1 << 32
        return self._wall_ns - round(behind_ticks * 1e9 / CLOCK_HZ)

    def _sent_sps(self, sps: bytes) -> bytes:
        """Return the form in which viewers get a new SPS."""
        return without_reordering(sps) if self.never_reorders and self._changes.bounds_reordering else sps

    def sender_report(self, now: float, cname: str, *, packet_count: int, octet_count: int) -> bytes | None:
        """Return SR + SDES for `now` (RFC 3550 section 6.4.1), or None before the first frame; the counts are of all
        RTP packets of the track and of their payload.

        Wall time and RTP time are both extrapolated from the last frame's capture by the same monotonic interval, so
        their relation is that of the capture clock: neither a step of the wall clock nor a frame that was published
        late changes it.
        """
        if self._wall_ns is None:
            return None
        elapsed_s = now - self._captured_at
        ntp = ntp_from_wall_ns(self._wall_ns + round(elapsed_s * 1e9))
        sent_at = self.sender_reports_sent_at
        sent_at[middle_32_bits(ntp)] = now
        while len(sent_at) > SENDER_REPORTS_KEPT:
            del sent_at[next(iter(sent_at))]
        return sender_report(
            ssrc=self.identity.ssrc,
            ntp=ntp,
            rtp_timestamp=(self.identity.rtp_offset + self.media_time + round(elapsed_s * CLOCK_HZ)) & 0xFFFFFFFF,
            packet_count=packet_count,
            octet_count=octet_count,
            cname=cname,
        )

    def goodbye(self, cname: str, reason: str) -> bytes:
        """Return a compound packet with BYE (RFC 3550 section 6.6)."""
        return goodbye(ssrc=self.identity.ssrc, cname=cname, reason=reason)


def believed_age_s(instant_ns: int, now: float) -> float | None:
    """Return the age of a source's timestamp (CLOCK_MONOTONIC); None for 0, which means unknown, and for an implausible
    one: in the future, or longer ago than `MAX_CAPTURE_DELAY_S`."""
    age_s = now - instant_ns / 1e9
    return age_s if instant_ns and 0.0 <= age_s <= MAX_CAPTURE_DELAY_S else None


def _is_another_picture(known: ParameterSets | None, found: ParameterSets) -> bool:
    return known is not None and _picture(known) != _picture(found)


def _picture(parameter_sets: ParameterSets) -> tuple[int, int, int] | None:
    """Return the size and profile that a decoder is set up for; None when the SPS cannot be read."""
    try:
        video = parameter_sets.video_format
    except ValueError:
        return None
    return video.width, video.height, video.profile_idc


def _ignore_change() -> None:
    """Called at a change of format while no owner has set `on_format_changed`."""
