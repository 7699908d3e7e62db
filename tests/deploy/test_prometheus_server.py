import socket

import pytest

from tests.support.prometheus.prometheus_server import PromQlError, running_prometheus


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prometheus")
    rules = folder / "rules.yml"
    rules.write_text(
        "groups: [{name: a, rules: [{record: twice:up, expr: up + 2}, {alert: Down, expr: up == 0, labels: {a: b}}]}]"
    )
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and does not listen
        with running_prometheus(["{}:{}".format(*closed.getsockname())], folder, [rules], job="a_job") as running:
            running.wait_for("up")
            yield running


def test_a_target_that_does_not_answer_is_down(prometheus):
    (series,) = prometheus.query("up")
    assert (series.labels["job"], series.value) == ("a_job", 0)
    (target,) = prometheus.targets()
    assert target.health == "down"
    assert "refused" in target.last_error


def test_samples_are_as_scraped(prometheus):
    (samples,) = prometheus.samples("up[1m]").values()
    assert {value for _at, value in samples} == {0}


def test_rules_are_evaluated(prometheus):
    (series,) = prometheus.wait_for("twice:up")
    assert series.value == 2
    prometheus.wait_for('ALERTS{alertname="Down"}')
    (alert,) = prometheus.alerts()
    assert alert["labels"]["a"] == "b"


def test_a_scalar_is_a_series_without_labels(prometheus):
    (series,) = prometheus.query("1 + 2", at=1_700_000_000)
    assert (series.labels, series.time_s, series.value) == ({}, 1_700_000_000, 3)


@pytest.mark.parametrize("expression", ["up{", "up[1m]"])
def test_what_is_no_instant_query_is_an_error(prometheus, expression):
    with pytest.raises(PromQlError):
        prometheus.query(expression)


def test_what_never_comes_is_an_error_that_says_why(prometheus):
    with pytest.raises(AssertionError, match=r"up == 1 is .* targets: .*refused"):
        prometheus.wait_for("up == 1", within_s=0.2)


def test_it_is_gone_after_the_block(tmp_path):
    with running_prometheus([], tmp_path) as running:
        assert running.query("1")
    with pytest.raises(OSError, match="refused"):
        running.query("1")
