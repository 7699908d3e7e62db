"""The service as Debian's Prometheus sees it: scraped once a second, and asked over the HTTP API as Grafana asks it.

All tests share one service and one Prometheus; each brings its own readers.
"""

import time
from bisect import bisect_right
from collections.abc import Iterator
from threading import Event, Thread
from typing import Self

import pytest

from tests.support.prometheus.prometheus_server import RunningPrometheus, Series, running_prometheus
from tests.support.rtsp.reader import RtspReader
from tests.support.service import RunningService, running_service

CONFIG = """
[streams.main]
source = "testpattern"
width = 640
height = 360
fps = 30
bitrate_bps = 2_000_000
gop_s = 0.5
"""
SAME_RATE_RATIO = 0.02
RATE_WINDOW_S = 15.0
"""Long enough for one frame more or less at both ends, key frames too, to be far less than 2 %."""
GONE_WITHIN_S = 5.0
"""Prometheus looks back five minutes for a series that it has merely not seen; one that has ended is gone at once."""
FRAME_HEADER_BYTES = {"tcp": 4, "udp": 0}
"""`$`, channel and length in front of each packet (RFC 2326 section 10.12)."""


class CountingReader:
    """Plays until the block ends, and keeps when how many bytes had come."""

    def __init__(self, url: str, transport: str = "tcp") -> None:
        self.reader = RtspReader(url, transport)
        self._header_bytes = FRAME_HEADER_BYTES[transport]
        self._at: list[float] = []
        self._bytes: list[int] = [0]
        self._is_over = Event()
        self._thread = Thread(target=self._read)

    def __enter__(self) -> Self:
        self.reader.start()
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()
        self.reader.close()

    def stop(self) -> None:
        """Read no more; a second call does nothing."""
        self._is_over.set()
        self._thread.join()

    def bytes_between(self, began: float, ended: float) -> int:
        """Return how many bytes of media came between two instants (Unix time)."""
        return self._bytes[bisect_right(self._at, ended)] - self._bytes[bisect_right(self._at, began)]

    def _read(self) -> None:
        while not self._is_over.is_set():
            for packet in self.reader.packets(seconds=0.2):
                counts = packet.kind == "rtp" or self._header_bytes  # a UDP session's reports go another way
                self._bytes.append(self._bytes[-1] + (len(packet.data) + self._header_bytes if counts else 0))
                self._at.append(time.time())


@pytest.fixture(scope="module")
def service() -> Iterator[RunningService]:
    with running_service(CONFIG) as running:
        yield running


@pytest.fixture(scope="module")
def prometheus(service, tmp_path_factory) -> Iterator[RunningPrometheus]:
    target = "{}:{}".format(*service.http_address)
    with running_prometheus([target], tmp_path_factory.mktemp("prometheus")) as running:
        running.wait_for("up == 1")
        yield running


def slot_of(prometheus: RunningPrometheus, reader: CountingReader) -> str:
    session = reader.reader.session_id
    (info,) = prometheus.wait_for(f'edge_streamer_session_info{{session="{session}"}}')
    return info.labels["slot"]


def test_a_scrape_is_taken_without_complaint(prometheus):
    prometheus.wait_for("count_over_time(up[1m]) >= 3")
    (target,) = prometheus.targets()
    assert (target.health, target.last_error) == ("up", "")
    assert "level=warn" not in prometheus.log
    assert "level=error" not in prometheus.log


def test_it_is_scraped_as_openmetrics(prometheus):
    prometheus.wait_for("edge_streamer_build_info")
    metadata = prometheus.api("metadata", {"metric": "edge_streamer_build"})  # the classic format has no info metrics
    assert [entry["type"] for entry in metadata["edge_streamer_build"]] == ["info"]


def test_the_series_of_a_session_say_who_it_is(service, prometheus):
    with CountingReader(service.rtsp_url("main")) as reader:
        slot = slot_of(prometheus, reader)
        (info,) = prometheus.query(f'edge_streamer_session_info{{slot="{slot}"}}')
        assert (info.labels["peer_ip"], info.labels["transport"], info.labels["stream"]) == ("127.0.0.1", "tcp", "main")
        (joined,) = prometheus.wait_for(
            "rate(edge_streamer_session_sent_bytes_total[5s]) * on (instance, slot) "
            "group_left (peer_ip, client, stream) edge_streamer_session_info > 0"
        )
        assert joined.labels["stream"] == "main"


def test_the_kernel_is_heard_of_a_tcp_session_and_not_of_a_udp_session(service, prometheus):
    with CountingReader(service.rtsp_url("main")) as tcp, CountingReader(service.rtsp_url("main"), "udp") as udp:
        slots = slot_of(prometheus, tcp), slot_of(prometheus, udp)
        for name in ("round_trip_seconds", "delivery_bytes_per_second"):
            (found,) = prometheus.wait_for(f"edge_streamer_session_{name} > 0")
            assert found.labels["slot"] == slots[0]
        (found,) = prometheus.query("edge_streamer_session_unacknowledged_bytes")
        assert found.labels["slot"] == slots[0]
        found = prometheus.query("edge_streamer_session_retransmits_total")
        assert {series.labels["slot"] for series in found} == set(slots)


def test_the_rate_of_a_session_is_what_its_reader_counts(service, prometheus):
    with CountingReader(service.rtsp_url("main")) as tcp, CountingReader(service.rtsp_url("main"), "udp") as udp:
        slots = {slot_of(prometheus, reader): reader for reader in (tcp, udp)}
        time.sleep(RATE_WINDOW_S)
        measured = {slot: exact_rate(prometheus, slot) for slot in slots}
    for slot, (rate, began, ended) in measured.items():
        counted = slots[slot].bytes_between(began, ended) / (ended - began)
        assert rate == pytest.approx(counted, rel=SAME_RATE_RATIO)
        assert rate > 20_000  # bytes per second: it was a stream


def exact_rate(prometheus: RunningPrometheus, slot: str) -> tuple[float, float, float]:
    """Return what `rate()` says from the first to the last of the newest scrapes, and when these were.

    The range ends with the samples at both its ends, so that `rate()` has nothing to guess beyond them.
    """
    selector = f'edge_streamer_session_sent_bytes_total{{slot="{slot}"}}'
    (samples,) = prometheus.samples(f"{selector}[{RATE_WINDOW_S - 1:.0f}s]").values()
    (began, _first), (ended, _last) = samples[0], samples[-1]
    (rate,) = prometheus.query(f"rate({selector}[{round((ended - began) * 1000) + 1}ms])", at=ended)
    return rate.value, began, ended


def test_the_series_of_a_session_vanish_with_it(service, prometheus):
    with CountingReader(service.rtsp_url("main")) as reader:
        slot = slot_of(prometheus, reader)
        (ended,) = prometheus.query('edge_streamer_sessions_ended_total{reason="peer_closed"}')
    names = '{__name__=~"edge_streamer_session_.+", slot="' + slot + '"}'
    prometheus.wait_for(names, until=lambda found: not found, within_s=GONE_WITHIN_S)
    (now_ended,) = prometheus.query('edge_streamer_sessions_ended_total{reason="peer_closed"}')
    assert now_ended.value == ended.value + 1
    assert prometheus.query("edge_streamer_sent_bytes_total > 0")


def test_a_slot_goes_on_counting_for_who_takes_it_over(service, prometheus):
    sessions = []
    for _ in range(2):
        with CountingReader(service.rtsp_url("main")) as reader:
            slot = slot_of(prometheus, reader)
            sessions.append((slot, reader.reader.session_id))
            prometheus.wait_for(f'edge_streamer_session_sent_bytes_total{{slot="{slot}"}} > 0')
        prometheus.wait_for("edge_streamer_sessions_active == 0")
    (first_slot, first), (second_slot, second) = sessions
    assert (first_slot, first != second) == (second_slot, True)
    assert values(prometheus.query(f'resets(edge_streamer_session_sent_bytes_total{{slot="{first_slot}"}}[1m])')) == [0]


def test_sources_and_loop_have_their_series(prometheus):
    for expression in (
        "rate(edge_streamer_source_frames_total[5s]) > 20",
        "time() - edge_streamer_source_last_frame_timestamp_seconds < 3",
        "edge_streamer_source_key_frame_interval_seconds > 0",
        "edge_streamer_source_nominal_frames_per_second == 30",
        "edge_streamer_source_nominal_bytes_per_second == 250000",
        "histogram_quantile(0.9, rate(edge_streamer_frame_handoff_seconds_bucket[5s])) > 0",
        "histogram_quantile(0.9, rate(edge_streamer_loop_turn_seconds_bucket[5s])) > 0",
        "edge_streamer_collector_errors_total == 0",
    ):
        assert prometheus.wait_for(expression)


def values(found: list[Series]) -> list[float]:
    return [series.value for series in found]
