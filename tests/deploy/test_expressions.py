"""Every expression of rules, alerts and dashboards, asked of a Prometheus that scrapes a service with two viewers.

What an alert's expression would say after its threshold is a matter of `alerts.test.yml`; here everything that it
selects must be there, and Prometheus must evaluate it without an error. Grafana's variables are replaced as it does.
"""

import math
import time
from contextlib import ExitStack

import pytest

from tests.support.prometheus.deployed import PROMETHEUS, RULE_FILES, expressions, rules
from tests.support.prometheus.prometheus_server import JOB, RunningPrometheus, Series, running_prometheus
from tests.support.prometheus.promql import selectors
from tests.support.rtsp.reader import RtspReader
from tests.support.service import running_service

CONFIG = """
[streams.main]
source = "testpattern"
width = 320
height = 240
fps = 15
gop_s = 1

[streams.sub]
source = "testpattern"
width = 160
height = 120
fps = 10
gop_s = 1
on_demand = true
"""
GRAFANA = {"$__rate_interval": "10s", "$__range": "5m", "$job": JOB, "$instance": ".+", "$stream": ".+"}
ABSENT_HERE = {
    "edge_streamer_soc_temperature_celsius": "a machine in a computing centre has no sensor of its processor",
    "edge_streamer_soc_throttled": "only the firmware of a Raspberry Pi tells",
    "edge_streamer_storage_life_used_ratio": "only an eMMC module tells",
    "edge_streamer_device_initial_password": "only the boot of a device image tells",
    "edge_streamer_device_settings_mistakes": "only the boot of a device image tells",
}
DEADLINE_S = 40.0
RECORDED = {rule["record"]: rule["expr"] for rule in rules("rules.yml")}


def as_grafana_asks(text: str) -> str:
    for variable, value in GRAFANA.items():
        text = text.replace(variable, value)
    return text


def names(expression: str) -> list[str]:
    return [selector.name for selector in selectors(expression)]


ALERTS = [found for found in expressions() if found.file == "alerts.yml"]
QUERIES = {str(found): as_grafana_asks(found.text) for found in expressions() if found not in ALERTS} | {
    f"{alert}: {name}": name for alert in ALERTS for name in names(alert.text)
}


def is_there(query: str) -> bool:
    return not set(names(query)) & set(ABSENT_HERE)


def has_a_number(answer: list[Series]) -> bool:
    return any(math.isfinite(series.value) for series in answer)


def receiver_report(to: int, last_sender_report: bytes) -> bytes:
    """RFC 3550 section 6.4.2: nothing lost, jitter of 1 ms, sent 0.1 s after the report that it answers."""
    middle_of_ntp = last_sender_report[10:14]
    block = to.to_bytes(4) + bytes(4) + bytes.fromhex("00000100 0000005a") + middle_of_ntp + bytes.fromhex("0000199a")
    return bytes.fromhex("81c90007 0000002a") + block


def watch(reader: RtspReader) -> None:
    """Read for a moment, and answer a sender report (type 200) as viewers do."""
    for packet in reader.packets(seconds=0.2):
        if packet.kind == "rtcp" and packet.data[1] == 200:
            reader.send_rtcp(receiver_report(int.from_bytes(packet.data[4:8]), packet.data))


def ask(prometheus: RunningPrometheus, readers: list[RtspReader]) -> dict[str, list[Series]]:
    """Watch until every query that can have data has some, or the time is over; the last answers."""
    deadline = time.monotonic() + DEADLINE_S
    answers: dict[str, list[Series]] = {}
    missing = set(QUERIES.values())
    while missing and time.monotonic() < deadline:
        for reader in readers:
            watch(reader)
        answers |= {query: prometheus.query(query) for query in missing}
        missing = {query for query in missing if is_there(query) and not has_a_number(answers[query])}
    return answers


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """All answers, and the state of the rules that Prometheus evaluated meanwhile."""
    files = [PROMETHEUS / file for file in RULE_FILES]
    with ExitStack() as stack:
        service = stack.enter_context(running_service(CONFIG))
        target = ":".join(map(str, service.http_address))
        folder = tmp_path_factory.mktemp("prometheus")
        prometheus = stack.enter_context(running_prometheus([target], folder, files))
        prometheus.wait_for("count_over_time(edge_streamer_sessions_active[1m]) > 1")
        readers = [
            stack.enter_context(RtspReader(service.rtsp_url("main"), "tcp")),
            stack.enter_context(RtspReader(service.rtsp_url("sub"), "udp")),
        ]
        for reader in readers:
            reader.start()
        answers = ask(prometheus, readers)
        groups = prometheus.api("rules", {})["groups"]
        firing = [alert["labels"]["alertname"] for alert in prometheus.alerts() if alert["state"] == "firing"]
    return answers, [rule for group in groups for rule in group["rules"]], firing


@pytest.mark.parametrize("place", [place for place, query in QUERIES.items() if is_there(query)])
def test_it_has_data(asked, place):
    answers, _evaluated, _firing = asked
    assert has_a_number(answers[QUERIES[place]]), (QUERIES[place], answers[QUERIES[place]])


@pytest.mark.parametrize("place", [place for place, query in QUERIES.items() if not is_there(query)])
def test_prometheus_takes_what_cannot_have_data_here(asked, place):
    answers, _evaluated, _firing = asked
    assert QUERIES[place] in answers


def test_every_rule_and_alert_was_evaluated_without_an_error(asked):
    _answers, evaluated, _firing = asked
    assert {rule["name"] for rule in evaluated} == {*RECORDED, *(rule["alert"] for rule in rules("alerts.yml"))}
    assert [(rule["name"], rule["lastError"]) for rule in evaluated if rule["health"] != "ok"] == []


def test_a_healthy_camera_raises_no_alert(asked):
    _answers, _evaluated, firing = asked
    assert firing == []


def test_nothing_is_excused_that_nobody_asks_for():
    assert {name for query in QUERIES.values() for name in names(query)} >= set(ABSENT_HERE)
