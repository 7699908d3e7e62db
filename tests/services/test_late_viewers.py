"""Viewers that start with megabytes of cached frames, over real sockets: slow ones, dead ones, datagrams."""

from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise

import pytest

from edge_streamer.media.stream import Stream
from edge_streamer.protocol.rtp.packets import PacketizedFrame
from edge_streamer.protocol.rtsp.headers.transport import TransportReply
from edge_streamer.runtime.tcp.close_reason import CloseReason
from edge_streamer.runtime.tcp.connection import TcpConnection
from edge_streamer.runtime.udp.pair import UdpPair, UdpPortRange
from edge_streamer.services.late_viewers import LateViewers
from edge_streamer.services.rtsp.transports.interleaved import SkippingTcpWire, TcpWire, batch_kind
from edge_streamer.services.rtsp.transports.udp import UdpWire
from edge_streamer.services.rtsp.transports.unicast import UnicastFeed, open_unicast
from tests.support.frames import frame, key_frame
from tests.support.loop import WAIT_S, turn_until
from tests.support.rtsp.rtp import RtpPacket, interleaved_packets
from tests.support.tcp_pair import Delegate, connected_pair, read_available
from tests.support.udp_pair import open_udp_pair

DEAD_AFTER_S = 8.0
FRAME_INTERVAL_S = 0.1
FRAME_TICKS = 9000
FRAME_BYTES = 12_000  # about a megabit a second
STEP_S = 0.01
SETTLING_TURNS = 40


class Session:
    """Notes how its viewer started."""

    def __init__(self) -> None:
        self.first: PacketizedFrame | None = None

    def start(self, first: PacketizedFrame) -> None:
        self.first = first

    def answer_at_last(self) -> None:
        raise AssertionError("there are cached frames")

    def on_fault(self, error: Exception) -> None:
        raise error


class Studio:
    """A stream of ten frames a second with 25 s behind it, on a loop whose clock is turned by hand."""

    def __init__(self, loop, clock) -> None:
        self.loop, self.clock = loop, clock
        self.stream = Stream("main", dead_after_s=DEAD_AFTER_S, link_bitrate_bps=1_000_000)
        LateViewers(loop).serve(self.stream)
        self.published = 0
        self.publish(is_key=True)
        for _ in range(249):
            self.publish()
        self.start_bytes = self.stream.cache.cached_bytes
        assert self.start_bytes > 2 * self.stream.write_budget_bytes()

    def publish(self, *, is_key: bool = False) -> None:
        make = key_frame if is_key else frame
        self.stream.publish(make(self.published * FRAME_TICKS, FRAME_BYTES), self.clock.now)
        self.published += 1

    def run(self, seconds: float, each_step=lambda: None) -> None:
        """Let time pass, with a frame each tenth of a second."""
        for step in range(round(seconds / STEP_S)):
            self.clock.advance(STEP_S)
            if step % round(FRAME_INTERVAL_S / STEP_S) == 0:
                self.publish()
            self.loop.turn()
            each_step()

    def settle(self) -> None:
        """Let the kernel bring what is on its way, and its delayed acknowledgements, while the clock stands still."""
        for _ in range(SETTLING_TURNS):
            self.loop.turn(WAIT_S)

    def join(self, wire, reply: TransportReply) -> UnicastFeed:
        kind = batch_kind(wire) if isinstance(wire, TcpWire) else None
        feed = open_unicast(self.stream, reply, wire, kind).feed
        assert isinstance(feed, UnicastFeed)
        feed.join(Session(), self.clock.now)
        return feed


class TcpViewer:
    """A TCP viewer whose client reads when it is told."""

    def __init__(self, studio: Studio, *, skips: bool = False) -> None:
        accepted, self.client = connected_pair(receive_buffer_bytes=64 << 10)
        self.delegate = Delegate()
        self.connection = TcpConnection(studio.loop, accepted, lambda _connection: self.delegate, DEAD_AFTER_S)
        budget = studio.stream.write_budget_bytes
        self.wire = (
            SkippingTcpWire(self.connection, (0, 1), budget, lambda: None)
            if skips
            else TcpWire(self.connection, (0, 1), budget)
        )
        self.feed = studio.join(self.wire, TransportReply("tcp", 1, channels=(0, 1)))
        self.received = b""
        self._studio = studio

    def look(self) -> None:
        self.connection.look_for_death(self._studio.clock.now, is_sending=True)

    def read(self, limit_bytes: int) -> None:
        try:
            self.received += self.client.recv(limit_bytes)
        except (BlockingIOError, ConnectionResetError):  # nothing has come, or the server has given up
            pass

    def read_all(self) -> None:
        """Read until nothing is on its way."""
        turn_until(self._studio.loop, lambda: self.read(1 << 20) or not self.connection.backlog_bytes)
        self.read(1 << 20)

    @property
    def sequences(self) -> list[int]:
        return [RtpPacket.parse(packet).sequence for _channel, packet in interleaved_packets(self.received)]


@pytest.fixture
def studio(no_descriptor_left, loop, clock) -> Studio:
    return Studio(loop, clock)


@pytest.fixture
def new_viewer(studio) -> Iterator:
    viewers: list[TcpViewer] = []

    def make(**arguments) -> TcpViewer:
        viewers.append(TcpViewer(studio, **arguments))
        return viewers[-1]

    yield make
    for viewer in viewers:
        viewer.feed.leave()
        viewer.client.close()
        viewer.connection.close(CloseReason.LOCAL)
    for _ in range(3):
        studio.loop.turn()


def have_no_gap(sequences: list[int]) -> bool:
    return all((earlier + 1) & 0xFFFF == later for earlier, later in pairwise(sequences))


def test_a_slow_reader_is_not_ended_by_what_it_starts_with(studio, new_viewer):
    """Its link carries three times the stream's rate: it needs twelve seconds for what it starts with."""
    viewer = new_viewer()

    def each_step() -> None:
        viewer.read(round(3 * 125_000 * STEP_S))
        viewer.look()

    studio.run(20.0, each_step)
    assert viewer.delegate.reasons == []
    assert len(viewer.received) > studio.start_bytes
    viewer.read_all()
    assert have_no_gap(viewer.sequences)
    assert viewer.wire.sent_packets == len(viewer.sequences), "it has all, and is in the batch"


def test_a_reader_that_is_dead_from_the_start_is_gone_as_soon_as_any(studio, new_viewer):
    viewer = new_viewer()
    studio.settle()
    studio.run(DEAD_AFTER_S - 0.5, viewer.look)
    assert viewer.delegate.reasons == []
    studio.run(1.0, viewer.look)
    assert viewer.delegate.reasons == [CloseReason.STALLED]


def test_a_reader_that_dies_while_it_catches_up_is_gone_as_soon_as_any(studio, new_viewer):
    viewer = new_viewer()
    studio.run(3.0, lambda: (viewer.read(4000), viewer.look()))
    studio.settle()
    studio.run(DEAD_AFTER_S + 0.5, viewer.look)
    assert viewer.delegate.reasons == [CloseReason.STALLED]


def test_a_reader_that_is_slower_than_the_stream_is_ended_for_its_backlog(studio, new_viewer):
    viewer = new_viewer()
    studio.run(30.0, lambda: (viewer.read(600), viewer.look()))
    assert viewer.delegate.reasons == [CloseReason.BACKLOG]


def test_a_reader_that_may_skip_goes_on_at_the_next_key_frame(studio, new_viewer):
    viewer = new_viewer(skips=True)
    studio.run(2.0, lambda: (viewer.read(2500), viewer.look()))
    studio.publish(is_key=True)
    studio.run(3.0, lambda: (viewer.read(60_000), viewer.look()))
    viewer.read_all()
    assert viewer.delegate.reasons == []
    assert viewer.wire.discarded_frames > 100
    assert not have_no_gap(viewer.sequences)


def test_datagrams_are_paced_without_loss(studio, no_descriptor_left):
    rtp, rtcp = open_udp_pair("127.0.0.1")
    rtp.setblocking(False)
    with closing(rtp), closing(rtcp):
        here = ("127.0.0.1", 0)
        ports = rtp.getsockname()[1], rtcp.getsockname()[1]
        pair = UdpPair(UdpPortRange(20000, 40001), here, here, ports, is_report_on_stream=lambda _packet: False)
        wire = UdpWire(studio.loop, pair)
        reply = TransportReply("udp", 1, client_ports=ports, server_ports=pair.server_ports)
        feed = studio.join(wire, reply)
        packets: list[bytes] = []
        bursts: list[int] = []

        def read() -> None:
            came = list(iter(lambda: read_available(rtp), b""))
            packets.extend(came)
            bursts.append(sum(map(len, came)))

        read()
        studio.run(10.0, read)
        feed.leave()
        wire.close()
    assert have_no_gap([RtpPacket.parse(packet).sequence for packet in packets])
    assert len(packets) == wire.sent_packets
    assert sum(bursts) > studio.start_bytes, "ten seconds at four times the rate are enough for 25 s"
    assert bursts[0] <= (64 << 10) + 2 * FRAME_BYTES
    assert max(bursts[1:]) <= 3 * FRAME_BYTES, "one step's worth, and the frames at its edges"
