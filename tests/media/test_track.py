"""One track alone: packets on one sequence and time line, and reports that lie on it."""

import pytest

from edge_streamer.codec.frame import EncodedFrame
from edge_streamer.codec.h264.sps_rewrite import without_reordering
from edge_streamer.media.track import (
    MAX_CAPTURE_DELAY_S,
    SENDER_REPORTS_KEPT,
    StreamIdentity,
    Track,
    TrackChanges,
    believed_age_s,
)
from edge_streamer.protocol.rtp.rtcp import ntp_from_wall_ns
from tests.support.frames import PPS, SPS, WALL_NS, annex_b, frame, key_frame
from tests.support.h264_syntax import Sps
from tests.support.time_stamps import TimeStamp, time_stamps_in

NOW = 1000.0
IDENTITY = StreamIdentity(0x11223344, 65530, 0xFFFFF000)


@pytest.fixture
def track():
    return Track(IDENTITY)


def test_packets_begin_where_the_identity_says_and_go_on(track):
    first = track.packetize(key_frame(0, 20_000), NOW)
    second = track.packetize(frame(3000), NOW + 1 / 30)
    assert (first.first_sequence, first.rtp_timestamp, first.is_key_frame) == (65530, 0xFFFFF000, True)
    assert second.first_sequence == (65530 + first.packet_count) % 65536
    assert second.rtp_timestamp == (0xFFFFF000 + 3000) % 2**32
    assert track.media_time == 3000


def test_what_has_no_picture_is_no_frame_and_moves_nothing(track):
    track.packetize(key_frame(0), NOW)
    assert track.packetize(EncodedFrame(annex_b(b"\x09\xf0"), is_key_frame=False, media_time=9000), NOW + 1) is None
    assert track.media_time == 0
    assert track.packetize(frame(3000), NOW + 1 / 30) is not None


def test_a_restart_has_the_time_line_go_on_by_the_time_that_passed(track):
    track.packetize(key_frame(7_000_000), NOW)
    track.announce_restart()
    track.packetize(key_frame(0), NOW + 2.0)
    track.packetize(frame(3000), NOW + 2.0 + 1 / 30)
    assert track.media_time == 2 * 90_000 + 3000, "one restart, one new origin"


# --- slates

SLATE_SPS = SPS[:-1] + b"\xa0"
"""Another parameter set of the same id, size and profile."""
SLATE_PPS = bytes.fromhex("68ce3c80")
SMALLER_SPS = bytes.fromhex("6742c00ada109a6a0202028000000300800000030147891350")


def slate(now: float, sps: bytes = SLATE_SPS) -> EncodedFrame:
    data = annex_b(sps, SLATE_PPS, b"\x65slate")
    return EncodedFrame(data, True, round(now * 90_000), WALL_NS, is_slate=True)


def kinds(packetized) -> list[bytes]:
    return [bytes(nal) for nal in packetized.nal_units]


def test_a_slate_goes_on_in_sequence_and_by_the_time_that_passed(track):
    first = track.packetize(key_frame(7_000_000), NOW)
    shown = [track.packetize(slate(NOW + seconds), NOW + seconds) for seconds in (2.5, 3.5)]
    back = track.packetize(key_frame(50), NOW + 4.0)
    steps = [(each.rtp_timestamp - first.rtp_timestamp) % 2**32 for each in (*shown, back)]
    assert steps == [225_000, 315_000, 360_000]
    sequence = first.first_sequence
    for each in (first, *shown, back):
        assert each.first_sequence == sequence % 65536
        sequence += each.packet_count


def test_a_slate_has_its_own_parameter_sets_and_the_sources_stay(track):
    track.packetize(key_frame(0), NOW)
    known = track.parameter_sets
    assert kinds(track.packetize(slate(NOW + 2), NOW + 2)) == [SLATE_SPS, SLATE_PPS, b"\x65slate"]
    assert track.parameter_sets is known
    assert track.slate_sets.sps == (SLATE_SPS,)
    back = track.packetize(key_frame(9000, parameter_sets=False), NOW + 3)
    assert kinds(back)[:2] == [SPS, PPS], "the decoder has the slate's by now"
    assert track.slate_sets is None


def test_after_a_slate_nothing_is_sent_before_a_key_frame(track):
    track.packetize(key_frame(0), NOW)
    shown = track.packetize(slate(NOW + 2), NOW + 2)
    assert track.packetize(frame(3000), NOW + 3) is None
    assert track.media_time == 180_000
    back = track.packetize(key_frame(6000), NOW + 4)
    assert back.first_sequence == (shown.first_sequence + shown.packet_count) % 65536
    assert track.packetize(frame(9000), NOW + 4 + 1 / 30) is not None


def test_parameter_sets_that_come_alone_under_a_slate_are_kept(track):
    track.packetize(slate(NOW), NOW)
    assert track.packetize(EncodedFrame(annex_b(SPS, PPS), is_key_frame=False, media_time=0), NOW + 1) is None
    assert kinds(track.packetize(key_frame(0, parameter_sets=False), NOW + 2))[:2] == [SPS, PPS]


def test_a_key_frame_without_parameter_sets_does_not_end_the_slate(track):
    track.packetize(slate(NOW), NOW)
    assert track.packetize(key_frame(0, parameter_sets=False), NOW + 1) is None
    assert track.slate_sets is not None
    assert track.parameter_sets is None, "the slate's are not the source's"


@pytest.mark.parametrize(("sps", "changes"), [(SLATE_SPS, 0), (SMALLER_SPS, 1)])
def test_the_first_picture_after_a_slate_is_of_another_format_or_not(track, sps, changes):
    heard = []
    track.on_format_changed = lambda: heard.append("changed")
    track.packetize(slate(NOW, sps), NOW)
    track.packetize(key_frame(0), NOW + 1)
    assert len(heard) == changes


def test_a_slate_of_another_format_than_the_source_changes_nothing(track):
    track.on_format_changed = lambda: pytest.fail("the source's format has not changed")
    track.packetize(key_frame(0), NOW)
    track.packetize(slate(NOW + 2, SMALLER_SPS), NOW + 2)
    track.packetize(key_frame(9000), NOW + 3)


# --- reports


def test_a_report_is_on_the_line_through_the_last_frames_capture(track):
    assert track.sender_report(NOW, "x", packet_count=0, octet_count=0) is None
    track.packetize(key_frame(0), NOW)
    report = track.sender_report(NOW + 0.5, "x", packet_count=7, octet_count=900)
    assert int.from_bytes(report[8:16], "big") == ntp_from_wall_ns(WALL_NS + 500_000_000)
    assert int.from_bytes(report[16:20], "big") == (0xFFFFF000 + 45_000) % 2**32
    assert (int.from_bytes(report[20:24], "big"), int.from_bytes(report[24:28], "big")) == (7, 900)


@pytest.mark.parametrize("ticks", [0, 9000, -9000, 9 * 90_000, -8 * 90_000])
def test_a_packets_time_is_on_the_line_through_the_last_frames_capture(track, ticks):
    """Its timestamp may have wrapped since, or be of a frame that is shown after the last one."""
    with pytest.raises(RuntimeError):
        track.wall_ns_of(IDENTITY.rtp_offset)
    track.packetize(key_frame(0), NOW)
    assert track.wall_ns_of((IDENTITY.rtp_offset + ticks) % 2**32) == WALL_NS + ticks * 1_000_000_000 // 90_000


@pytest.mark.parametrize("restarted", [False, True])
def test_a_packet_from_before_a_step_of_the_wall_clock_has_the_time_of_the_reports_that_follow(track, restarted):
    first = track.packetize(key_frame(0, wall_ns=0), NOW)
    if restarted:
        track.announce_restart()
    track.packetize(key_frame(0 if restarted else 180_000, wall_ns=WALL_NS), NOW + 2.0)
    assert track.wall_ns_of(first.rtp_timestamp) == WALL_NS - 2_000_000_000


def test_the_last_few_reports_are_remembered(track):
    track.packetize(key_frame(0), NOW)
    for second in range(SENDER_REPORTS_KEPT + 3):
        track.sender_report(NOW + second, "x", packet_count=0, octet_count=0)
    assert list(track.sender_reports_sent_at.values()) == [NOW + second for second in range(3, SENDER_REPORTS_KEPT + 3)]


@pytest.mark.parametrize(
    ("instant_s", "age_s"),
    [(NOW - 0.25, 0.25), (NOW, 0.0), (0.0, None), (NOW + 0.1, None), (NOW - MAX_CAPTURE_DELAY_S - 0.1, None)],
)
def test_an_instant_that_cannot_be_is_not_believed(instant_s, age_s):
    assert believed_age_s(round(instant_s * 1e9), NOW) == age_s


UNBOUNDED = Sps().encoded()


def unbounded_key_frame(media_time: int = 0) -> EncodedFrame:
    return EncodedFrame(annex_b(UNBOUNDED, PPS, b"\x65\x88"), is_key_frame=True, media_time=media_time)


def test_an_encoder_that_never_reorders_has_its_sps_say_so():
    track = Track(IDENTITY, TrackChanges(bounds_reordering=True))
    track.never_reorders = True
    bounded = without_reordering(UNBOUNDED)
    first = track.packetize(unbounded_key_frame(), NOW)
    known = track.parameter_sets
    assert bounded != UNBOUNDED
    assert (known.sps, first.nal_units[0], first.packets()[0][12:]) == ((bounded,), bounded, bounded)
    second = track.packetize(unbounded_key_frame(3000), NOW + 1 / 30)
    assert second.nal_units[0] == bounded
    assert track.parameter_sets is known, "a repeated SPS is no change"
    bare = EncodedFrame(annex_b(b"\x65\x88"), is_key_frame=True, media_time=6000)
    assert track.packetize(bare, NOW + 2 / 30).nal_units[0] == bounded


@pytest.mark.parametrize(("never_reorders", "bounds_reordering"), [(True, False), (False, True)])
def test_a_bound_needs_the_sources_word_and_the_operators_leave(never_reorders, bounds_reordering):
    track = Track(IDENTITY, TrackChanges(bounds_reordering=bounds_reordering))
    track.never_reorders = never_reorders
    assert track.packetize(unbounded_key_frame(), NOW).nal_units[0] == UNBOUNDED


@pytest.mark.parametrize(("set_by_s", "jump"), [(0.0, 0), (0.9, 0), (-0.9, 0), (3600.0, 1), (-3600.0, -1)])
def test_a_time_stamp_says_that_the_clock_was_set(set_by_s, jump):
    track = Track(IDENTITY, TrackChanges(is_clock_locked=lambda now: True))
    track.packetize(key_frame(0, 20_000, wall_ns=WALL_NS), NOW)
    set_ns = WALL_NS + round(set_by_s * 1e9)
    second, third = (
        track.packetize(frame(3000 * n, wall_ns=set_ns + n * 1_000_000_000 // 30), NOW + n / 30) for n in (1, 2)
    )
    said = [stamp.jump for each in (second, third) for stamp in time_stamps_in(annex_b(*each.nal_units))]
    assert said == [jump, 0]


def test_each_picture_has_one_time_stamp_of_its_exposure():
    locked = iter([True, False])
    track = Track(IDENTITY, TrackChanges(is_clock_locked=lambda now: next(locked)))
    first = track.packetize(key_frame(0, 20_000, wall_ns=WALL_NS + 999), NOW)
    second = track.packetize(frame(3000, wall_ns=WALL_NS + 33_333_333), NOW + 1 / 30)
    assert [bytes(nal[:1]) for nal in first.nal_units] == [b"\x67", b"\x68", b"\x06", b"\x65"]
    stamps = [time_stamps_in(annex_b(*frame.nal_units)) for frame in (first, second)]
    assert stamps == [[TimeStamp(WALL_NS // 1000, True)], [TimeStamp(WALL_NS // 1000 + 33_333, False)]]
    assert second.packet_bytes == sum(map(len, second.packets()))
    assert second.packet_count == 2, "its bytes are counted like all others"
    nothing = EncodedFrame(annex_b(SPS), is_key_frame=False, media_time=6000)
    assert track.packetize(nothing, NOW + 2 / 30) is None
