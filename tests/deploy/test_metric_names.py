"""Every metric that rules, alerts and dashboards name is one of the table's, with a label that it has."""

import pytest

from edge_streamer.services.metrics.families import PREFIX, MetricFamily, MetricKind
from edge_streamer.services.metrics.table import FAMILIES
from tests.support.prometheus.deployed import Expression, expressions, rules
from tests.support.prometheus.promql import Selector, selectors

OF_PROMETHEUS = {"up"}
OF_TARGETS = {"job", "instance"}
RECORDED = {rule["record"] for rule in rules("rules.yml")}
EXPRESSIONS = list(expressions())


def exported(family: MetricFamily) -> list[str]:
    name = PREFIX + family.name
    return (
        [f"{name}{part}" for part in ("_bucket", "_sum", "_count")] if family.kind is MetricKind.HISTOGRAM else [name]
    )


LABELS = {name: {*family.labels, "le"} for family in FAMILIES for name in exported(family)}


def named(expression: Expression) -> list[Selector]:
    return [selector for selector in selectors(expression.text) if selector.name not in OF_PROMETHEUS | RECORDED]


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=str)
def test_what_is_named_is_exported(expression):
    assert selectors(expression.text)
    assert [selector.name for selector in named(expression) if selector.name not in LABELS] == []


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=str)
def test_what_is_matched_is_a_label_of_that_metric(expression):
    for selector in named(expression):
        matched = {label for label, _operator, _value in selector.matchers}
        assert matched <= LABELS[selector.name] | OF_TARGETS


def test_a_name_that_is_not_exported_would_be_found():
    misspelt = Expression("x.yml", "x", "rate(edge_streamer_source_frame_total[1m]) > 0")
    assert [selector.name for selector in named(misspelt) if selector.name not in LABELS]
