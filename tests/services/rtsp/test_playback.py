"""A playback between a stream and a wire that keeps what it is given."""

import pytest

from edge_streamer.media.stream import Stream
from edge_streamer.protocol.rtp.rtcp import middle_32_bits, ntp_from_wall_ns
from edge_streamer.protocol.rtsp.headers.rtp_info import RtpInfo
from edge_streamer.protocol.rtsp.headers.transport import TransportReply
from edge_streamer.protocol.rtsp.server.events import FirstPacket
from edge_streamer.runtime.tcp.info import TcpInfo
from edge_streamer.services.rtsp.playback import Playback
from edge_streamer.services.rtsp.slots import Slot
from edge_streamer.services.rtsp.transports.unicast import open_unicast
from tests.support.frames import WALL_NS, frame, key_frame

NOW = 1000.0
REPLY = TransportReply("tcp", 1, channels=(0, 1))
URL = "rtsp://192.0.2.1/main/trackID=0"


class Wire:
    """Notes what it sends."""

    name = "tcp"
    channel = None
    sent_packets = 0
    discarded_frames = 2
    sent_bytes = 1000
    backlog_bytes = 250_000
    room_bytes = 1 << 20

    def __init__(self) -> None:
        self.frames = []
        self.rtcp: list[bytes] = []
        self.prepared: list[float] = []
        self.closed = 0
        self.tcp: TcpInfo | None = None

    def oldest_unsent_age_s(self, now: float) -> float:
        return now - (NOW - 0.5)

    def tcp_info(self) -> TcpInfo | None:
        return self.tcp

    def start(self, events) -> None:
        raise AssertionError("no session has adopted the playback")

    def prepare(self, bytes_per_second: float) -> None:
        self.prepared.append(bytes_per_second)

    def deliver(self, packetized) -> None:
        self.frames.append(packetized)

    def send_rtcp(self, packet: bytes) -> None:
        self.rtcp.append(packet)

    def close(self) -> None:
        self.closed += 1


class Viewing:
    """A playback with all that it touches."""

    def __init__(self) -> None:
        self.stream = Stream("main", link_bitrate_bps=2_000_000)
        self.wire = Wire()
        self.slot = Slot(3, sent_bytes=50, discarded_frames=1)
        opened = open_unicast(self.stream, REPLY, self.wire)
        self.playback = Playback(self.stream, opened, self.slot, "192.0.2.9:40000", NOW, 1_700_000_000.0)
        self.answers = []

    def play(self) -> None:
        self.playback.play(URL, self.answers.append, NOW)

    def publish(self, *frames) -> None:
        for encoded in frames:
            self.stream.publish(encoded, NOW)


@pytest.fixture
def viewing():
    return Viewing()


def test_the_stream_is_told_once_that_a_session_has_left(viewing):
    left = []
    viewing.stream.on_left = lambda: left.append(viewing.playback.state)
    viewing.play()
    assert left == []
    viewing.playback.leave()
    assert left == ["ended"]


def test_play_is_answered_with_the_first_packet_before_it_is_sent(viewing):
    viewing.play()
    assert viewing.answers == []
    viewing.publish(key_frame(0))
    (answer,) = viewing.answers
    first = viewing.wire.frames[0]
    assert answer == FirstPacket(RtpInfo(URL, first.first_sequence, first.rtp_timestamp), WALL_NS)
    viewing.publish(frame(3000))
    assert len(viewing.answers) == 1
    assert len(viewing.wire.frames) == 2


def test_at_last_play_is_answered_from_the_cache(viewing):
    viewing.publish(key_frame(0), frame(3000))
    viewing.stream.key_frame_requests.ask = lambda: None
    viewing.play()
    assert viewing.answers == []
    viewing.playback.answer_at_last()
    (answer,) = viewing.answers
    assert answer.rtp_info.seq == viewing.wire.frames[0].first_sequence
    assert answer.wall_ns == WALL_NS - 1_000_000_000 // 30, "the key frame was captured a frame before the last one"
    assert len(viewing.wire.frames) == 2
    viewing.playback.answer_at_last()
    assert len(viewing.answers) == 1


def test_at_last_play_is_answered_without_a_position_and_the_viewer_goes_on_waiting(viewing):
    viewing.play()
    viewing.playback.answer_at_last()
    assert viewing.answers == [None]
    viewing.publish(key_frame(0))
    assert viewing.answers == [None]
    assert len(viewing.wire.frames) == 1


def test_a_viewer_that_waits_since_the_group_outgrew_the_cache_is_told_of(viewing, caplog):
    viewing.stream.cache.limit_bytes = 1000
    viewing.publish(key_frame(0), frame(3000, 1000))
    viewing.play()
    viewing.playback.answer_at_last()
    assert viewing.answers == [None]
    assert "session awaits key frame" in caplog.text
    assert "link.start_cache_bytes = 1000" in caplog.text


def test_a_second_play_answers_the_first_one(viewing):
    """The session was taken over by another connection while its first PLAY waited."""
    viewing.play()
    second = []
    viewing.playback.play(URL, second.append, NOW)
    assert (viewing.answers, second) == ([None], [])
    viewing.publish(key_frame(0))
    assert len(second) == 1
    assert viewing.stream.viewers == 1


def test_a_pause_stops_the_media_and_play_goes_on_at_a_key_frame(viewing):
    viewing.publish(key_frame(0))
    viewing.play()
    viewing.playback.pause()
    viewing.publish(frame(3000))
    assert (len(viewing.wire.frames), viewing.playback.state) == (1, "paused")
    viewing.play()
    assert viewing.playback.state == "playing"
    assert viewing.wire.frames[1].is_key_frame
    assert len(viewing.wire.frames) == 3


def test_leaving_gives_the_sums_to_the_slot_and_answers_a_play_that_waits(viewing):
    viewing.play()
    viewing.playback.leave()
    assert viewing.answers == [None]
    assert (viewing.slot.sent_bytes, viewing.slot.discarded_frames) == (1050, 3)
    assert viewing.wire.closed == 1
    assert viewing.stream.viewers == 0
    viewing.publish(key_frame(0))
    assert viewing.wire.frames == []


def test_a_sender_report_is_for_who_has_had_a_frame(viewing):
    reports = []

    def report() -> int:
        viewing.playback.send_sender_report(NOW, "x")
        return len(viewing.wire.rtcp)

    viewing.playback.on_started = lambda: reports.append(len(viewing.wire.frames))
    viewing.publish(key_frame(0))
    viewing.stream.key_frame_requests.ask = lambda: None
    viewing.play()
    viewing.playback.answer_at_last()
    assert (report(), reports) == (1, [0])
    viewing.playback.pause()
    assert report() == 1
    viewing.stream.forget_frames()
    viewing.play()
    viewing.playback.answer_at_last()
    assert (report(), reports) == (1, [0]), "PLAY is answered, and there is no frame yet"
    viewing.publish(key_frame(3000))
    assert (report(), reports) == (2, [0, 1])
    viewing.playback.leave()
    assert report() == 2


def receiver_report(ssrc: int, last_sr: int) -> bytes:
    """A quarter lost, jitter of 9 ms, half a second after the report that `last_sr` names."""
    block = ssrc.to_bytes(4, "big") + bytes.fromhex("40 000010 0001c350 0000032a") + last_sr.to_bytes(4, "big")
    return bytes.fromhex("81c9 0007 0000002a") + block + bytes.fromhex("00008000")


def test_what_a_viewer_reports_is_shown(viewing):
    viewing.publish(key_frame(0))
    viewing.play()
    viewing.playback.send_sender_report(NOW, "x")
    last_sr = middle_32_bits(ntp_from_wall_ns(WALL_NS))
    viewing.playback.take_rtcp(receiver_report(viewing.stream.identity.ssrc, last_sr), NOW + 0.62)
    status = viewing.playback.status("1A2B", "192.0.2.9", NOW)
    assert (status.fraction_lost_ratio, status.jitter_s) == (0.25, 0.009)
    assert status.round_trip_s == pytest.approx(0.12)


@pytest.mark.parametrize("packet", [b"", b"x", bytes(8), bytes.fromhex("81c9ffff"), receiver_report(0xDEADBEEF, 1)])
def test_what_is_no_report_on_this_stream_is_passed_over(viewing, packet):
    viewing.playback.take_rtcp(packet, NOW)
    status = viewing.playback.status("1A2B", "192.0.2.9", NOW)
    assert (status.fraction_lost_ratio, status.jitter_s, status.round_trip_s) == (None, None, None)


def test_the_status(viewing):
    viewing.playback.client = "ffmpeg"
    status = viewing.playback.status("1A2B", "192.0.2.9", NOW)
    assert (status.session_id, status.slot, status.stream, status.peer_ip) == ("1A2B", 3, "main", "192.0.2.9")
    assert (status.transport, status.client, status.state) == ("tcp", "ffmpeg", "ready")
    assert (status.sent_bytes, status.slot_sent_bytes, status.slot_discarded_frames) == (1000, 1050, 3)
    assert (status.backlog_bytes, status.backlog_s) == (250_000, 1.0)
    assert status.write_budget_bytes == viewing.stream.write_budget_bytes()
    assert status.started_wall_s == 1_700_000_000.0


def test_the_status_says_what_the_kernel_does(viewing):
    viewing.wire.tcp = TcpInfo(round_trip_s=0.02, retransmits=4, unacknowledged_bytes=1448, delivery_bps=3e6)
    viewing.playback.slot.retransmits = 10
    status = viewing.playback.status("1A2B", "192.0.2.9", NOW + 60)
    assert (status.duration_s, status.discarded_frames, status.oldest_unsent_s) == (60.0, 2, 60.5)
    assert (status.kernel_round_trip_s, status.retransmits, status.slot_retransmits) == (0.02, 4, 14)
    assert (status.unacknowledged_bytes, status.delivery_bps) == (1448, 3e6)


def test_the_kernel_says_nothing_of_media_over_udp(viewing):
    viewing.playback.slot.retransmits = 10
    status = viewing.playback.status("1A2B", "192.0.2.9", NOW)
    assert (status.kernel_round_trip_s, status.retransmits, status.slot_retransmits) == (None, None, 10)
    assert (status.unacknowledged_bytes, status.delivery_bps) == (None, None)


def test_the_slot_keeps_the_retransmits_of_who_has_left(viewing):
    viewing.wire.tcp = TcpInfo(round_trip_s=0.02, retransmits=4, unacknowledged_bytes=0, delivery_bps=None)
    viewing.playback.slot.retransmits = 10
    viewing.playback.leave()
    assert viewing.playback.slot.retransmits == 14


def test_a_fault_nobody_has_taken_charge_of_is_not_swallowed(viewing):
    with pytest.raises(ValueError, match="own"):
        viewing.playback.on_fault(ValueError("our own"))
