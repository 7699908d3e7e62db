"""The guard of the hot path, which counts and does not time: what one more reader costs a frame.

The calls of Python functions and of C functions, and the system calls among them, that `Stream.publish` makes for one
reader more: the same for a frame of one packet and of a hundred, and under a fixed ceiling. A loop over packets for
each reader, a copy of the frame or a second `send()` would show here on any machine, however busy.
"""

import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Final

import pytest

from edge_streamer.runtime.loop import Loop
from tests.support.hall import Cost, Hall, bytecodes_of

FEW: Final = 5
MANY: Final = 25
ONE_PACKET_BYTES: Final = 1_000
HUNDRED_PACKETS_BYTES: Final = 130_000
RUN_BYTES: Final = 60_000
MAX_RUN_BYTES: Final = 47 * 1372  # whole packets under the 65,000 bytes that one call with UDP_SEGMENT takes
MOST_BYTECODES: Final = 40
"""30 with Python 3.11; other versions have other instructions."""
MOST_PYTHON_CALLS: Final = {"tcp": 0, "udp": 3}
MOST_C_CALLS: Final = {"tcp": 1, "udp": 3}


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
    assert one.python <= MOST_PYTHON_CALLS["tcp"]
    assert one.c <= MOST_C_CALLS["tcp"]


@pytest.mark.parametrize("size_bytes", [ONE_PACKET_BYTES, RUN_BYTES, HUNDRED_PACKETS_BYTES])
def test_a_udp_reader_costs_one_system_call_a_run_of_packets(hall, size_bytes):
    cost = cost_of_one_more(hall, "udp", size_bytes)
    runs = -(-size_bytes // MAX_RUN_BYTES)
    assert cost.system == runs
    assert cost.python <= MOST_PYTHON_CALLS["udp"] + 2 * runs
    assert cost.c <= MOST_C_CALLS["udp"] * runs


@pytest.mark.parametrize("size_bytes", [ONE_PACKET_BYTES, HUNDRED_PACKETS_BYTES])
def test_a_tcp_reader_costs_few_bytecodes(hall, size_bytes):
    few, many = (bytecodes_of(hall("tcp", readers).publish_next(size_bytes)) for readers in (FEW, MANY))
    assert 0 < many - few <= MOST_BYTECODES * (MANY - FEW)


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
