"""RTP and RTCP interleaved in the viewer's RTSP connection (RFC 2326 section 10.12).

`deliver` costs one dictionary look-up and one system call for each frame. A `batch` sends to the viewers that get the
same bytes, without a call of `deliver` for each.
"""

from collections.abc import Callable
from functools import partial
from struct import pack
from typing import Final

from edge_streamer.media.catch_up import room_of_queue
from edge_streamer.media.stream import Stream
from edge_streamer.media.viewer import BatchKind
from edge_streamer.protocol.rtp.packets import PacketizedFrame
from edge_streamer.protocol.rtsp.headers.transport import TransportOffer, TransportReply
from edge_streamer.runtime.tcp.close_reason import CloseReason
from edge_streamer.runtime.tcp.connection import TcpConnection
from edge_streamer.runtime.tcp.info import TcpInfo
from edge_streamer.services.rtsp.channel import Channel
from edge_streamer.services.rtsp.transports.batch import InterleavedBatch, PacketCount
from edge_streamer.services.rtsp.transports.unicast import open_unicast
from edge_streamer.services.rtsp.wire import OpenedTransport, WireEvents

SEND_BUFFER_S: Final = 0.5
"""Seconds of the link bitrate that the kernel may hold for one reader; what it holds counts in the backlog anyway."""
SMALLEST_SEND_BUFFER_BYTES: Final = 16 << 10


class InterleavedTransport:
    """Opens a wire over the channel that SETUP came by."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now

    def open(self, stream: Stream, offer: TransportOffer, channel: Channel) -> OpenedTransport:
        """Take the offer's channel numbers."""
        assert offer.interleaved is not None, "the protocol assigns channels"
        reply = TransportReply(lower="tcp", channels=offer.interleaved, ssrc=stream.identity.ssrc)
        wire = self._wire(stream, channel, offer.interleaved)
        return open_unicast(stream, reply, wire, batch_kind(wire))

    def _wire(self, stream: Stream, channel: Channel, channels: tuple[int, int]) -> "TcpWire":
        if not stream.skips_for_slow_readers:
            return TcpWire(channel, channels, stream.write_budget_bytes)
        ask = partial(self._ask_for_key_frame, stream)
        return SkippingTcpWire(channel, channels, stream.write_budget_bytes, ask)

    def _ask_for_key_frame(self, stream: Stream) -> None:
        stream.key_frame_requests.request(self._now())


class TcpWire:
    """Two interleaved channels (RFC 2326 section 10.12) of the viewer's RTSP connection."""

    __slots__ = (
        "_followed",
        "_followed_from",
        "_retransmits_before",
        "_rtcp_channel",
        "_sent_before",
        "_sent_packets",
        "_write_budget_bytes",
        "channel",
        "discarded_frames",
        "rtp_channel",
    )
    name = "tcp"

    def __init__(self, channel: Channel, channels: tuple[int, int], write_budget_bytes: Callable[[], int]) -> None:
        """`write_budget_bytes` is the stream's; the limit of `channel` is the sum of its sessions' budgets."""
        self.channel = channel
        self._write_budget_bytes = write_budget_bytes
        channel.queue.add_limit(write_budget_bytes)
        self.rtp_channel, self._rtcp_channel = channels
        self._sent_before = channel.sent_bytes
        self._retransmits_before = channel.info().retransmits
        self._sent_packets = 0
        self._followed: PacketCount | None = None
        self._followed_from = 0
        self.discarded_frames = 0

    def follow(self, count: PacketCount | None) -> None:
        """From now on add the packets that `count` counts; None stops that."""
        self._sent_packets = self.sent_packets
        self._followed, self._followed_from = count, count.packets if count else 0

    @property
    def connection(self) -> TcpConnection:
        """The channel of a wire with a batch kind."""
        assert isinstance(self.channel, TcpConnection), "batch_kind() has checked it"
        return self.channel

    @property
    def sent_packets(self) -> int:
        """RTP packets handed over to the connection."""
        followed = self._followed.packets - self._followed_from if self._followed else 0
        return self._sent_packets + followed

    @property
    def sent_bytes(self) -> int:
        """Bytes of the connection since SETUP: media, RTCP and replies."""
        return self.channel.sent_bytes - self._sent_before

    @property
    def backlog_bytes(self) -> int:
        """Bytes that wait in the connection's queue and in the kernel."""
        return self.channel.backlog_bytes

    def oldest_unsent_age_s(self, now: float) -> float:
        """Age of the oldest byte in the connection's queue."""
        return self.channel.queue.oldest_age_s(now)

    def tcp_info(self) -> TcpInfo:
        """Ask the kernel about the connection; retransmits are counted since SETUP."""
        return self.channel.info().counted_from(self._retransmits_before)

    def start(self, events: WireEvents) -> None:
        """Called at SETUP; nothing is to be started, since the RTSP connection reads the client's RTCP and finds the
        end of its channel."""

    def prepare(self, bytes_per_second: float) -> None:
        """Bound what the kernel may hold for this viewer by its stream's rate."""
        self.channel.set_send_buffer(max(SMALLEST_SEND_BUFFER_BYTES, round(SEND_BUFFER_S * bytes_per_second)))

    def deliver(self, frame: PacketizedFrame) -> None:
        """Send all packets of the frame with one `send()`."""
        self.channel.send_frame(frame.interleaved(self.rtp_channel))
        self._sent_packets += frame.packet_count

    @property
    def room_bytes(self) -> int:
        """What a late viewer is handed now."""
        return room_of_queue(self.channel.queue.waiting_bytes, self._write_budget_bytes())

    def skip(self, frames: int) -> bool:
        """Never: this viewer gets every frame."""
        del frames
        return False

    def send_rtcp(self, packet: bytes) -> None:
        """Send RTCP right after the frame that is on the wire: behind a backlog, a report's time would be wrong."""
        self.channel.send(pack(">cBH", b"$", self._rtcp_channel, len(packet)) + packet)

    def close(self) -> None:
        """Take the budget off the connection's limit and keep the connection: its client may set up another session."""
        self.channel.queue.remove_limit(self._write_budget_bytes)


class SkippingTcpWire(TcpWire):
    """As `TcpWire`, for a stream with `slow_readers = "skip"`: a viewer whose backlog exceeds the budget stays, but
    loses whole frames until a key frame finds its queue drained. It never loses part of a frame."""

    __slots__ = ("_ask_for_key_frame", "_is_skipping")

    def __init__(
        self,
        channel: Channel,
        channels: tuple[int, int],
        write_budget_bytes: Callable[[], int],
        ask_for_key_frame: Callable[[], object],
    ) -> None:
        super().__init__(channel, channels, write_budget_bytes)
        self._ask_for_key_frame = ask_for_key_frame
        self._is_skipping = False
        channel.on_overflow = self._skip

    def _skip(self) -> None:
        dropped = self.channel.drop_frames()
        self.discarded_frames += dropped
        if not dropped or not self.channel.queue.has_one_limit:
            self.channel.close(CloseReason.BACKLOG)  # only replies wait, or frames of another session
        self._is_skipping = True

    def deliver(self, frame: PacketizedFrame) -> None:
        """Send the frame, unless frames are being skipped."""
        if self._is_skipping and not self._may_resume(frame):
            self.discarded_frames += 1
        else:
            super().deliver(frame)

    def skip(self, frames: int) -> bool:
        """Go on at the start point: frames that are late already would only delay it."""
        self.discarded_frames += frames
        return True

    def close(self) -> None:
        """Remove budget and `on_overflow`: the next session of this connection may have another kind of wire."""
        super().close()
        if self.channel.on_overflow == self._skip:  # unless the next session has set it already
            self.channel.on_overflow = None

    def _may_resume(self, frame: PacketizedFrame) -> bool:
        if self.channel.queue.waiting_bytes > 0:
            return False
        if not frame.is_key_frame:
            self._ask_for_key_frame()
            return False
        self._is_skipping = False
        return True


def batch_kind(wire: TcpWire) -> BatchKind | None:
    """Return the batch kind of viewers with this wire; None for a wire that no batch may send to."""
    if type(wire) is not TcpWire or not isinstance(wire.channel, TcpConnection):
        return None
    return BatchKind(wire.rtp_channel, partial(InterleavedBatch, wire.rtp_channel))
