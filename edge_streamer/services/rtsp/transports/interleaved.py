"""How a frame leaves for one viewer: interleaved in its TCP connection, or over its own UDP port pair.

`multicast` has the third way, on which nothing leaves for one viewer alone.

`deliver` is the hot path: one dictionary look-up and one system call a frame, no loop over packets. Those who take the
same bytes over TCP do without it, in a `batch`.
"""

from collections.abc import Callable
from struct import pack
from typing import Protocol

from edge_streamer.protocol.rtp.packetizer import PacketizedFrame
from edge_streamer.runtime.loop import Loop
from edge_streamer.runtime.tcp.close_reason import CloseReason
from edge_streamer.runtime.tcp.connection import TcpConnection
from edge_streamer.runtime.tcp.info import TcpInfo
from edge_streamer.runtime.udp.pair import UdpPair


class Traffic(Protocol):
    """What has been sent somewhere."""

    @property
    def name(self) -> str:
        """`tcp`, `udp` or `multicast`."""

    @property
    def sent_packets(self) -> int:
        """RTP packets handed over to the transport."""

    @property
    def discarded_frames(self) -> int:
        """Frames that did not leave whole."""

    @property
    def sent_bytes(self) -> int:
        """Bytes that the kernel took."""


class Wire(Traffic, Protocol):
    """A viewer's transport."""

    @property
    def backlog_bytes(self) -> int:
        """Bytes that wait for this viewer, here and in the kernel."""

    def oldest_unsent_age_s(self, now: float) -> float:
        """Age of the oldest byte that waits here."""

    def tcp_info(self) -> TcpInfo | None:
        """What the kernel says of the way that this viewer's media takes; None where that is not TCP."""

    def deliver(self, frame: PacketizedFrame) -> None:
        """Send a frame."""

    def send_rtcp(self, packet: bytes) -> None:
        """Send a compound RTCP packet."""

    def close(self) -> None:
        """Give back what belongs to this viewer alone."""


class PacketCount:
    """RTP packets that were sent to each of some viewers."""

    __slots__ = ("packets",)

    def __init__(self) -> None:
        self.packets = 0


class TcpWire:
    """Two interleaved channels (RFC 2326 section 10.12) of the viewer's RTSP connection."""

    __slots__ = (
        "_followed",
        "_followed_from",
        "_limit_bytes",
        "_retransmits_before",
        "_rtcp_channel",
        "_sent_before",
        "_sent_packets",
        "connection",
        "discarded_frames",
        "rtp_channel",
    )
    name = "tcp"

    def __init__(self, connection: TcpConnection, channels: tuple[int, int], limit_bytes: Callable[[], int]) -> None:
        """`limit_bytes` is the stream's write budget; the connection may owe the sum of its viewers'."""
        self.connection = connection
        self._limit_bytes = limit_bytes
        connection.queue.add_limit(limit_bytes)
        self.rtp_channel, self._rtcp_channel = channels
        self._sent_before = connection.sent_bytes
        self._retransmits_before = connection.info().retransmits
        self._sent_packets = 0
        self._followed: PacketCount | None = None
        self._followed_from = 0
        self.discarded_frames = 0

    def follow(self, count: PacketCount | None) -> None:
        """From now on count what `count` counts too, or nothing but one's own any more."""
        self._sent_packets = self.sent_packets
        self._followed, self._followed_from = count, count.packets if count else 0

    @property
    def sent_packets(self) -> int:
        """RTP packets handed over to the connection."""
        followed = self._followed.packets - self._followed_from if self._followed else 0
        return self._sent_packets + followed

    @property
    def sent_bytes(self) -> int:
        """Bytes of the connection since SETUP: media, RTCP and replies."""
        return self.connection.sent_bytes - self._sent_before

    @property
    def backlog_bytes(self) -> int:
        """Bytes that wait in the connection's queue and in the kernel."""
        return self.connection.backlog_bytes

    def oldest_unsent_age_s(self, now: float) -> float:
        """Age of the oldest byte in the connection's queue."""
        return self.connection.queue.oldest_age_s(now)

    def tcp_info(self) -> TcpInfo:
        """Ask the kernel about the connection; retransmits are counted since SETUP."""
        return self.connection.info().counted_from(self._retransmits_before)

    def deliver(self, frame: PacketizedFrame) -> None:
        """Send all packets of the frame with one `send()`."""
        self.connection.send_frame(frame.interleaved(self.rtp_channel))
        self._sent_packets += frame.packet_count

    def send_rtcp(self, packet: bytes) -> None:
        """Send RTCP right after the frame that is on the wire: a report that waited behind a backlog would lie."""
        self.connection.send(pack(">cBH", b"$", self._rtcp_channel, len(packet)) + packet)

    def close(self) -> None:
        """Take the budget back and keep the connection: it may set up another session."""
        self.connection.queue.remove_limit(self._limit_bytes)


class SkippingTcpWire(TcpWire):
    """As `TcpWire`, for a stream with `slow_readers = "skip"`: a viewer whose backlog passes the budget loses whole
    frames up to a key frame that finds its queue drained, and stays. It never loses part of a frame."""

    __slots__ = ("_ask_for_key_frame", "_is_skipping")

    def __init__(
        self,
        connection: TcpConnection,
        channels: tuple[int, int],
        limit_bytes: Callable[[], int],
        ask_for_key_frame: Callable[[], object],
    ) -> None:
        super().__init__(connection, channels, limit_bytes)
        self._ask_for_key_frame = ask_for_key_frame
        self._is_skipping = False
        connection.on_overflow = self._skip

    def _skip(self) -> None:
        dropped = self.connection.drop_frames()
        self.discarded_frames += dropped
        if not dropped or not self.connection.queue.has_one_limit:
            self.connection.close(CloseReason.BACKLOG)  # nothing to skip but replies that nobody reads, or not ours
        self._is_skipping = True

    def deliver(self, frame: PacketizedFrame) -> None:
        """Send the frame, unless frames are being skipped."""
        if self._is_skipping and not self._may_resume(frame):
            self.discarded_frames += 1
        else:
            super().deliver(frame)

    def close(self) -> None:
        """Take budget and overflow back: the next viewer of this connection may be of another kind."""
        super().close()
        if self.connection.on_overflow == self._skip:  # and not yet that viewer's
            self.connection.on_overflow = None

    def _may_resume(self, frame: PacketizedFrame) -> bool:
        if self.connection.queue.waiting_bytes > 0:
            return False
        if not frame.is_key_frame:
            self._ask_for_key_frame()
            return False
        self._is_skipping = False
        return True


class UdpWire:
    """A pair of UDP ports (RFC 3550 section 11)."""

    __slots__ = ("_pair", "discarded_frames")
    name = "udp"

    def __init__(self, pair: UdpPair) -> None:
        self._pair = pair
        self.discarded_frames = 0

    def start(
        self, loop: Loop, on_rtcp: Callable[[bytes], None], on_gone: Callable[[], None], on_failed: Callable[[], None]
    ) -> None:
        """Read the client's RTCP; `on_gone` is called when the network says that nobody is there any more, `on_failed`
        when `on_rtcp` has raised."""
        self._pair.start(loop, on_rtcp, on_gone, on_failed)

    @property
    def sent_bytes(self) -> int:
        """RTP bytes that the kernel took."""
        return self._pair.sent_bytes

    @property
    def sent_packets(self) -> int:
        """RTP packets that the kernel took."""
        return self._pair.sent_packets

    @property
    def backlog_bytes(self) -> int:
        """0: a datagram is sent or lost, it never waits."""
        return 0

    def oldest_unsent_age_s(self, now: float) -> float:
        """0: nothing waits."""
        del now
        return 0.0

    def tcp_info(self) -> None:
        """Nothing: the RTSP connection takes a way of its own."""

    def deliver(self, frame: PacketizedFrame) -> None:
        """Send the frame's runs; one that the send buffer did not take whole counts as discarded."""
        if not self._pair.send_runs(frame.datagrams()):
            self.discarded_frames += 1

    def send_rtcp(self, packet: bytes) -> None:
        """Send RTCP."""
        self._pair.send_rtcp(packet)

    def close(self) -> None:
        """Free both ports."""
        self._pair.close()
