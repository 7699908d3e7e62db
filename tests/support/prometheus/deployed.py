"""What `deploy/` holds, read: rules, alerts, dashboards, and every PromQL expression in them with its place.

Called by the tests of `tests/deploy`. The dashboards are what is committed, not what `deploy.grafana` would make.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

REPOSITORY: Final = Path(__file__).parents[3]
PROMETHEUS: Final = REPOSITORY / "deploy" / "prometheus"
GRAFANA: Final = REPOSITORY / "deploy" / "grafana"
DASHBOARDS: Final = ("fleet.json", "camera.json")
RULE_FILES: Final = ("rules.yml", "alerts.yml")


@dataclass(frozen=True, slots=True)
class Expression:
    """One PromQL expression as it is written, and where: dashboard and panel, or file and rule."""

    file: str
    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}: {self.place}"


def rules(file: str) -> list[Mapping[str, Any]]:
    """Return the rules of a file of `deploy/prometheus`, in order."""
    content = yaml.safe_load((PROMETHEUS / file).read_text())
    return [rule for group in content["groups"] for rule in group["rules"]]


def dashboard(file: str) -> Mapping[str, Any]:
    """Return a committed dashboard."""
    content: Mapping[str, Any] = json.loads((GRAFANA / file).read_text())
    return content


def panels(file: str) -> list[Mapping[str, Any]]:
    """Return the panels of a committed dashboard that show something: all but the titles of rows."""
    return [panel for panel in dashboard(file)["panels"] if panel["type"] != "row"]


def expressions() -> Iterator[Expression]:
    """Yield every expression of rules, alerts, panels and variables."""
    for file in RULE_FILES:
        for rule in rules(file):
            yield Expression(file, rule.get("record") or rule["alert"], rule["expr"])
    for file in DASHBOARDS:
        yield from dashboard_expressions(file)
        for variable in _queried_variables(file):
            query = variable["query"]["query"].removeprefix("label_values(").rpartition(",")[0]
            yield Expression(file, f"${variable['name']}", query)


def dashboard_expressions(file: str) -> Iterator[Expression]:
    """Yield the expressions of a dashboard's panels."""
    for panel in panels(file):
        for target in panel["targets"]:
            yield Expression(file, f"{panel['title']} {target['refId']}", target["expr"])


def _queried_variables(file: str) -> list[Mapping[str, Any]]:
    return [variable for variable in dashboard(file)["templating"]["list"] if variable["type"] == "query"]
