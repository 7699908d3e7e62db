"""A wire over a UDP pair that loses what it is told to."""

from edge_streamer.protocol.rtp.packetizers.h264 import H264Packetizer
from edge_streamer.services.rtsp.transports.udp import UdpWire


class Pair:
    """Sends, or loses a part of what it is given."""

    def __init__(self) -> None:
        self.runs = []
        self.rtcp: list[bytes] = []
        self.takes_all = True
        self.closed = 0

    def send_runs(self, runs) -> bool:
        self.runs.extend(runs)
        return self.takes_all

    def send_rtcp(self, packet: bytes) -> None:
        self.rtcp.append(packet)

    def close(self) -> None:
        self.closed += 1


def test_a_frame_that_did_not_leave_whole_is_discarded(loop):
    pair = Pair()
    wire = UdpWire(loop, pair)
    frame = H264Packetizer(ssrc=1, first_sequence=1000).packetize([b"\x41" + bytes(5000)], 0, is_key_frame=False)
    wire.deliver(frame)
    assert wire.discarded_frames == 0
    pair.takes_all = False
    wire.deliver(frame)
    assert wire.discarded_frames == 1
    assert pair.runs == [*frame.datagrams(), *frame.datagrams()]


def test_a_datagram_never_waits(loop):
    pair = Pair()
    wire = UdpWire(loop, pair)
    wire.send_rtcp(b"a report")
    wire.close()
    assert (wire.backlog_bytes, wire.oldest_unsent_age_s(1000.0)) == (0, 0.0)
    assert (pair.rtcp, pair.closed) == ([b"a report"], 1)
