"""Wires over a real TCP connection whose client is slow."""

import pytest

from edge_streamer.protocol.rtp.packetizers.h264 import H264Packetizer
from edge_streamer.protocol.rtp.packets import PacketizedFrame
from edge_streamer.runtime.tcp.close_reason import CloseReason
from edge_streamer.runtime.tcp.connection import TcpConnection
from edge_streamer.runtime.tcp.info import TcpInfo
from edge_streamer.runtime.tcp.write_queue import WriteQueue
from edge_streamer.services.rtsp.transports.interleaved import SkippingTcpWire, TcpWire, batch_kind
from tests.support.rtsp.rtp import interleaved_packets
from tests.support.tcp_pair import Delegate, connected_pair, read_until

LIMIT_BYTES = 500_000


class Line:
    """A connection to a slow client, and frames to send over it."""

    def __init__(self, loop) -> None:
        self.loop = loop
        accepted, self.client = connected_pair(receive_buffer_bytes=4096)
        self.delegate = Delegate()
        self.connection = TcpConnection(loop, accepted, lambda connection: self.delegate)
        self.packetizer = H264Packetizer(ssrc=1, first_sequence=1000)
        self.asked = 0

    def limit_bytes(self) -> int:
        return LIMIT_BYTES

    def ask(self) -> None:
        self.asked += 1

    def frame(self, size_bytes: int = 200, *, is_key_frame: bool = False) -> PacketizedFrame:
        return self.packetizer.packetize([b"\x41" + bytes(size_bytes)], 0, is_key_frame=is_key_frame)

    def wire(self, channels: tuple[int, int] = (0, 1)) -> TcpWire:
        return TcpWire(self.connection, channels, self.limit_bytes)

    def skipping_wire(self) -> SkippingTcpWire:
        return SkippingTcpWire(self.connection, (0, 1), self.limit_bytes, self.ask)

    def stall(self, wire: TcpWire) -> None:
        """Have one frame on the wire and nothing more taken."""
        wire.deliver(self.frame(100_000))
        self.loop.turn()
        assert self.connection.queue.waiting_bytes > 0

    def close(self) -> None:
        self.client.close()
        self.connection.close(CloseReason.LOCAL)
        for _ in range(3):
            self.loop.turn()


@pytest.fixture
def line(no_descriptor_left, loop):
    made = Line(loop)
    yield made
    made.close()


# --- interleaved


def test_a_frame_and_its_reports_go_over_the_channels_of_the_viewer(loop, line):
    wire = line.wire((6, 9))
    frame = line.frame(3000)
    wire.deliver(frame)
    wire.send_rtcp(b"a report")
    received = read_until(loop, line.client, lambda data: data.endswith(b"a report"))
    assert list(interleaved_packets(received)) == [*((6, packet) for packet in frame.packets()), (9, b"a report")]
    assert (wire.sent_packets, wire.sent_bytes) == (frame.packet_count, len(received))


def test_what_the_connection_sent_before_is_not_this_viewers(loop, line):
    line.connection.send(b"a reply")
    wire = line.wire()
    assert wire.sent_bytes == 0
    wire.send_rtcp(b"x")
    assert wire.sent_bytes == 5


def test_a_report_does_not_wait_behind_the_backlog(loop, line):
    wire = line.wire()
    line.stall(wire)
    wire.deliver(line.frame(100_000))
    wire.send_rtcp(b"a report")
    received = read_until(loop, line.client, lambda data: len(data) > 200_000)
    channels = [channel for channel, _packet in interleaved_packets(received)]
    assert channels.count(1) == 1
    assert channels.index(1) == len(channels) // 2


def test_backlog_and_age_are_those_of_the_connection(clock, line):
    wire = line.wire()
    line.stall(wire)
    clock.advance(2.5)
    assert wire.backlog_bytes == line.connection.backlog_bytes > 50_000
    assert wire.oldest_unsent_age_s(clock.now) == 2.5


def test_what_the_kernel_says_is_of_this_viewers_time(loop, line):
    wire = line.wire()
    line.stall(wire)
    info = wire.tcp_info()
    assert 0 <= info.retransmits < 10  # a busy machine sends again what nobody lost
    assert 0 < info.round_trip_s < 5
    assert 0 <= info.unacknowledged_bytes <= wire.backlog_bytes
    before = TcpInfo(round_trip_s=0.02, retransmits=7, unacknowledged_bytes=1, delivery_bps=8.0)
    assert before.counted_from(5) == TcpInfo(0.02, 2, 1, 8.0)


def test_after_the_end_the_kernels_last_word_counts(loop, line):
    wire = line.wire()
    line.stall(wire)
    line.connection.close(CloseReason.LOCAL)
    loop.turn()
    assert wire.tcp_info().round_trip_s > 0


def test_a_reader_over_its_budget_is_closed(loop, line):
    wire = line.wire()
    for _ in range(6):
        wire.deliver(line.frame(100_000))
    loop.turn()
    assert line.delegate.reasons == [CloseReason.BACKLOG]


def test_two_viewers_of_one_connection_may_owe_twice_as_much(loop, line):
    wires = [line.wire((0, 1)), line.wire((2, 3))]
    for _ in range(4):
        for wire in wires:
            wire.deliver(line.frame(100_000))
    loop.turn()
    assert line.delegate.reasons == []
    for wire in wires:
        wire.deliver(line.frame(100_000))
        wire.deliver(line.frame(100_000))
    loop.turn()
    assert line.delegate.reasons == [CloseReason.BACKLOG]


def test_a_viewer_that_leaves_takes_its_backlog_along_and_leaves_the_connection(loop, line):
    wire = line.wire()
    line.stall(wire)
    wire.deliver(line.frame(100_000))
    before = line.connection.queue.waiting_bytes
    wire.close()
    assert before - 110_000 < line.connection.queue.waiting_bytes < before - 100_000
    assert line.connection.is_open


# --- skipping


def test_a_slow_reader_loses_whole_frames_up_to_a_key_frame_and_stays(loop, line):
    wire = line.skipping_wire()
    first = line.frame(100_000)
    wire.deliver(first)
    for _ in range(8):
        wire.deliver(line.frame(100_000))
    assert wire.discarded_frames == 8
    assert line.connection.is_open
    read_until(loop, line.client, lambda data: len(data) >= len(first.interleaved(0)))
    wire.deliver(line.frame())
    assert (wire.discarded_frames, line.asked) == (9, 1)
    key = line.frame(is_key_frame=True)
    wire.deliver(key)
    wire.deliver(line.frame())
    received = read_until(loop, line.client, lambda data: len(data) > 400)
    assert received.startswith(key.interleaved(0))
    assert wire.discarded_frames == 9


def test_a_key_frame_that_finds_a_backlog_is_skipped_too(line):
    wire = line.skipping_wire()
    for _ in range(9):
        wire.deliver(line.frame(100_000))
    discarded = wire.discarded_frames
    wire.deliver(line.frame(is_key_frame=True))
    assert wire.discarded_frames == discarded + 1


def test_a_steady_slow_reader_is_never_ended(loop, clock, line):
    """Half a minute at a tenth of the stream's rate: a picture on the wire takes far longer than the clocks' looks are
    apart."""
    wire = line.skipping_wire()
    for step in range(60):
        wire.deliver(line.frame(25_000, is_key_frame=step % 4 == 0))
        read_until(loop, line.client, lambda data: len(data) >= 2500)
        clock.advance(0.5)
        line.connection.look_for_death(clock.now, is_sending=True)
        loop.turn()
    assert line.delegate.reasons == []
    assert 20 < wire.discarded_frames < 58


def test_a_reader_that_takes_nothing_is_ended_all_the_same(loop, clock, line):
    wire = line.skipping_wire()
    line.stall(wire)
    for _ in range(40):  # what was under way is acknowledged
        loop.turn(0.005)
    for _ in range(40):
        wire.deliver(line.frame())
        clock.advance(0.25)
        loop.turn(0.002)
        line.connection.look_for_death(clock.now, is_sending=True)
    assert line.delegate.reasons == [CloseReason.STALLED]


def test_a_reader_that_owes_nothing_but_replies_is_closed_all_the_same(loop, line):
    line.skipping_wire()
    line.connection.send(bytes(LIMIT_BYTES + 300_000))
    loop.turn()
    assert line.delegate.reasons == [CloseReason.BACKLOG]


def test_the_next_viewer_of_the_connection_is_not_skipped_for(loop, line):
    skipping = line.skipping_wire()
    skipping.close()
    wire = line.wire()
    for _ in range(7):
        wire.deliver(line.frame(100_000))
    loop.turn()
    assert line.delegate.reasons == [CloseReason.BACKLOG]
    assert skipping.discarded_frames == 0


def test_a_second_skipping_wire_takes_over_before_the_first_is_closed(line):
    first = line.skipping_wire()
    second = line.skipping_wire()
    first.close()
    for _ in range(9):
        second.deliver(line.frame(100_000))
    assert line.connection.is_open
    assert (first.discarded_frames, second.discarded_frames > 0) == (0, True)


# --- which wires a batch sends for


class OtherChannel:
    """A channel whose bytes take another way than a plain TCP connection's."""

    sent_bytes = 0

    def __init__(self) -> None:
        self.queue = WriteQueue()

    def info(self) -> TcpInfo:
        return TcpInfo(None, 0, None, None)


def test_only_plain_wires_over_plain_connections_are_sent_to_in_a_batch(line):
    assert batch_kind(line.wire((6, 7))).key == 6
    assert batch_kind(line.skipping_wire()) is None
    assert batch_kind(TcpWire(OtherChannel(), (0, 1), line.limit_bytes)) is None
