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


def test_a_report_is_on_the_line_through_the_last_frames_capture(track):
    assert track.sender_report(NOW, "x", packet_count=0, octet_count=0) is None
    track.packetize(key_frame(0), NOW)
    report = track.sender_report(NOW + 0.5, "x", packet_count=7, octet_count=900)
    assert int.from_bytes(report[8:16], "big") == ntp_from_wall_ns(WALL_NS + 500_000_000)
    assert int.from_bytes(report[16:20], "big") == (0xFFFFF000 + 45_000) % 2**32
    assert (int.from_bytes(report[20:24], "big"), int.from_bytes(report[24:28], "big")) == (7, 900)


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


def test_each_picture_has_one_time_stamp_of_its_exposure():
    locked = iter([True, False])
    track = Track(IDENTITY, TrackChanges(is_clock_locked=lambda: next(locked)))
    first = track.packetize(key_frame(0, 20_000, wall_ns=WALL_NS + 999), NOW)
    second = track.packetize(frame(3000, wall_ns=WALL_NS + 33_333_333), NOW + 1 / 30)
    assert [bytes(nal[:1]) for nal in first.nal_units] == [b"\x67", b"\x68", b"\x06", b"\x65"]
    stamps = [time_stamps_in(annex_b(*frame.nal_units)) for frame in (first, second)]
    assert stamps == [[TimeStamp(WALL_NS // 1000, True)], [TimeStamp(WALL_NS // 1000 + 33_333, False)]]
    assert second.packet_bytes == sum(map(len, second.packets()))
    assert second.packet_count == 2, "its bytes are counted like all others"
    nothing = EncodedFrame(annex_b(SPS), is_key_frame=False, media_time=6000)
    assert track.packetize(nothing, NOW + 2 / 30) is None
