"""The seam between a session and its transport; each transport is a module of `transports`.

SETUP opens a transport, which brings an `OpenedTransport`: the reply, the `Wire` whose traffic and backlog the session
shows, and the `Feed` that the session joins at PLAY. What the stream itself delivers frames to is behind the feed: the
session's own wire, or one sender for a whole multicast group.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from edge_streamer.media.stream import Stream
from edge_streamer.protocol.rtp.packets import PacketizedFrame
from edge_streamer.protocol.rtsp.headers.transport import TransportOffer, TransportReply
from edge_streamer.runtime.tcp.info import TcpInfo
from edge_streamer.services.rtsp.channel import Channel


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


@dataclass(frozen=True, slots=True)
class WireEvents:
    """What a wire tells its session. `peer_host` is the client's address without its port.

    `on_rtcp` takes a compound RTCP packet of the client, `on_gone` means that the network says that the client is gone,
    `on_failed` that our own code raised.
    """

    peer_host: str
    on_rtcp: Callable[[bytes], None]
    on_gone: Callable[[], None]
    on_failed: Callable[[], None]


class Wire(Traffic, Protocol):
    """What a session shows of its transport, from SETUP to its end."""

    @property
    def channel(self) -> Channel | None:
        """The RTSP connection's channel where media is interleaved in it; None where media has sockets of its own."""

    @property
    def backlog_bytes(self) -> int:
        """Bytes that wait for this viewer, here and in the kernel."""

    def oldest_unsent_age_s(self, now: float) -> float:
        """Return the age of the oldest byte that waits here."""

    def tcp_info(self) -> TcpInfo | None:
        """Return what the kernel says of the path that this viewer's media takes; None where that is not TCP."""

    def start(self, events: WireEvents) -> None:
        """Begin to tell the session of `events`; called once, when SETUP is answered."""

    def close(self) -> None:
        """Give back what belongs to this viewer alone, and tell the session nothing more."""


class FedSession(Protocol):
    """A session as its feed sees it."""

    def start(self, first: PacketizedFrame) -> None:
        """Answer PLAY: `first` is sent next."""

    def answer_at_last(self) -> None:
        """Answer PLAY if that is still to be done, whether or not there is a frame to start with."""

    def on_fault(self, error: Exception) -> None:
        """End: our own code raised `error` while a frame was sent to this session."""


class Feed(Protocol):
    """How one session gets its stream's frames."""

    def join(self, session: FedSession, now: float) -> None:
        """Begin at a key frame; PLAY is answered then, or before."""

    def leave(self) -> None:
        """Stop. Nothing happens when the session does not play."""

    def start_from_cache(self) -> bool:
        """Begin with what was sent since the last key frame; False when that cannot be."""


@dataclass(frozen=True, slots=True)
class OpenedTransport:
    """What SETUP has opened. `send_rtcp` sends a compound RTCP packet to this session alone; None where the sender of a
    group reports to all of its sessions."""

    reply: TransportReply
    wire: Wire
    feed: Feed
    send_rtcp: Callable[[bytes], None] | None


class Transport(Protocol):
    """One of the ways in which media can leave."""

    def open(self, stream: Stream, offer: TransportOffer, channel: Channel) -> OpenedTransport:
        """Open what a session needs that came with `offer` over `channel`. TransportLimitError when a limit is reached,
        OSError when this machine cannot serve the offer."""


class TransportLimitError(OSError):
    """A transport has no room for another session; `limit` is the key of what it has reached."""

    def __init__(self, limit: str, error: OSError) -> None:
        super().__init__(error.errno, error.strerror)
        self.limit = limit
