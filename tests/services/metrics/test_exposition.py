import gzip
import logging
import re
from collections.abc import Iterator

import pytest
from prometheus_client.exposition import choose_encoder
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_classic

from edge_streamer import __version__
from edge_streamer.services.limits import COUNTED_LIMITS
from edge_streamer.services.metrics.exposition import Exposition, MetricsExposition, ServiceCollector
from edge_streamer.services.metrics.families import PREFIX, StatusFamily
from edge_streamer.services.metrics.table import FAMILIES, STATUS_FAMILIES
from edge_streamer.services.status import EndReason, Histogram, RestartReason, ServiceStatus
from tests.support.service_status import a_reporting_session, a_session, a_status, a_stream

PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
CLASSIC = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
KNOWS_ESCAPING = "escaping" in choose_encoder(PROMETHEUS_3)[1]
"""prometheus_client 0.21, which Debian 13 has, knows these two content types and looks at no parameter."""


class Clock:
    """Moves on by a quarter of a second whenever it is read."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        self.now_s += 0.25
        return self.now_s


class Service:
    """A service whose status the test sets, or makes fail."""

    def __init__(self, status: ServiceStatus | Exception) -> None:
        self.status = status
        self.taken = 0
        self.collector = ServiceCollector(self.take_status, clock=Clock())
        self.exposition = MetricsExposition(self.collector)

    def take_status(self) -> ServiceStatus:
        self.taken += 1
        if isinstance(self.status, Exception):
            raise self.status
        return self.status

    def render(self, accept: str, accept_encoding: str = "") -> Exposition:
        return self.exposition.render(self.exposition.collect(), accept, accept_encoding)

    def scrape(self) -> dict[str, float]:
        text = self.render("").body.decode()
        return {
            f"{sample.name.removeprefix(PREFIX)}{labels_text(sample.labels)}": sample.value
            for metric in parse_classic(text)
            for sample in metric.samples
        }


def labels_text(labels: dict[str, str]) -> str:
    return "".join(f" {name}={value}" for name, value in sorted(labels.items()))


def test_registering_takes_no_status():
    assert Service(a_status()).taken == 0


def test_one_status_a_scrape():
    service = Service(a_status())
    service.scrape()
    assert service.taken == 1


def test_values_of_streams():
    series = Service(
        a_status(
            streams=(
                a_stream(restarts={"exited": 2, "silent": 1}, discarded_buffers={"torn": 4}),
                a_stream(
                    "sub",
                    is_up=False,
                    is_wanted=False,
                    last_frame_wall_s=None,
                    key_frame_interval_s=None,
                    start_cache_bytes=None,
                    bitrate_bps=0,
                ),
            )
        )
    ).scrape()
    assert series["source_up stream=main"] == 1
    assert series["source_up stream=sub"] == 0
    assert series["source_frames_total stream=main"] == 900
    assert series["source_keyframes_total stream=main"] == 15
    assert series["source_bytes_total stream=main"] == 7_500_000
    assert series["source_dropped_frames_total stream=main"] == 0
    assert (series["source_wanted stream=main"], series["source_wanted stream=sub"]) == (1, 0)
    assert series["source_restarts_total reason=exited stream=main"] == 2
    assert {series[f"source_restarts_total reason={reason} stream=sub"] for reason in RestartReason} == {0}
    assert series["source_discarded_buffers_total reason=torn stream=main"] == 4
    assert series["source_discarded_buffers_total reason=empty stream=main"] == 0
    assert series["source_last_frame_timestamp_seconds stream=main"] == 1_700_000_030.5
    assert "source_last_frame_timestamp_seconds stream=sub" not in series
    assert series["link_bytes_per_second stream=main"] == 250_000
    assert series["source_nominal_frames_per_second stream=main"] == 30
    assert series["source_nominal_bytes_per_second stream=main"] == 237_500
    assert "source_nominal_bytes_per_second stream=sub" not in series
    assert series["source_key_frame_interval_seconds stream=main"] == 2
    assert "source_key_frame_interval_seconds stream=sub" not in series
    assert series["source_start_cache_bytes stream=main"] == 500_000
    assert "source_start_cache_bytes stream=sub" not in series
    assert series["source_start_cache_overflows_total stream=sub"] == 2
    (info,) = [name for name in series if name.startswith("source_info") and "stream=main" in name]
    assert "camera=imx708 encoder=libx264 encoder_reason=no hardware encoder fps=30 height=720 kind=testpattern" in info


def test_values_of_a_session():
    series = Service(a_status(sessions=(a_reporting_session(3),))).scrape()
    info = "session_info client=vlc peer_ip=192.0.2.3 session=5E550003 slot=3 stream=main transport=tcp"
    assert series[info] == 1
    assert {name: value for name, value in series.items() if name.endswith(" slot=3")} == {
        "session_sent_bytes_total slot=3": 3_000_000_003,
        "session_discarded_frames_total slot=3": 7,
        "session_backlog_bytes slot=3": 16_700,
        "session_backlog_seconds slot=3": 0.25,
        "session_write_budget_bytes slot=3": 2_000_896,
        "session_rtcp_fraction_lost_ratio slot=3": 0.015625,
        "session_rtcp_jitter_seconds slot=3": 0.002,
        "session_oldest_unsent_seconds slot=3": 0.125,
        "session_round_trip_seconds slot=3": 0.0155,
        "session_retransmits_total slot=3": 12,
        "session_delivery_bytes_per_second slot=3": 1_000_000,
        "session_unacknowledged_bytes slot=3": 4380,
        "session_start_timestamp_seconds slot=3": 1_700_000_000,
    }


def test_what_neither_reader_nor_kernel_tells_is_absent():
    series = Service(a_status(sessions=(a_session(0),))).scrape()
    unknown = re.compile(r"rtcp|round_trip|delivery|unacknowledged")
    assert not [name for name in series if unknown.search(name)]
    assert series["session_retransmits_total slot=0"] == 0


def test_the_round_trip_of_a_udp_session_is_what_its_reader_reports():
    series = Service(a_status(sessions=(a_session(0, transport="udp", round_trip_s=0.25),))).scrape()
    assert series["session_round_trip_seconds slot=0"] == 0.25


def test_what_the_board_does_not_tell_is_absent():
    assert not [name for name in Service(a_status()).scrape() if name.startswith("soc_")]
    status = a_status(board_temperature_c=61.5, board_throttled={"under_voltage": True, "throttled": False})
    series = Service(status).scrape()
    assert {name: value for name, value in series.items() if name.startswith("soc_")} == {
        "soc_temperature_celsius": 61.5,
        "soc_throttled kind=under_voltage": 1,
        "soc_throttled kind=throttled": 0,
    }


def test_totals_and_histograms():
    status = a_status(
        sessions=(a_session(0), a_session(1)),
        sessions_started={"tcp": 3},
        sessions_ended={EndReason.BACKLOG: 1},
        rtsp_connections=5,
        rtsp_requests={"PLAY": 3, "BREW": 1, "other": 2},
        rtsp_responses={"200": 9, "404": 1},
        rtsp_protocol_errors={"malformed": 4},
        limits_reached={"rtsp.udp_ports": 6},
        connections_open={"rtsp": 7},
        sent_bytes={"tcp": 10},
        sent_packets={"udp": 11},
        discarded_frames={"tcp": 12},
        handler_faults=1,
    )
    series = Service(status).scrape()
    expected = {
        "sessions_active": 2,
        "sessions_limit": 16,
        "sessions_truncated": 0,
        "sessions_started_total transport=tcp": 3,
        "sessions_started_total transport=udp": 0,
        "sessions_ended_total reason=backlog": 1,
        "rtsp_connections_total": 5,
        "rtsp_requests_total method=PLAY": 3,
        "rtsp_requests_total method=PAUSE": 0,
        "rtsp_requests_total method=other": 3,
        "rtsp_responses_total code=404": 1,
        "rtsp_protocol_errors_total kind=malformed": 4,
        "rtsp_protocol_errors_total kind=slow_request": 0,
        "limits_reached_total limit=rtsp.udp_ports": 6,
        "connections_open protocol=rtsp": 7,
        "connections_open protocol=http": 0,
        "sent_bytes_total transport=tcp": 10,
        "sent_packets_total transport=udp": 11,
        "discarded_frames_total transport=tcp": 12,
        "write_budget_seconds": 8,
        "loop_worst_turn_seconds": 0.0125,
        "handler_faults_total": 1,
        "frame_handoff_seconds_bucket le=0.01 stream=main": 4,
        "frame_handoff_seconds_bucket le=+Inf stream=sub": 10,
        "frame_handoff_seconds_count stream=main": 10,
        "frame_handoff_seconds_sum stream=main": 0.75,
        "capture_to_send_seconds_count": 8,
        "time_to_first_frame_seconds_sum": 2.5,
        "loop_turn_seconds_count": 120,
        "collector_seconds collector=service": 0.5,
        "collector_errors_total collector=service": 0,
    }
    assert {name: series.get(name) for name in expected} == expected
    assert "rtsp_requests_total method=BREW" not in series
    assert any(name.startswith("build_info python=3.") and name.endswith(f"version={__version__}") for name in series)
    assert series["process_resident_memory_bytes"] > 0


def test_every_end_reason_is_there_before_it_happens():
    series = Service(a_status()).scrape()
    assert {series[f"sessions_ended_total reason={reason}"] for reason in EndReason} == {0}


def test_every_limit_is_there_before_it_is_reached():
    series = Service(a_status()).scrape()
    assert {series[f"limits_reached_total limit={limit}"] for limit in COUNTED_LIMITS} == {0}


def test_every_family_of_the_table_is_exported_and_no_other():
    text = Service(a_status()).render("").body.decode()
    announced = {line.split(" ")[2] for line in text.splitlines() if line.startswith("# TYPE")}
    ours = {name for name in announced if name.startswith(PREFIX)}
    assert ours == {PREFIX + family.name for family in FAMILIES}
    assert all(name.startswith("process_") for name in announced - ours)
    assert "_created" not in text


def test_the_series_of_an_ended_session_are_gone_at_the_next_scrape():
    service = Service(a_status(sessions=(a_session(0), a_session(1))))
    assert "session_sent_bytes_total slot=1" in service.scrape()
    service.status = a_status(sessions=(a_session(0),))
    assert not [name for name in service.scrape() if "slot=1" in name]


def test_sixty_four_sessions_have_series_and_the_rest_is_counted():
    series = Service(a_status(sessions=tuple(a_session(slot) for slot in range(70)))).scrape()
    assert len([name for name in series if name.startswith("session_sent_bytes_total")]) == 64
    assert len([name for name in series if name.startswith("session_info")]) == 64
    assert series["sessions_active"] == 70
    assert series["sessions_truncated"] == 6


@pytest.mark.parametrize(
    "broken", [RuntimeError("no status"), a_status(sessions_limit=None), a_status(loop_turns=1.0, worst_turn_s=1.0)]
)
def test_a_failing_status_is_counted_logged_and_does_not_fail_the_scrape(broken, caplog):
    service = Service(broken)
    with caplog.at_level(logging.ERROR):
        series = service.scrape()
        assert service.scrape()["collector_errors_total collector=service"] == 2
    assert series["collector_errors_total collector=service"] == 1
    assert "sessions_active" not in series
    assert series["process_open_fds"] > 0
    assert caplog.records[0].exc_info is not None
    service.status = a_status()
    assert service.scrape()["collector_errors_total collector=service"] == 2


def test_a_histogram_among_numbers_is_a_fault_too(caplog):
    service = Service(a_status(worst_turn_s=a_status().loop_turns))
    assert service.scrape()["collector_errors_total collector=service"] == 1


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", CLASSIC),
        ("*/*", CLASSIC),
        ("text/html,application/xhtml+xml,*/*;q=0.8", CLASSIC),
        ("text/plain;version=0.0.4", CLASSIC),
        (
            "text/plain;version=1.0.0;escaping=allow-utf-8",
            "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
        ),
        ("application/openmetrics-text", OPENMETRICS),
        (PROMETHEUS_2, "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"),
        (PROMETHEUS_3, "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8"),
        (
            "application/openmetrics-text;version=1.0.0;escaping=dots",
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores",
        ),
        (
            "text/plain;version=1.0.0;escaping=values",
            "text/plain; version=1.0.0; charset=utf-8; escaping=underscores",
        ),
        ("application/openmetrics-text;version=one", CLASSIC),
        ("text/plain;version=1.x", CLASSIC),
    ],
)
def test_negotiation(accept, content_type):
    if not KNOWS_ESCAPING:
        content_type = OPENMETRICS if "openmetrics" in accept else CLASSIC
    rendered = Service(a_status(sessions=(a_reporting_session(),))).render(accept)
    assert rendered.content_type == content_type
    text = rendered.body.decode()
    is_openmetrics = content_type.startswith("application/openmetrics-text")
    assert text.endswith("# EOF\n") == is_openmetrics
    families = list((parse_openmetrics if is_openmetrics else parse_classic)(text))
    assert len(families) >= len(FAMILIES)


@pytest.mark.parametrize(
    ("accept", "parse"), [("", parse_classic), (PROMETHEUS_2, parse_openmetrics), (PROMETHEUS_3, parse_openmetrics)]
)
def test_what_is_written_is_read_as_it_was(accept, parse):
    odd = a_session(1, session_id='"\\\n', client="ä", backlog_s=float("inf"), jitter_s=1e-9, slot_sent_bytes=2**60)
    status = a_status(sessions=(a_reporting_session(0), odd, a_session(2, backlog_s=-0.5, jitter_s=-float("inf"))))
    text = Service(status).render(accept).body.decode()
    read = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for metric in parse(text)
        for sample in metric.samples
        if metric.name.startswith(PREFIX)
    }
    meant = {
        (PREFIX + name, *sorted(zip(labels, values, strict=True))): value
        for family in STATUS_FAMILIES
        for name, labels, values, value in plain_samples(family, status)
    }
    assert {key: value for key, value in read.items() if "collector_" not in key[0]} == meant


def plain_samples(family: StatusFamily, status: ServiceStatus) -> Iterator[tuple[str, tuple, tuple, float]]:
    for values, value in family.read(status):
        if isinstance(value, Histogram):
            for bound_s, count in zip(value.bounds_s, value.counts, strict=True):
                bound = "+Inf" if bound_s == float("inf") else str(bound_s)
                yield f"{family.name}_bucket", (*family.labels, "le"), (*values, bound), count
            yield f"{family.name}_count", family.labels, values, value.counts[-1]
            yield f"{family.name}_sum", family.labels, values, value.sum_s
        else:
            yield family.name, family.labels, values, value


@pytest.mark.parametrize(
    ("accept_encoding", "is_compressed"),
    [
        ("", False),
        ("identity", False),
        ("gzip", True),
        ("deflate, GZIP;q=0.5", True),
        ("gzip;q=1.0", True),
        ("gzip; q=0", False),
        ("gzip;q=0.000", False),
        ("x-gzip", False),
    ],
)
def test_gzip_only_if_asked_for(accept_encoding, is_compressed):
    rendered = Service(a_status()).render("", accept_encoding)
    assert rendered.content_encoding == ("gzip" if is_compressed else "")
    body = gzip.decompress(rendered.body) if is_compressed else rendered.body
    assert body.startswith(b"# HELP edge_streamer_build_info")


def test_a_family_reads_what_its_labels_say():
    status = a_status(
        sessions=(a_reporting_session(),), streams=(a_stream(restarts={"exited": 1}),), rtsp_responses={"200": 1}
    )
    for family in FAMILIES:
        if isinstance(family, StatusFamily):
            for labels, _value in family.read(status):
                assert len(labels) == len(family.labels), family.name
