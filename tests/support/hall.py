"""A stream in a room of readers, each at the end of a real socket: for the guards and benchmarks of the hot path."""

import gc
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any, Final

from edge_streamer.codec.frame import EncodedFrame
from edge_streamer.media.stream import Stream
from edge_streamer.protocol.rtsp.headers.transport import TransportReply
from edge_streamer.runtime.loop import Loop
from edge_streamer.runtime.tcp.close_reason import CloseReason
from edge_streamer.runtime.tcp.connection import TcpConnection
from edge_streamer.runtime.udp.pair import UdpPair, UdpPortRange
from edge_streamer.services.rtsp.playback import Playback
from edge_streamer.services.rtsp.slots import SlotTable
from edge_streamer.services.rtsp.transports.interleaved import TcpWire, batch_kind
from edge_streamer.services.rtsp.transports.udp import UdpWire
from edge_streamer.services.rtsp.transports.unicast import open_unicast
from edge_streamer.services.rtsp.wire import OpenedTransport
from tests.support.frames import TICKS_A_FRAME, frame, key_frame
from tests.support.tcp_pair import connected_pair, read_available
from tests.support.udp_pair import open_udp_pair

BUFFER_BYTES: Final = 1 << 20
_SYSTEM_CALLS: Final = {"send", "sendmsg", "sendto", "recv", "setsockopt", "getsockopt", "ioctl", "modify", "poll"}


@dataclass(frozen=True)
class Cost:
    """Calls that one reader more costs a frame."""

    python: float
    c: float
    system: float


@dataclass
class Calls:
    """What was called between two instants."""

    python: int = 0
    c: int = 0
    system: int = 0

    def note(self, _frame: FrameType, event: str, what: Any) -> None:
        if event == "call":
            self.python += 1
        elif event == "c_call":
            self.c += 1
            self.system += what.__name__ in _SYSTEM_CALLS

    def per_reader(self, fewer: "Calls", readers: int) -> Cost:
        return Cost(
            (self.python - fewer.python) / readers,
            (self.c - fewer.c) / readers,
            (self.system - fewer.system) / readers,
        )


class Delegate:
    def on_data(self, data: bytes) -> None: ...

    def on_sent_all(self) -> None: ...

    def on_closed(self, reason: CloseReason) -> None: ...


class Hall:
    """A stream, its readers, and their ends of the wires, which are emptied between two frames."""

    def __init__(self, loop: Loop, transport: str, readers: int, stack: ExitStack) -> None:
        self.stream = Stream("hall", link_bitrate_bps=50_000_000)
        self._drains: list[Callable[[], None]] = []
        self._media_time = 0
        slots = SlotTable(readers)
        for _ in range(readers):
            slot = slots.take()
            assert slot is not None
            opened = self._tcp(loop, stack) if transport == "tcp" else self._udp(loop, stack)
            Playback(self.stream, opened, slot, "peer", 0.0, 0.0).play("", lambda _info: None, 0.0)
            if opened.wire.channel is not None:
                opened.wire.channel.set_send_buffer(BUFFER_BYTES)  # less than PLAY allows at this rate
        self.publish(key_frame(0))

    def _tcp(self, loop: Loop, stack: ExitStack) -> OpenedTransport:
        accepted, client = connected_pair(receive_buffer_bytes=BUFFER_BYTES)
        connection = TcpConnection(loop, accepted, lambda _connection: Delegate())
        stack.callback(lambda: (connection.close(CloseReason.LOCAL), loop.turn()))
        stack.enter_context(closing(client))
        self._drains.append(lambda: drain(client))
        wire = TcpWire(connection, (0, 1), self.stream.write_budget_bytes)
        return open_unicast(self.stream, TransportReply("tcp", 1, channels=(0, 1)), wire, batch_kind(wire))

    def _udp(self, loop: Loop, stack: ExitStack) -> OpenedTransport:
        rtp, rtcp = open_udp_pair("127.0.0.1")
        rtp.setblocking(False)
        stack.enter_context(closing(rtp))
        stack.enter_context(closing(rtcp))
        here = ("127.0.0.1", 0)
        ports = rtp.getsockname()[1], rtcp.getsockname()[1]
        pair = UdpPair(UdpPortRange(20000, 40001), here, here, ports, lambda packet: False)
        stack.callback(pair.close)
        self._drains.append(lambda: drain(rtp))
        reply = TransportReply("udp", 1, client_ports=ports, server_ports=pair.server_ports)
        return open_unicast(self.stream, reply, UdpWire(loop, pair))

    def publish(self, encoded: EncodedFrame, *, is_read: bool = True) -> Calls:
        """Return what was called to hand one frame to every reader; each then reads it, or leaves it."""
        calls = Calls()
        with no_collection():
            sys.setprofile(calls.note)
            try:
                self.stream.publish(encoded, 0.0)
            finally:
                sys.setprofile(None)
        if is_read:
            self.drain()
        return calls

    def publish_next(self, size_bytes: int) -> Callable[[], None]:
        """Return what publishes a frame of that size, a new one at each call, with nothing around it."""

        def publish() -> None:
            self._media_time += TICKS_A_FRAME
            self.stream.publish(frame(self._media_time, size_bytes), 0.0)

        return publish

    def drain(self) -> None:
        """Have every reader read what has come."""
        for empty in self._drains:
            empty()

    def next_frame(self, size_bytes: int, *, is_read: bool = True) -> Calls:
        self._media_time += TICKS_A_FRAME
        return self.publish(frame(self._media_time, size_bytes), is_read=is_read)


def bytecodes_of(call: Callable[[], object]) -> int:
    """Return how many bytecode instructions a call executes: work, whatever the machine's speed.

    It is called twice, and the second call counts: since Python 3.12 a function tells of its instructions only after it
    was asked to once.
    """
    count = 0

    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        return trace

    with no_collection():
        sys.settrace(trace)
        try:
            call()
            count = 0
            call()
        finally:
            sys.settrace(None)
    return count


@contextmanager
def no_collection() -> Iterator[None]:
    """Keep the garbage collector still: hypothesis has it call back, which would be counted."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def drain(client: socket.socket) -> None:
    while read_available(client):
        pass
