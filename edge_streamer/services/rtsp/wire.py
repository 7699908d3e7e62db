"""The interface between a session and its transport; each transport is a module of `transports`.

SETUP opens a transport, which returns an `OpenedTransport`: the reply, the `Wire` whose traffic and backlog the session
shows, and the `Feed` that the session joins at PLAY. Behind the feed stands what the stream delivers frames to: the
session's wire, or one sender for a whole multicast group.
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
    """Counters of what has been sent over a transport."""

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
    """The callbacks of a wire to its session. `peer_host` is the client's address without its port.

    `on_rtcp` takes a compound RTCP packet of the client, `on_gone` is called when the network reports that the client
    is gone, `on_failed` when the server's code raised.
    """

    peer_host: str
    on_rtcp: Callable[[bytes], None]
    on_gone: Callable[[], None]
    on_failed: Callable[[], None]


class Wire(Traffic, Protocol):
    """A session's transport as the session sees it, from SETUP to its end."""

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
        """Release what belongs to this viewer alone, and call the session back no more."""


class FedSession(Protocol):
    """A session as its feed sees it."""

    def start(self, first: PacketizedFrame) -> None:
        """Answer PLAY: `first` is sent next."""

    def answer_at_last(self) -> None:
        """Answer PLAY if it is unanswered, whether or not there is a frame to start with."""

    def on_fault(self, error: Exception) -> None:
        """End the session: the server's code raised `error` while it sent a frame to this session."""


class Feed(Protocol):
    """How one session gets its stream's frames."""

    def join(self, session: FedSession, now: float) -> None:
        """Begin at a key frame; PLAY is answered then, or before."""

    def leave(self) -> None:
        """Stop; without effect when the session does not play."""

    def start_from_cache(self) -> bool:
        """Begin with the cached frames since the last key frame; False when there are none for this session."""


@dataclass(frozen=True, slots=True)
class OpenedTransport:
    """What SETUP has opened. `send_rtcp` sends a compound RTCP packet to this session alone; None where the sender of a
    group reports to all of its sessions."""

    reply: TransportReply
    wire: Wire
    feed: Feed
    send_rtcp: Callable[[bytes], None] | None


class Transport(Protocol):
    """One way in which media leaves."""

    def open(self, stream: Stream, offer: TransportOffer, channel: Channel) -> OpenedTransport:
        """Open the transport of a session whose SETUP came with `offer` over `channel`. TransportLimitError when a
        limit is reached, OSError when this machine cannot serve the offer."""


class TransportLimitError(OSError):
    """A transport has no room for another session; `limit` is the key of the limit that it has reached."""

    def __init__(self, limit: str, error: OSError) -> None:
        super().__init__(error.errno, error.strerror)
        self.limit = limit
