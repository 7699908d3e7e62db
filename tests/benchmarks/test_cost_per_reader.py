"""The guard of the hot path, which counts and does not time: what one more reader costs a frame.

The calls of Python functions and of C functions, and the system calls among them, that `Stream.publish` makes for one
reader more: the same for a frame of one packet and of a hundred, and under a fixed ceiling. A loop over packets for
each reader, a copy of the frame or a second `send()` would show here on any machine, however busy.
"""

import socket
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from types import FrameType
from typing import Any, Final

import pytest

from edge_streamer.media.frame import EncodedFrame
from edge_streamer.media.stream import Stream
from edge_streamer.runtime.loop import Loop
from edge_streamer.runtime.tcp import CloseReason, TcpConnection
from edge_streamer.runtime.udp import UdpPair, UdpPortRange
from edge_streamer.services.rtsp.playback import Playback
from edge_streamer.services.rtsp.slots import SlotTable
from edge_streamer.services.rtsp.wires import TcpWire, UdpWire, Wire
from tests.support.frames import TICKS_A_FRAME, frame, key_frame
from tests.support.loop import clock, loop, no_descriptor_left
from tests.support.tcp_pair import connected_pair, read_available
from tests.support.udp_pair import open_udp_pair

__all__ = ["clock", "loop", "no_descriptor_left"]

FEW: Final = 5
MANY: Final = 25
ONE_PACKET_BYTES: Final = 1_000
HUNDRED_PACKETS_BYTES: Final = 130_000
BUFFER_BYTES: Final = 1 << 20
RUN_BYTES: Final = 60_000
MAX_RUN_BYTES: Final = 47 * 1372  # whole packets under the 65,000 bytes that one call with UDP_SEGMENT takes
MOST_PYTHON_CALLS: Final = 3
MOST_C_CALLS: Final = 3
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
            wire = self._tcp_wire(loop, stack) if transport == "tcp" else self._udp_wire(stack)
            slot = slots.take()
            assert slot is not None
            Playback(self.stream, wire, slot, "peer", 0.0, 0.0).play("", lambda _info: None, 0.0)
        self.publish(key_frame(0))

    def _tcp_wire(self, loop: Loop, stack: ExitStack) -> Wire:
        accepted, client = connected_pair(receive_buffer_bytes=BUFFER_BYTES)
        connection = TcpConnection(loop, accepted, lambda _connection: Delegate())
        connection.set_send_buffer(BUFFER_BYTES)
        stack.callback(lambda: (connection.close(CloseReason.LOCAL), loop.turn()))
        stack.enter_context(closing(client))
        self._drains.append(lambda: drain(client))
        return TcpWire(connection, (0, 1), self.stream.write_limit_bytes)

    def _udp_wire(self, stack: ExitStack) -> Wire:
        rtp, rtcp = open_udp_pair("127.0.0.1")
        rtp.setblocking(False)
        stack.enter_context(closing(rtp))
        stack.enter_context(closing(rtcp))
        here = ("127.0.0.1", 0)
        ports = rtp.getsockname()[1], rtcp.getsockname()[1]
        pair = UdpPair(UdpPortRange(20000, 40001), here, here, ports)
        stack.callback(pair.close)
        self._drains.append(lambda: drain(rtp))
        return UdpWire(pair)

    def publish(self, encoded: EncodedFrame, *, is_read: bool = True) -> Calls:
        """Return what was called to hand one frame to every reader; each then reads it, or leaves it."""
        calls = Calls()
        sys.setprofile(calls.note)
        try:
            self.stream.publish(encoded, 0.0)
        finally:
            sys.setprofile(None)
        for empty in self._drains if is_read else ():
            empty()
        return calls

    def next_frame(self, size_bytes: int, *, is_read: bool = True) -> Calls:
        self._media_time += TICKS_A_FRAME
        return self.publish(frame(self._media_time, size_bytes), is_read=is_read)


def drain(client: socket.socket) -> None:
    while read_available(client):
        pass


@pytest.fixture
def hall(no_descriptor_left: None, loop: Loop) -> Iterator[Callable[[str, int], Hall]]:
    """Make halls of that transport with so many readers."""
    with ExitStack() as stack:
        yield lambda transport, readers: Hall(loop, transport, readers, stack)


def cost_of_one_more(hall: Callable[[str, int], Hall], transport: str, size_bytes: int) -> Cost:
    few, many = (hall(transport, readers).next_frame(size_bytes) for readers in (FEW, MANY))
    return many.per_reader(few, MANY - FEW)


def test_a_tcp_reader_costs_one_system_call_and_the_same_whatever_the_packets(hall):
    one = cost_of_one_more(hall, "tcp", ONE_PACKET_BYTES)
    assert one == cost_of_one_more(hall, "tcp", HUNDRED_PACKETS_BYTES)
    assert one.system == 1
    assert one.python <= MOST_PYTHON_CALLS
    assert one.c <= MOST_C_CALLS


@pytest.mark.parametrize("size_bytes", [ONE_PACKET_BYTES, RUN_BYTES, HUNDRED_PACKETS_BYTES])
def test_a_udp_reader_costs_one_system_call_a_run_of_packets(hall, size_bytes):
    cost = cost_of_one_more(hall, "udp", size_bytes)
    runs = -(-size_bytes // MAX_RUN_BYTES)
    assert cost.system == runs
    assert cost.python <= MOST_PYTHON_CALLS + 2 * runs
    assert cost.c <= MOST_C_CALLS * runs


def test_a_frame_that_has_to_wait_is_not_copied(hall):
    crowd = hall("tcp", MANY)
    for _ in range(20):  # until the kernel's buffers are full
        crowd.next_frame(HUNDRED_PACKETS_BYTES, is_read=False)
    tracemalloc.start()
    try:
        crowd.next_frame(HUNDRED_PACKETS_BYTES, is_read=False)
        held_bytes, _peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held_bytes < 4 * HUNDRED_PACKETS_BYTES  # the frame, its packets and one wire image for all
