"""The static reader of PromQL, on the shapes that rules and dashboards here have."""

import pytest

from tests.support.prometheus.promql import Selector, selectors


def names(expression: str) -> list[str]:
    return [selector.name for selector in selectors(expression)]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("up == 0", ["up"]),
        ('a{job="up", x=~"b|c"} unless on (job, instance) d', ["a", "d"]),
        ("sum without (reason) (increase(a_total[10m])) > 3", ["a_total"]),
        ("sum by (job, le) (rate(a_bucket[$__rate_interval]))", ["a_bucket"]),
        ("max(a) / (b > 0) and c == 1 or time() - d", ["a", "b", "c", "d"]),
        ("a * on (slot) group_left (client, stream) b", ["a", "b"]),
        ("kept:a_total:rate1m < bool 0.8 * b", ["kept:a_total:rate1m", "b"]),
        ("histogram_quantile(0.99, a)", ["a"]),
        ("sum(round(max by (job) (a - timestamp(b)))) + sum(a < bool c)", ["a", "b", "a", "c"]),
    ],
)
def test_names_are_those_of_metrics_and_nothing_else(expression, expected):
    assert names(expression) == expected


def test_a_selector_has_its_matchers_range_and_function():
    assert selectors('rate(a_total{job="x", y!~"z"}[5m])') == [
        Selector("a_total", (("job", "=", "x"), ("y", "!~", "z")), "5m", "rate")
    ]


def test_a_function_is_that_of_its_argument_and_of_no_other():
    assert [found.function for found in selectors("rate(a[1m]) / (b > 0) * on (slot) c")] == ["rate", "", ""]
