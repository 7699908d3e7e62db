"""RTP and RTCP over a pair of UDP ports for each session (RFC 3550 section 11).

`deliver` costs one system call for each run of packets.
"""

from functools import partial

from edge_streamer.media.stream import Stream
from edge_streamer.protocol.rtp.packets import PacketizedFrame
from edge_streamer.protocol.rtp.rtcp import parse_reports
from edge_streamer.protocol.rtsp.headers.transport import TransportOffer, TransportReply
from edge_streamer.runtime.loop import Loop
from edge_streamer.runtime.udp.pair import NoPortLeftError, UdpPair, UdpPortRange
from edge_streamer.services.rtsp.channel import Channel
from edge_streamer.services.rtsp.transports.unicast import open_unicast
from edge_streamer.services.rtsp.wire import OpenedTransport, TransportLimitError, WireEvents


class UdpTransport:
    """Opens port pairs out of the configured range."""

    def __init__(self, loop: Loop, ports: UdpPortRange) -> None:
        self._loop = loop
        self._ports = ports

    def open(self, stream: Stream, offer: TransportOffer, channel: Channel) -> OpenedTransport:
        """Bind a pair on the address that the client reached, for the client's ports."""
        assert offer.client_ports is not None, "the protocol answers 461 without ports"
        is_report = partial(_is_report_on, stream.identity.ssrc)
        try:
            pair = UdpPair(self._ports, channel.local_address, channel.peer_address, offer.client_ports, is_report)
        except NoPortLeftError as error:
            raise TransportLimitError("rtsp.udp_ports", error) from None
        ports, ssrc = pair.server_ports, stream.identity.ssrc
        reply = TransportReply(lower="udp", client_ports=offer.client_ports, server_ports=ports, ssrc=ssrc)
        return open_unicast(stream, reply, UdpWire(self._loop, pair))


def _is_report_on(ssrc: int, packet: bytes) -> bool:
    """Whether RTCP reports what its sender received of `ssrc`."""
    return any(report.source_ssrc == ssrc for report in parse_reports(packet))


class UdpWire:
    """A pair of UDP ports (RFC 3550 section 11)."""

    __slots__ = ("_loop", "_pair", "discarded_frames")
    name = "udp"
    channel = None

    def __init__(self, loop: Loop, pair: UdpPair) -> None:
        self._loop = loop
        self._pair = pair
        self.discarded_frames = 0

    def start(self, events: WireEvents) -> None:
        """Begin to read the client's RTCP, and the ICMP errors of the sockets."""
        self._pair.start(self._loop, events.on_rtcp, events.on_gone, events.on_failed)

    def prepare(self, bytes_per_second: float) -> None:
        """Called at PLAY; nothing is to be prepared, since the sockets take a whole key frame at any rate."""

    @property
    def sent_bytes(self) -> int:
        """RTP bytes that the kernel took."""
        return self._pair.sender.sent_bytes

    @property
    def sent_packets(self) -> int:
        """RTP packets that the kernel took."""
        return self._pair.sender.sent_packets

    @property
    def backlog_bytes(self) -> int:
        """0: a datagram is sent or lost, it never waits."""
        return 0

    def oldest_unsent_age_s(self, now: float) -> float:
        """0: nothing waits."""
        del now
        return 0.0

    def tcp_info(self) -> None:
        """None: the media's path is not the RTSP connection's."""

    def deliver(self, frame: PacketizedFrame) -> None:
        """Send the frame's runs of packets; a frame that the send buffer did not take whole counts as discarded."""
        if not self._pair.send_runs(frame.datagrams()):
            self.discarded_frames += 1

    @property
    def room_bytes(self) -> None:
        """None: the stream paces datagrams."""

    def skip(self, frames: int) -> bool:
        """Never: at its pace, a late viewer reaches the others."""
        del frames
        return False

    def send_rtcp(self, packet: bytes) -> None:
        """Send RTCP."""
        self._pair.send_rtcp(packet)

    def close(self) -> None:
        """Free both ports."""
        self._pair.close()
