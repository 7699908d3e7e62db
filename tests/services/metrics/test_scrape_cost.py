"""The guard of a scrape's cost, which counts calls: media waits for it, so 64 sessions may not make it long.

What it takes in milliseconds is measured by `benchmarks.scrape`; the one timed test here has a wide margin.
"""

import sys
import time
from collections.abc import Callable

from edge_streamer.media.stream import Stream
from edge_streamer.protocol.rtsp.headers.transport import TransportReply
from edge_streamer.runtime.tcp.close_reason import CloseReason
from edge_streamer.runtime.tcp.connection import TcpConnection
from edge_streamer.services.metrics.exposition import MetricsExposition, ServiceCollector
from edge_streamer.services.rtsp.playback import Playback
from edge_streamer.services.rtsp.slots import Slot
from edge_streamer.services.rtsp.transports.interleaved import TcpWire
from edge_streamer.services.rtsp.transports.unicast import open_unicast
from tests.support.hall import Calls, Delegate
from tests.support.service_status import a_reporting_session, a_status
from tests.support.tcp_pair import connected_pair

SESSIONS = 64
MOST_CALLS_A_SESSION = 20
"""One a series: reading its value."""
MOST_SYSTEM_CALLS_A_STATUS = 3
"""TCP_INFO, and what the kernel holds: for the backlog and for what of it is on its way."""
MOST_S = 0.005
PROMETHEUS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"


def exposition_of(sessions: int) -> MetricsExposition:
    status = a_status(sessions=tuple(a_reporting_session(slot) for slot in range(sessions)))
    return MetricsExposition(ServiceCollector(lambda: status))


def calls_of(act: Callable[[], object]) -> Calls:
    calls = Calls()
    sys.setprofile(calls.note)
    try:
        act()
    finally:
        sys.setprofile(None)
    return calls


def scrape_calls(sessions: int) -> Calls:
    exposition = exposition_of(sessions)
    exposition.render(exposition.collect(), PROMETHEUS)  # what is remembered from scrape to scrape
    return calls_of(lambda: exposition.render(exposition.collect(), PROMETHEUS))


def test_a_session_adds_few_calls_to_a_scrape():
    cost = scrape_calls(SESSIONS).per_reader(scrape_calls(0), SESSIONS)
    assert 0 < cost.python + cost.c <= MOST_CALLS_A_SESSION
    assert cost.system == 0


def test_sessions_beyond_those_exported_cost_nothing():
    more, all_of_them = scrape_calls(10 * SESSIONS), scrape_calls(SESSIONS)
    assert more.python + more.c <= all_of_them.python + all_of_them.c + 20


def test_the_kernel_is_asked_three_times_about_a_viewer(no_descriptor_left, loop):
    accepted, client = connected_pair()
    connection = TcpConnection(loop, accepted, lambda _connection: Delegate())
    stream = Stream("main", link_bitrate_bps=2_000_000)
    wire = TcpWire(connection, (0, 1), stream.write_budget_bytes)
    opened = open_unicast(stream, TransportReply("tcp", 1, channels=(0, 1)), wire)
    playback = Playback(stream, opened, Slot(0), "192.0.2.9:40000", 0.0, 0.0)
    calls = calls_of(lambda: playback.status("1A2B", "192.0.2.9", 1.0))
    assert 0 < calls.system <= MOST_SYSTEM_CALLS_A_STATUS
    client.close()
    connection.close(CloseReason.LOCAL)
    loop.turn()


def test_a_scrape_of_64_sessions_is_short():
    exposition = exposition_of(SESSIONS)
    assert (
        min(cpu_s_of(lambda: exposition.render(exposition.collect(), PROMETHEUS, "gzip")) for _ in range(20)) < MOST_S
    )


def cpu_s_of(act: Callable[[], object]) -> float:
    began_s = time.thread_time()
    act()
    return time.thread_time() - began_s
