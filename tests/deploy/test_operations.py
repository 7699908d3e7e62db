"""docs/operations.md says of every alert and every end reason what it means, how to see it and what to do."""

import re
from urllib.parse import urlsplit

import pytest

from edge_streamer.services.metrics.table import FAMILIES
from edge_streamer.services.status import EndReason
from tests.support.markdown import anchors
from tests.support.prometheus.deployed import DASHBOARDS, REPOSITORY, panels, rules

PAGE = (REPOSITORY / "docs" / "operations.md").read_text()
ANCHORS = anchors(PAGE)
ALERTS = rules("alerts.yml")
PARTS = re.compile(r"- \*\*Means:\*\* \S.+?\n- \*\*See:\*\* \S.+?\n- \*\*Do:\*\* \S.+", re.DOTALL)
METRIC = re.compile(
    r"`((?:source|sessions?|loop|soc|limits|handler|collector|rtsp|http|frame)_[a-z_]+?"
    r"(?:_total|_seconds|_bytes|_per_second|_celsius|_up|_wanted|_active|_throttled))(?:\{[^`]*\})?`"
)


def section(heading: str) -> str:
    _before, _heading, after = PAGE.partition(f"\n### {heading}\n")
    return re.split(r"^##", after, maxsplit=1, flags=re.MULTILINE)[0].strip()


@pytest.mark.parametrize("reason", EndReason)
def test_every_end_reason_is_explained(reason):
    assert PARTS.fullmatch(section(f"`{reason}`"))


@pytest.mark.parametrize("alert", [alert["alert"] for alert in ALERTS])
def test_every_alert_is_explained(alert):
    assert PARTS.fullmatch(section(alert))


def test_nothing_is_explained_that_is_not_there():
    explained = set(re.findall(r"^### `?(\w+)`?$", PAGE, re.MULTILINE))
    assert explained == {*EndReason, *(alert["alert"] for alert in ALERTS)}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_a_runbook_link_leads_to_its_heading(alert):
    link = urlsplit(alert["annotations"]["runbook_url"])
    assert link.path.endswith("/operations.md")
    assert link.fragment in ANCHORS
    assert f"{link.fragment}-1" not in ANCHORS, "two headings of that name"


def test_every_metric_that_is_named_is_exported():
    named = set(METRIC.findall(PAGE))
    assert len(named) > 20
    assert named - {family.name for family in FAMILIES} == set()


def test_every_panel_that_is_named_is_on_a_dashboard():
    titles = {panel["title"] for file in DASHBOARDS for panel in panels(file)}
    start = PAGE.index("\n## Alerts\n")
    alerts = PAGE[PAGE.index("\n### ", start) : PAGE.index("\n## What to watch\n")]
    assert set(re.findall(r"(?<!\*)\*(\w[^*]+)\*(?!\*)", alerts)) - {"set"} <= titles
