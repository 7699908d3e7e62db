"""Microbenchmarks of what happens for each frame, request and scrape: `make hotpath` (pytest-benchmark).

Each also says what it allocates, since every block is work that returns later: `blocks kept` are those still there when
it is done, `peak bytes` the most that was held meanwhile; where a frame is published, for each reader. Sockets are real
ones on loopback, emptied outside the measured part.
"""

import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Final

import pytest

from edge_streamer.codec.h264.access_unit import prepare_access_unit
from edge_streamer.codec.h264.nal import split_access_unit
from edge_streamer.codec.h264.parameter_sets import ParameterSetStore
from edge_streamer.protocol.rtp.packetizers.h264 import H264Packetizer
from edge_streamer.protocol.rtsp.limits import RtspLimits
from edge_streamer.protocol.rtsp.parser import RtspParser
from edge_streamer.runtime.loop import Loop
from edge_streamer.services.metrics.exposition import MetricsExposition, ServiceCollector
from edge_streamer.services.metrics.table import MAX_EXPORTED_SESSIONS
from tests.support.frames import frame, key_frame
from tests.support.hall import Hall
from tests.support.loop import clock, loop, no_descriptor_left
from tests.support.service_status import a_session, a_status, a_stream

__all__ = ["clock", "loop", "no_descriptor_left"]

FRAME_BYTES: Final = 16_700
"""A mean frame of 4 Mbit/s at 30 fps."""
REQUEST: Final = (
    b"GET_PARAMETER rtsp://192.0.2.7:8554/main RTSP/1.0\r\nCSeq: 6\r\nUser-Agent: Lavf61.7.100\r\n"
    b"Session: 0123456789ABCDEF\r\n\r\n"
)


@pytest.fixture(scope="module", autouse=True)
def show_allocations(request: pytest.FixtureRequest) -> Iterator[None]:
    """Show what was allocated beneath what pytest says of the tests."""
    _allocations.clear()
    yield
    terminal = request.config.pluginmanager.get_plugin("terminalreporter")
    terminal.write_line("")
    for name, (kept, peak_bytes) in _allocations.items():
        terminal.write_line(f"{name:<50} {kept:>8.2f} blocks kept {peak_bytes:>10,.0f} peak bytes")


_allocations: Final[dict[str, tuple[float, float]]] = {}


def measure(
    benchmark: Any, call: Callable[[], object], setup: Callable[[], None] = lambda: None, each: int = 1
) -> None:
    """Time `call`, with `setup` before each round, and note what one call allocates, shared out to `each`."""
    benchmark.pedantic(call, setup=setup, rounds=200, warmup_rounds=20)
    setup()
    tracemalloc.start()
    try:
        result = call()
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    del result
    setup()
    before = sys.getallocatedblocks()
    call()
    kept = (sys.getallocatedblocks() - before) / each
    _allocations[benchmark.name] = (kept, peak_bytes / each)
    benchmark.extra_info |= {"blocks_kept": kept, "peak_bytes": peak_bytes / each}


def test_parse_a_request(benchmark):
    def parse() -> object:
        parser = RtspParser(RtspLimits())
        parser.receive(REQUEST)
        return parser.next_element()

    measure(benchmark, parse)


def test_prepare_an_access_unit(benchmark):
    data = key_frame(0, FRAME_BYTES).data

    store = ParameterSetStore()
    measure(benchmark, lambda: prepare_access_unit(data, store))


def test_packetize_a_frame_and_join_its_wire_image(benchmark):
    nal_units = split_access_unit(frame(0, FRAME_BYTES).data)
    packetizer = H264Packetizer(ssrc=1, first_sequence=1)
    measure(benchmark, lambda: packetizer.packetize(nal_units, 0).interleaved(0))


def test_packetize_a_frame_and_cut_its_datagrams(benchmark):
    nal_units = split_access_unit(frame(0, FRAME_BYTES).data)
    packetizer = H264Packetizer(ssrc=1, first_sequence=1)
    measure(benchmark, lambda: packetizer.packetize(nal_units, 0).datagrams())


@pytest.fixture
def hall(no_descriptor_left: None, loop: Loop) -> Iterator[Callable[[str, int], Hall]]:
    """Make halls of that transport with so many readers."""
    with ExitStack() as stack:
        yield lambda transport, readers: Hall(loop, transport, readers, stack)


@pytest.mark.parametrize("readers", [1, 10, 50, 200])
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_publish_a_frame(benchmark, hall, transport: str, readers: int):
    """From the frame in the server's hands to the last reader's `send()`."""
    crowd = hall(transport, readers)
    measure(benchmark, crowd.publish_next(FRAME_BYTES), crowd.drain, readers)


def test_scrape_a_full_house(benchmark):
    sessions = tuple(a_session(slot=slot, session_id=f"{slot:016X}") for slot in range(MAX_EXPORTED_SESSIONS))
    status = a_status(streams=(a_stream(),), sessions=sessions)
    exposition = MetricsExposition(ServiceCollector(lambda: status))
    measure(benchmark, lambda: exposition.render(exposition.collect(), ""))
