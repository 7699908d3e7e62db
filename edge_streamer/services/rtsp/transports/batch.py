"""The viewers of a stream who take the same bytes: interleaved on the same channel, which players number alike.

A `media.stream.Batch`. With a call less for each of two hundred viewers a frame costs a third less of Python's time;
what a viewer needs of its own (skipping, datagrams) keeps it out of here, and in `wires`.
"""

from collections.abc import Iterable
from functools import partial

from edge_streamer.media.stream import BatchKind, Viewer
from edge_streamer.protocol.rtp.packets import PacketizedFrame
from edge_streamer.runtime.tcp.connection import TcpConnection, send_frame_to_all
from edge_streamer.services.rtsp.playback import Playback
from edge_streamer.services.rtsp.transports.interleaved import PacketCount, TcpWire, Wire


def batch_kind(wire: Wire) -> BatchKind | None:
    """Return what makes a viewer with this wire one of many; None when it is not."""
    if type(wire) is not TcpWire:
        return None
    return BatchKind(wire.rtp_channel, partial(InterleavedBatch, wire.rtp_channel))


class InterleavedBatch:
    """See the module."""

    def __init__(self, rtp_channel: int) -> None:
        self._rtp_channel = rtp_channel
        self._count = PacketCount()
        self._viewers: dict[TcpConnection, Viewer] = {}
        self._connections: tuple[TcpConnection, ...] = ()  # of the viewers: whoever leaves while a frame is sent stays

    @property
    def is_empty(self) -> bool:
        """Whether nobody is left."""
        return not self._viewers

    def add(self, viewer: Viewer) -> None:
        """Deliver to `viewer` too, whose wire is a `TcpWire`."""
        wire = _wire_of(viewer)
        wire.follow(self._count)
        self._viewers[wire.connection] = viewer
        self._connections = tuple(self._viewers)

    def remove(self, viewer: Viewer) -> None:
        """Stop."""
        wire = _wire_of(viewer)
        wire.follow(None)
        del self._viewers[wire.connection]
        self._connections = tuple(self._viewers)

    def deliver(self, frame: PacketizedFrame) -> Iterable[tuple[Viewer, Exception]]:
        """Send all packets of the frame with one `send()` a viewer; return whose handling raised, and what."""
        self._count.packets += frame.packet_count
        faults = send_frame_to_all(self._connections, frame.interleaved(self._rtp_channel))
        return [(self._viewers[connection], error) for connection, error in faults if connection in self._viewers]


def _wire_of(viewer: Viewer) -> TcpWire:
    assert isinstance(viewer, Playback), "who is sent interleaved frames is a session"
    assert isinstance(viewer.wire, TcpWire), "batch_kind() is asked first"
    return viewer.wire
