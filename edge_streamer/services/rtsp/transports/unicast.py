"""The common part of the transports that send to each session separately: the stream's `Viewer` in front of a wire."""

from typing import Protocol

from edge_streamer.media.stream import Stream
from edge_streamer.media.viewer import BatchKind
from edge_streamer.protocol.rtp.packets import PacketizedFrame
from edge_streamer.protocol.rtsp.headers.transport import TransportReply
from edge_streamer.services.rtsp.wire import FedSession, OpenedTransport, Wire


class UnicastWire(Wire, Protocol):
    """A wire that a stream delivers to. `deliver` is the hot path: it never loops over packets."""

    def prepare(self, bytes_per_second: float) -> None:
        """Get ready for PLAY of a stream with that peak rate."""

    def deliver(self, frame: PacketizedFrame) -> None:
        """Send a frame; must not raise for what the network does, and must not block."""

    @property
    def room_bytes(self) -> int | None:
        """As of a `media.viewer.Viewer`."""

    def skip(self, frames: int) -> bool:
        """As of a `media.viewer.Viewer`."""

    def send_rtcp(self, packet: bytes) -> None:
        """Send a compound RTCP packet."""


class UnicastFeed:
    """One session's `Feed`, which is also the stream's `Viewer`."""

    def __init__(self, stream: Stream, wire: UnicastWire, batch_kind: BatchKind | None) -> None:
        """`batch_kind` is None for a wire that no batch may send to."""
        self.wire = wire
        self.batch_kind = batch_kind
        self.deliver = wire.deliver  # bound once, which saves a call per frame
        self._stream = stream
        self._session: FedSession | None = None

    # --- the session's calls

    def join(self, session: FedSession, now: float) -> None:
        """Join the stream."""
        self._session = session
        self.wire.prepare(self._stream.write_budget.bytes_per_second)
        self._stream.join(self, now)

    def leave(self) -> None:
        """Leave the stream."""
        self._stream.leave(self)

    def start_from_cache(self) -> bool:
        """Begin with the stream's cached frames; False when none are kept."""
        return self._stream.start_from_cache(self)

    # --- the stream's calls

    def start(self, first: PacketizedFrame) -> None:
        """Tell the session: `first` is delivered next."""
        self._joined.start(first)

    @property
    def room_bytes(self) -> int | None:
        """What the wire takes now."""
        return self.wire.room_bytes

    def skip(self, frames: int) -> bool:
        """Ask the wire whether it goes on at a new start point."""
        return self.wire.skip(frames)

    def on_fault(self, error: Exception) -> None:
        """Tell the session: sending a frame raised."""
        self._joined.on_fault(error)

    @property
    def _joined(self) -> FedSession:
        assert self._session is not None, "a stream calls only viewers that have joined"
        return self._session


def open_unicast(
    stream: Stream, reply: TransportReply, wire: UnicastWire, batch_kind: BatchKind | None = None
) -> OpenedTransport:
    """Return the opened transport: `stream` feeds `wire` alone."""
    return OpenedTransport(reply, wire, UnicastFeed(stream, wire, batch_kind), wire.send_rtcp)
