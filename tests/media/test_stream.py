import dataclasses
import gc
import sys
import weakref
from itertools import pairwise

import msgspec
import pytest

from edge_streamer.codec.frame import EncodedFrame
from edge_streamer.media import track as track_module
from edge_streamer.media.stream import Stream
from edge_streamer.media.track import MAX_CAPTURE_DELAY_S, SENDER_REPORTS_KEPT, StreamIdentity
from edge_streamer.protocol.rtp.packets import PacketizedFrame
from edge_streamer.protocol.rtp.rtcp import ntp_from_wall_ns
from tests.support.frames import PPS, TICKS_A_FRAME, WALL_NS, annex_b, camera, frame, key_frame
from tests.support.rtsp.h264_depacketizer import access_units

NOW = 1000.0


class Recorder:
    """A viewer that keeps what it gets; it can be told to fail, or to act when it starts or is served."""

    batch_kind = None
    room_bytes = 1 << 20

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.first: list[PacketizedFrame] = []
        self.frames: list[PacketizedFrame] = []
        self.errors: list[Exception] = []
        self.on_start = lambda: None
        self.on_deliver = lambda: None

    def __repr__(self) -> str:
        return self.name

    def start(self, first: PacketizedFrame) -> None:
        self.first.append(first)
        self.on_start()

    def deliver(self, packetized: PacketizedFrame) -> None:
        self.on_deliver()
        self.frames.append(packetized)

    def on_fault(self, error: Exception) -> None:
        self.errors.append(error)

    @property
    def nal_units(self) -> list[list[bytes]]:
        """What a decoder gets; AssertionError when the sequence has a gap or a repetition."""
        return access_units([packet for each in self.frames for packet in each.packets()])


class Source:
    """Publishes 30 frames a second, a key frame when told or asked, by a clock of its own."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.now = NOW
        self.number = 0
        self.asked = 0

    def can_force(self) -> None:
        self.stream.key_frame_requests.ask = self._note

    def _note(self) -> None:
        self.asked += 1

    def publish(self, *, key: bool = False, size_bytes: int = 200) -> None:
        make = key_frame if key else frame
        self.stream.publish(make(self.number * TICKS_A_FRAME, size_bytes), self.now)
        self.number += 1
        self.now += 1 / 30

    def publish_many(self, count: int, **arguments) -> None:
        for _ in range(count):
            self.publish(**arguments)

    def join(self, *viewers: Recorder) -> None:
        for viewer in viewers:
            self.stream.join(viewer, self.now)


@pytest.fixture
def stream():
    return Stream("main", link_bitrate_bps=2_000_000, identity=StreamIdentity(0x11223344, 65530, 0xFFFFF000))


@pytest.fixture
def source(stream):
    return Source(stream)


@pytest.fixture
def camera_source(source):
    """A source that makes key frames when it is asked, with one second behind it."""
    source.can_force()
    source.publish(key=True)
    source.publish_many(29)
    return source


# --- a slate


def slate(source: Source) -> EncodedFrame:
    return msgspec.structs.replace(key_frame(source.number * TICKS_A_FRAME, 3000), is_slate=True)


def test_a_slate_is_delivered_to_all_and_starts_those_who_wait(stream, source):
    source.publish(key=True)
    playing, waiting = Recorder(), Recorder()
    source.join(playing)
    stream.forget_frames()
    source.join(waiting)
    stream.publish(slate(source), source.now)
    assert [len(viewer.frames) for viewer in (playing, waiting)] == [2, 1]
    assert stream.track.is_slate_shown
    late = Recorder()
    source.join(late)
    assert late.frames == waiting.frames


def test_a_slate_is_counted_apart_and_changes_no_rate_or_budget(stream, camera_source):
    before = dataclasses.replace(stream.counters)
    known = (stream.last_frame, stream.last_frame_at, stream.link_bitrate_bps, stream.write_budget)
    stream.key_frame_requests.request(camera_source.now)
    heard = []
    stream.on_first_key_frame = lambda: heard.append("key frame")
    packets = stream.publish(slate(camera_source), camera_source.now + 3.0)
    after = stream.counters
    assert (after.frames, after.key_frames, after.bytes) == (before.frames, before.key_frames, before.bytes)
    assert (after.slate_frames, after.packets) == (1, before.packets + packets.packet_count)
    assert after.payload_bytes == before.payload_bytes + packets.payload_bytes
    assert (stream.last_frame, stream.last_frame_at, stream.link_bitrate_bps, stream.write_budget) == known
    assert stream.key_frame_requests.is_pending(camera_source.now), "the source has made none"
    assert heard == []


def test_the_first_picture_after_a_slate_is_the_streams_first_key_frame(stream, source):
    heard = []
    stream.on_first_key_frame = lambda: heard.append("key frame")
    described = []
    stream.when_described(lambda: described.append(stream.parameter_sets))
    stream.publish(slate(source), source.now)
    assert (heard, len(described)) == ([], 1)
    source.publish()
    assert stream.track.is_slate_shown
    source.publish(key=True)
    assert heard == ["key frame"]
    assert not stream.track.is_slate_shown


# --- once for everybody


def test_a_frame_is_packetized_once_and_its_bytes_are_the_same_for_all(stream, source, monkeypatch):
    calls = []
    packetize = track_module.H264Packetizer.packetize
    monkeypatch.setattr(track_module.H264Packetizer, "packetize", lambda *a, **k: calls.append(a) or packetize(*a, **k))
    source.publish(key=True)
    viewers = [Recorder() for _ in range(10)]
    source.join(*viewers)
    calls.clear()
    source.publish_many(3, size_bytes=5000)
    assert len(calls) == 3
    for number in range(1, 4):
        images = {id(viewer.frames[number].interleaved(0)) for viewer in viewers}
        assert len(images) == 1


def test_what_is_sent_is_what_the_source_made_with_parameter_sets_before_a_key_frame(stream, source):
    viewer = Recorder()
    source.join(viewer)
    frames = [key_frame(0, 5000), frame(3000, 3000), key_frame(6000, parameter_sets=False)]
    for encoded in frames:
        stream.publish(encoded, NOW)
    assert [[nal[0] & 31 for nal in unit] for unit in viewer.nal_units] == [[7, 8, 5], [1], [7, 8, 5]]
    assert annex_b(*viewer.nal_units[0]) == frames[0].data
    assert annex_b(*viewer.nal_units[1]) == frames[1].data


def test_a_key_frame_without_an_idr_slice_gets_the_parameter_sets_too(stream, source):
    """Intra refresh makes no IDR; the source says where a viewer may start."""
    source.publish(key=True)
    viewer = Recorder()
    stream.key_frame_requests.ask = lambda: None
    source.join(viewer)
    refresh = EncodedFrame(frame(3000).data, is_key_frame=True, media_time=3000)
    stream.publish(refresh, NOW)
    assert [nal[0] & 31 for nal in viewer.nal_units[0]] == [7, 8, 1]


def test_an_access_unit_without_a_picture_is_no_frame(stream, source):
    source.publish(key=True)
    viewer = Recorder()
    source.join(viewer)
    assert stream.publish(EncodedFrame(annex_b(b"\x09\xf0"), is_key_frame=False, media_time=3000), NOW) is None
    assert stream.publish(EncodedFrame(b"", is_key_frame=False, media_time=3000), NOW) is None
    assert len(viewer.frames) == 1
    assert stream.counters.frames == 1
    assert stream.publish(frame(6000), NOW) is viewer.frames[1]


def test_sequence_and_timestamps_begin_where_the_identity_says_and_wrap(stream, source):
    viewer = Recorder()
    source.join(viewer)
    source.publish(key=True, size_bytes=20_000)
    source.publish(size_bytes=200)
    assert viewer.frames[0].first_sequence == 65530
    assert viewer.frames[1].first_sequence == (65530 + viewer.frames[0].packet_count) % 65536
    assert [each.rtp_timestamp for each in viewer.frames] == [0xFFFFF000, (0xFFFFF000 + 3000) % 2**32]


def test_a_random_identity_is_another_one_each_time():
    identities = [StreamIdentity.random() for _ in range(100)]
    assert len({identity.ssrc for identity in identities}) == 100
    assert all(1000 <= identity.first_sequence < 65536 and identity.ssrc > 0 for identity in identities)


# --- where a viewer starts


def test_a_viewer_starts_with_the_key_frame_it_asked_for(camera_source):
    viewer = Recorder()
    camera_source.join(viewer)
    assert camera_source.asked == 1
    assert viewer.first == []
    camera_source.publish()
    assert viewer.frames == []
    camera_source.publish(key=True)
    camera_source.publish()
    assert viewer.first == viewer.frames[:1]
    assert [len(unit) for unit in viewer.nal_units] == [3, 1]


def test_many_who_join_in_one_second_cost_one_key_frame(camera_source):
    viewers = [Recorder() for _ in range(50)]
    for viewer in viewers[:25]:
        camera_source.join(viewer)
    camera_source.publish()
    for viewer in viewers[25:]:
        camera_source.join(viewer)
    camera_source.publish(key=True)
    assert camera_source.asked == 1
    assert all(len(viewer.frames) == 1 for viewer in viewers)


def test_who_joins_right_after_a_key_frame_starts_with_it_and_sees_no_seam(camera_source):
    first, second = Recorder(), Recorder()
    camera_source.join(first)
    camera_source.publish(key=True)
    camera_source.publish_many(5)
    camera_source.join(second)
    assert camera_source.asked == 1
    assert second.frames == first.frames
    camera_source.publish_many(3)
    assert second.frames == first.frames
    assert len(second.nal_units) == 9


def test_a_source_asked_in_vain_is_waited_for_half_a_second_then_the_cache_serves(camera_source):
    viewer = Recorder()
    camera_source.join(viewer)
    camera_source.publish_many(15)
    assert viewer.frames == []
    camera_source.publish_many(2)
    assert len(viewer.frames) in (46, 47)
    assert viewer.first == viewer.frames[:1]
    assert viewer.nal_units[0][0][0] & 31 == 7
    camera_source.publish()
    assert len(viewer.nal_units) == len(viewer.frames)


def test_a_source_that_cannot_make_one_serves_from_the_cache_at_once(source):
    source.publish(key=True)
    source.publish_many(10)
    viewer = Recorder()
    source.join(viewer)
    assert len(viewer.frames) == 11
    source.publish()
    assert len(viewer.nal_units) == 12


def test_a_viewer_starts_with_the_frames_since_the_key_frame_whatever_their_age(source):
    """25 s at 10 frames a second, as ffmpeg encodes files by default: many times what the write budget allows."""
    source.publish(key=True, size_bytes=50_000)
    source.publish_many(249, size_bytes=20_000)
    viewer = Recorder()
    source.join(viewer)
    while source.stream.audience.catch_up(source.now):
        source.now += 0.01
    source.publish(size_bytes=20_000)
    assert len(viewer.nal_units) == len(viewer.frames) == 251


def test_a_group_that_outgrows_the_cache_starts_nobody():
    stream = Stream("main", link_bitrate_bps=2_000_000, start_cache_bytes=1_000_000)
    source = Source(stream)
    source.publish(key=True)
    source.publish_many(6, size_bytes=200_000)
    viewer = Recorder()
    source.join(viewer)
    source.publish(size_bytes=200_000)
    assert viewer.frames == []
    source.publish(key=True)
    assert len(viewer.frames) == 1


def test_the_first_second_of_a_stream_of_unknown_rate_is_served_from_the_cache():
    """A file's budget grows with each frame: what a key frame alone promises would not last for half a second."""
    stream = Stream("main")
    frames = camera(30, key_bytes=20_000, bytes_each=40_000)
    for encoded in frames[:25]:
        stream.publish(encoded, NOW)
    viewer = Recorder()
    stream.join(viewer, NOW)
    while stream.audience.catch_up(NOW):
        pass
    assert len(viewer.frames) == 25
    assert stream.write_budget_bytes() >= 8 * sum(len(encoded.data) for encoded in frames[:25])


def test_without_any_frame_yet_a_viewer_waits_for_the_first_key_frame(source):
    viewer = Recorder()
    source.join(viewer)
    source.publish_many(3)
    assert viewer.frames == []
    source.publish(key=True)
    assert len(viewer.frames) == 1


def test_who_joins_twice_watches_once(stream, camera_source):
    viewer = Recorder()
    camera_source.join(viewer, viewer)
    assert stream.viewers == 1
    camera_source.publish(key=True)
    assert (len(viewer.first), len(viewer.frames)) == (1, 1)
    camera_source.join(viewer)
    assert stream.viewers == 1
    assert len(viewer.frames) == 2, "from the cache once more"


# --- where a viewer leaves


def test_who_leaves_while_waiting_never_starts(stream, camera_source):
    viewer = Recorder()
    camera_source.join(viewer)
    assert stream.viewers == 1
    stream.leave(viewer)
    camera_source.publish(key=True)
    assert (stream.viewers, viewer.first, viewer.frames) == (0, [], [])
    stream.leave(viewer)


def test_who_leaves_while_playing_gets_nothing_more(stream, source):
    source.publish(key=True)
    viewer, other = Recorder(), Recorder()
    source.join(viewer, other)
    source.publish()
    stream.leave(viewer)
    source.publish()
    assert (len(viewer.frames), len(other.frames)) == (2, 3)


def test_who_leaves_during_a_delivery_does_not_get_that_frame(stream, source):
    source.publish(key=True)
    viewers = [Recorder(name) for name in "abc"]
    source.join(*viewers)
    viewers[0].on_deliver = lambda: stream.leave(viewers[1])
    source.publish()
    assert [len(viewer.frames) for viewer in viewers] == [2, 1, 2]


def test_who_leaves_and_who_joins_while_those_who_wait_are_started(stream, camera_source):
    """A client's pipelined requests run inside its start: they may end another session, or begin one."""
    first, ended, late = Recorder("first"), Recorder("ended"), Recorder("late")
    camera_source.join(first, ended)

    def act() -> None:
        stream.leave(ended)
        camera_source.join(late)

    first.on_start = act
    camera_source.publish(key=True)
    camera_source.publish()
    assert (ended.first, ended.frames) == ([], [])
    assert stream.viewers == 2
    assert len(first.nal_units) == 2
    assert late.nal_units[-2:] == first.nal_units, "no frame twice, none missing"


def test_who_leaves_while_the_impatient_are_started_stays_away(stream, camera_source):
    first, ended = Recorder(), Recorder()
    camera_source.join(first, ended)
    first.on_start = lambda: stream.leave(ended)
    camera_source.publish_many(20)
    assert len(first.frames) > 30
    assert (ended.first, ended.frames, stream.viewers) == ([], [], 1)


def test_who_leaves_while_it_is_started_from_the_cache_gets_nothing(stream, source):
    source.publish(key=True)
    source.publish_many(5)
    viewer = Recorder()
    viewer.on_start = lambda: stream.leave(viewer)
    source.join(viewer)
    assert (viewer.frames, stream.viewers) == ([], 0)


def test_who_pauses_and_plays_again_inside_its_start_gets_each_frame_once(stream, camera_source):
    viewer = Recorder()

    def pause_and_play() -> None:
        viewer.on_start = lambda: None
        stream.leave(viewer)
        camera_source.join(viewer)

    viewer.on_start = pause_and_play
    camera_source.join(viewer)
    camera_source.publish(key=True)
    camera_source.publish()
    assert len(viewer.nal_units) == len(viewer.frames)
    assert stream.viewers == 1


# --- one viewer's fault is its own


def raise_fault() -> None:
    raise ValueError("a viewer's own fault")


def test_a_viewer_that_raises_when_served_is_told_once_and_the_others_are_served(stream, source):
    source.publish(key=True)
    viewers = [Recorder(name) for name in "abc"]
    source.join(*viewers)
    viewers[1].on_deliver = raise_fault
    source.publish_many(3)
    assert [len(viewer.errors) for viewer in viewers] == [0, 1, 0]
    assert [len(viewer.frames) for viewer in viewers] == [4, 1, 4]
    assert stream.viewers == 2


def test_a_viewer_that_raises_when_started_is_told_once_and_the_others_start(stream, camera_source):
    viewers = [Recorder(name) for name in "abc"]
    viewers[1].on_start = raise_fault
    camera_source.join(*viewers)
    camera_source.publish(key=True)
    assert [len(viewer.errors) for viewer in viewers] == [0, 1, 0]
    assert [len(viewer.frames) for viewer in viewers] == [1, 0, 1]
    assert stream.viewers == 2


def test_a_viewer_that_raises_in_its_first_seconds_of_cache_is_told_once(stream, source):
    source.publish(key=True)
    source.publish_many(30)
    viewer = Recorder()
    viewer.on_deliver = raise_fault
    source.join(viewer)
    assert len(viewer.errors) == 1
    assert stream.viewers == 0


# --- who waits for the parameter sets


def test_the_next_key_frame_tells_those_who_wait_for_the_description(stream, source):
    told = []
    stream.when_described(lambda: told.append(stream.parameter_sets))
    cancel = stream.when_described(lambda: told.append("cancelled"))
    cancel()
    source.publish()
    assert told == []
    source.publish(key=True)
    assert told == [stream.parameter_sets]
    assert stream.parameter_sets is not None
    source.publish(key=True)
    assert len(told) == 1
    cancel()


def test_a_key_frame_without_parameter_sets_describes_nothing(stream):
    told = []
    stream.when_described(lambda: told.append("described"))
    stream.publish(key_frame(0, parameter_sets=False), NOW)
    assert (told, stream.parameter_sets) == ([], None)
    stream.publish(key_frame(3000), NOW)
    assert told == ["described"]


def test_one_who_is_told_may_wait_again_or_cancel_another(stream, source):
    told = []

    def first() -> None:
        told.append("first")
        stream.when_described(lambda: told.append("again"))

    stream.when_described(first)
    source.publish(key=True)
    assert told == ["first"]
    source.publish(key=True)
    assert told == ["first", "again"]


# --- the timeline


def test_a_restart_goes_on_in_sequence_and_time(stream, source):
    viewer = Recorder()
    source.join(viewer)
    for encoded in camera(3, first=777_000):
        stream.publish(encoded, source.now)
    source.now += 2.0
    stream.track.announce_restart()
    for encoded in camera(2, first=5):
        stream.publish(encoded, source.now)
    assert len(viewer.nal_units) == 5
    steps = [(after.rtp_timestamp - before.rtp_timestamp) % 2**32 for before, after in pairwise(viewer.frames)]
    assert steps == [3000, 3000, 180_000, 3000]


def test_a_frame_shown_out_of_order_keeps_its_place(stream, source):
    viewer = Recorder()
    source.join(viewer)
    for encoded in (key_frame(0), frame(9000), frame(3000, reordered=True), frame(6000, reordered=True), frame(12000)):
        stream.publish(encoded, NOW)
    offset = stream.identity.rtp_offset
    assert [(each.rtp_timestamp - offset) % 2**32 for each in viewer.frames] == [0, 9000, 3000, 6000, 12000]


def test_a_stamp_that_trembles_without_reordering_still_advances(stream, source):
    viewer = Recorder()
    source.join(viewer)
    for encoded in (key_frame(0), frame(3000), frame(2990), frame(6000)):
        stream.publish(encoded, NOW)
    offset = stream.identity.rtp_offset
    assert [(each.rtp_timestamp - offset) % 2**32 for each in viewer.frames] == [0, 3000, 3001, 6000]


# --- sender reports


def report_fields(report: bytes) -> tuple[int, int, int, int]:
    """Return NTP and RTP time, packets and octets of a sender report (RFC 3550 section 6.4.1)."""
    assert report[1] == 200
    return tuple(int.from_bytes(report[start:end], "big") for start, end in ((8, 16), (16, 20), (20, 24), (24, 28)))


def test_no_report_before_the_first_frame(stream):
    assert stream.sender_report(NOW, "x") is None


def test_reports_lie_on_the_line_of_wall_and_rtp_time_through_the_last_frame(stream):
    stream.publish(key_frame(0), NOW)
    stream.publish(frame(3000, wall_ns=WALL_NS + 33_333_333), NOW + 0.0333)
    for elapsed_s in (0.0, 0.5, 4.75):
        ntp, rtp, _packets, _octets = report_fields(stream.sender_report(NOW + 0.0333 + elapsed_s, "x"))
        assert ntp == pytest.approx(ntp_from_wall_ns(WALL_NS + 33_333_333 + round(elapsed_s * 1e9)), abs=1 << 12)
        assert rtp == (stream.identity.rtp_offset + 3000 + round(elapsed_s * 90_000)) % 2**32


def test_reports_count_packets_and_payload(stream, source):
    viewer = Recorder()
    source.join(viewer)
    source.publish(key=True, size_bytes=5000)
    source.publish()
    packets = [packet for each in viewer.frames for packet in each.packets()]
    _ntp, _rtp, packet_count, octets = report_fields(stream.sender_report(source.now, "x"))
    assert packet_count == len(packets)
    assert octets == sum(len(packet) - 12 for packet in packets)


def test_the_times_of_the_last_few_reports_are_known_by_their_middle_bits(stream):
    stream.publish(key_frame(0), NOW)
    for second in range(20):
        report = stream.sender_report(NOW + second, "x")
    assert len(stream.track.sender_reports_sent_at) == SENDER_REPORTS_KEPT
    assert stream.track.sender_reports_sent_at[int.from_bytes(report[10:14], "big")] == NOW + 19


def test_a_goodbye_names_the_stream_and_the_reason(stream):
    packet = stream.track.goodbye("cam@board", "shutdown")
    assert b"cam@board" in packet
    assert packet.endswith(b"\x08shutdown\0\0\0")
    assert bytes.fromhex("11223344") in packet


def exposed(number: int, at: float, *, key: bool = False, first: int = 0) -> EncodedFrame:
    """Return a frame of a source whose wall clock is `WALL_NS` at `NOW`, exposed at `at`."""
    make = key_frame if key else frame
    made = make(first + number * TICKS_A_FRAME, wall_ns=WALL_NS + round((at - NOW) * 1e9))
    return msgspec.structs.replace(made, captured_ns=round(at * 1e9))


def wall_time_of(rtp: int, report: bytes) -> float:
    """Return the wall time in seconds that a sender report gives to an RTP time (RFC 3550 section 6.4.1)."""
    ntp, report_rtp, _packets, _octets = report_fields(report)
    ticks = (rtp - report_rtp + 2**31) % 2**32 - 2**31
    return ntp / 2**32 + ticks / 90_000


def seconds_of(wall_ns: int) -> float:
    return ntp_from_wall_ns(wall_ns) / 2**32


@pytest.mark.parametrize("delays_s", [(0.0, 0.0, 0.0), (0.03, 0.4, 0.05), (2.0, 0.01, 1.0)])
def test_a_frames_wall_time_is_its_exposure_however_late_it_is_published(stream, delays_s):
    viewer = Recorder()
    stream.join(viewer, NOW)
    frames = [exposed(number, NOW + number / 30, key=number == 0) for number in range(3)]
    now = NOW
    for each, delay_s in zip(frames, delays_s, strict=True):
        now = max(now, each.captured_ns / 1e9 + delay_s)
        stream.publish(each, now)
        report = stream.sender_report(now + 0.7, "x")
        sent = viewer.frames[-1]
        assert wall_time_of(sent.rtp_timestamp, report) == pytest.approx(seconds_of(each.wall_ns), abs=0.001)
        assert report_fields(report)[0] / 2**32 == pytest.approx(seconds_of(WALL_NS) + now + 0.7 - NOW, abs=0.001)


@pytest.mark.parametrize("delay_s", [0.0, 0.5, 3.0])
def test_a_restart_bends_no_wall_time(stream, delay_s):
    viewer = Recorder()
    stream.join(viewer, NOW)
    stream.publish(exposed(0, NOW, key=True), NOW + 0.05)
    stream.publish(exposed(1, NOW + 1 / 30), NOW + 0.2)
    before = stream.sender_report(NOW + 1.0, "x")
    stream.track.announce_restart()
    first = exposed(0, NOW + 7.3, key=True, first=5_000_000)
    stream.publish(first, NOW + 7.3 + delay_s)
    after = stream.sender_report(NOW + 12.0, "x")
    for report in (before, after):
        sent = viewer.frames[-1].rtp_timestamp
        assert wall_time_of(sent, report) == pytest.approx(seconds_of(first.wall_ns), abs=0.001)


@pytest.mark.parametrize("captured_at", [NOW + 0.5, NOW - MAX_CAPTURE_DELAY_S - 1.0, 0.001])
def test_an_instant_of_capture_that_cannot_be_is_not_believed(stream, captured_at):
    stream.publish(key_frame(0), NOW - 1.0)
    stream.track.announce_restart()
    stream.publish(msgspec.structs.replace(frame(7_000_000), captured_ns=round(captured_at * 1e9)), NOW)
    ntp, rtp, _packets, _octets = report_fields(stream.sender_report(NOW, "x"))
    assert ntp == ntp_from_wall_ns(WALL_NS)
    assert rtp == (stream.identity.rtp_offset + 90_000) % 2**32


# --- a source that is off, down or given up


def test_frames_that_are_forgotten_start_nobody(stream, source):
    source.publish(key=True)
    stream.forget_frames()
    viewer = Recorder()
    source.join(viewer)
    source.publish()
    assert viewer.frames == []
    source.publish(key=True)
    assert len(viewer.frames) == 1
    assert stream.parameter_sets is not None


def test_a_format_that_is_forgotten_comes_back_with_a_key_frame_and_replaces_nothing(stream, source):
    changed = []
    stream.track.on_format_changed = lambda: changed.append(1)
    source.publish(key=True)
    stream.forget_format()
    assert stream.parameter_sets is None
    stream.publish(key_frame(90_000, parameter_sets=False), source.now)
    assert stream.parameter_sets is None
    source.publish(key=True)
    assert stream.parameter_sets is not None
    assert changed == []


def test_who_waits_for_a_description_is_told_of_a_source_that_is_down(stream):
    told = []
    stream.when_described(lambda: told.append("now"))
    assert stream.is_watched
    stream.declare_down()
    assert (told, stream.is_down, stream.is_watched) == (["now"], True, False)


def test_who_plays_waits_or_asks_watches(stream, camera_source):
    viewer = Recorder()
    assert not stream.is_watched
    camera_source.join(viewer)
    assert stream.is_watched
    camera_source.publish(key=True)
    assert stream.is_watched
    stream.leave(viewer)
    assert not stream.is_watched
    stream.when_described(lambda: None)()
    assert not stream.is_watched


def test_the_first_key_frame_is_told_once(stream, source):
    told = []
    stream.on_first_key_frame = lambda: told.append(stream.counters.frames)
    source.publish()
    assert told == []
    source.publish(key=True)
    source.publish(key=True)
    assert told == [2]


# --- rates and counts


def test_a_higher_setting_counts_from_the_next_key_frame(stream, source):
    source.publish(key=True)
    stream.link.configure(50_000_000, source.now)
    assert stream.link_bitrate_bps == 50_000_000
    source.publish(key=True)
    assert stream.write_budget_bytes() >= 50_000_000


def test_a_lower_setting_counts_when_no_backlog_of_before_can_be_left():
    stream = Stream("main", link_bitrate_bps=100_000, dead_after_s=8.0)
    source = Source(stream)
    source.publish(key=True)
    source.publish_many(60, size_bytes=5000)
    measured = stream.link_bitrate_bps
    assert measured > 1_000_000
    stream.link.configure(50_000, source.now)
    source.publish_many(7 * 30, size_bytes=400)
    source.publish(key=True)
    assert stream.link_bitrate_bps == measured
    source.publish_many(2 * 30, size_bytes=400)
    source.publish(key=True)
    assert stream.link_bitrate_bps == pytest.approx(30 * 450 * 8, rel=0.2), "what was sent since, not the setting"


def test_the_measured_peak_counts_where_it_is_more_than_the_setting():
    stream = Stream("main", link_bitrate_bps=100_000)
    source = Source(stream)
    source.publish(key=True)
    assert stream.link_bitrate_bps == 100_000
    source.publish_many(30, size_bytes=5000)
    assert stream.link_bitrate_bps == pytest.approx(30 * 5000 * 8, rel=0.1)


def test_the_peak_is_measured_in_media_time_and_not_when_a_held_up_process_read_it():
    stream = Stream("main")
    for encoded in camera(90, bytes_each=5000):
        stream.publish(encoded, NOW)
    assert stream.link_bitrate_bps == pytest.approx(30 * 5000 * 8, rel=0.1)


def test_a_slow_stream_with_huge_key_frames_has_a_budget_for_two_of_them():
    stream = Stream("sub", link_bitrate_bps=200_000)
    stream.publish(key_frame(0, 10_000), NOW)
    assert stream.write_budget_bytes() == pytest.approx(200_000, rel=0.01)
    stream.publish(key_frame(10 * 90_000, 100_000), NOW)
    key_frame_bytes = stream.write_budget.largest_key_frame_bytes
    assert key_frame_bytes > 100_000
    second_bytes = stream.link_bitrate_bps / 8
    assert stream.write_budget_bytes() >= 2 * key_frame_bytes + second_bytes
    stream.publish(key_frame(20 * 90_000, 10_000), NOW)
    assert stream.write_budget.largest_key_frame_bytes == key_frame_bytes, "the largest one seen"


def test_counters(stream, source):
    source.publish(key=True)
    source.publish_many(4)
    counters = stream.counters
    assert (counters.frames, counters.key_frames) == (5, 1)
    assert counters.packets >= 5
    assert counters.bytes > 5 * 200


# --- what stays


def test_a_stream_keeps_no_viewer_that_has_left(stream, camera_source):
    viewers = [Recorder() for _ in range(3)]
    camera_source.join(*viewers)
    stream.leave(viewers[0])
    camera_source.publish(key=True)
    for viewer in viewers:
        stream.leave(viewer)
    alive = [weakref.ref(viewer) for viewer in viewers]
    del viewers, viewer
    gc.collect()
    assert [reference() for reference in alive] == [None] * 3


def test_a_key_frame_lets_the_frames_before_it_go(stream, source):
    source.publish(key=True)
    last = frame(TICKS_A_FRAME)
    references = sys.getrefcount(last.data)
    stream.publish(last, source.now)
    held = sys.getrefcount(last.data)
    source.number = 2
    source.publish(key=True)
    let_go = sys.getrefcount(last.data)
    assert held > references == let_go


SPS_OF_ANOTHER_SIZE = bytes.fromhex("67f4000d919640586fb8b840000003004000000f23c50a92")


def test_another_size_is_told_before_its_first_frame_and_the_same_one_never():
    stream, seen = Stream("main"), []
    viewer = Recorder()
    stream.track.on_format_changed = lambda: seen.append(len(viewer.frames))
    stream.publish(key_frame(0), 0.0)
    stream.join(viewer, 0.0)
    stream.publish(key_frame(3000), 0.1)
    assert seen == []
    data = annex_b(SPS_OF_ANOTHER_SIZE, PPS, b"\x65 another picture")
    stream.publish(EncodedFrame(data, is_key_frame=True, media_time=6000, wall_ns=0), 0.2)
    assert seen == [2], "the viewer has had two frames, and not the one of another size"
