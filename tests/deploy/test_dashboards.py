"""The committed dashboards: as the code makes them, as the SDK's types have them, and as dashboard-linter wants them.

The linter itself is a Go program that is not in Debian; its rules (metrics.md B5) are written here, and the exceptions
are read from the file that it would read.
"""

import json
import re
from itertools import combinations

import pytest
import yaml
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana import make_dashboards
from deploy.grafana.fleet import END_REASONS
from deploy.grafana.panels import FRAMES_PER_SECOND
from edge_streamer.services.status import EndReason
from tests.support.prometheus.deployed import DASHBOARDS, GRAFANA, dashboard, dashboard_expressions, panels
from tests.support.prometheus.promql import selectors

EXCLUSIONS = yaml.safe_load((GRAFANA / ".lint").read_text())["exclusions"]
UNITS = {value for value in vars(units).values() if isinstance(value, str)} | {FRAMES_PER_SECOND}
GRID_COLUMNS = 24
of_each = pytest.mark.parametrize("file", DASHBOARDS)


def is_excluded(rule: str, file: str, panel: str = "") -> bool:
    title = dashboard(file)["title"]
    return any(
        entry["dashboard"] == title and entry.get("panel", "") == panel
        for entry in EXCLUSIONS.get(rule, {"entries": ()})["entries"]
    )


def variable(file: str, name: str):
    return next(found for found in dashboard(file)["templating"]["list"] if found["name"] == name)


# --- code and types


@of_each
def test_making_it_again_gives_the_committed_bytes(file):
    made = make_dashboards.encode(make_dashboards.DASHBOARDS[file]())
    assert made == (GRAFANA / file).read_text(), "run python -m deploy.grafana.make_dashboards"


@of_each
def test_it_survives_the_types_of_the_sdk(file):
    plugins.register_default_plugins()
    read = Dashboard.from_json(dashboard(file))
    assert json.loads(JSONEncoder().encode(read)) == dashboard(file)


def test_there_are_no_other_dashboards():
    assert (
        sorted(path.name for path in GRAFANA.glob("*.json")) == sorted(DASHBOARDS) == sorted(make_dashboards.DASHBOARDS)
    )


@of_each
def test_panels_have_numbers_of_their_own_and_do_not_overlap(file):
    everything = dashboard(file)["panels"]
    numbers = [panel["id"] for panel in everything]
    assert len(set(numbers)) == len(numbers)
    places = [panel["gridPos"] for panel in everything]
    assert all(place["x"] + place["w"] <= GRID_COLUMNS for place in places)
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above, (one, other)


@of_each
def test_no_two_panels_have_the_same_title(file):
    titles = [panel["title"] for panel in dashboard(file)["panels"]]
    assert len(set(titles)) == len(titles)


# --- dashboard-linter


@of_each
def test_the_datasource_is_a_variable_that_everything_uses(file):
    assert variable(file, "datasource")["type"] == "datasource"
    assert variable(file, "datasource")["query"] == "prometheus"
    users = [
        *panels(file),
        *(target for panel in panels(file) for target in panel["targets"]),
        *(found for found in dashboard(file)["templating"]["list"] if found["type"] == "query"),
    ]
    assert {user["datasource"]["uid"] for user in users} == {"${datasource}"}


@of_each
@pytest.mark.parametrize("name", ["job", "instance"])
def test_job_and_instance_are_variables_of_several_values(file, name):
    found = variable(file, name)
    assert (found["type"], found["label"]) == ("query", name.capitalize())
    if not is_excluded(f"template-{name}-rule", file):
        assert (found["multi"], found["includeAll"], found["allValue"]) == (True, True, ".+")


@of_each
def test_variables_are_asked_for_again_when_the_time_changes(file):
    queried = [found for found in dashboard(file)["templating"]["list"] if found["type"] == "query"]
    assert {found["refresh"] for found in queried} == {2}


@of_each
def test_every_selector_is_of_the_chosen_job_and_instance(file):
    chosen = {("job", "=~", "$job"), ("instance", "=~", "$instance")}
    loose = [
        str(found)
        for found in dashboard_expressions(file)
        for selector in selectors(found.text)
        if not chosen <= set(selector.matchers)
    ]
    assert loose == []


@of_each
def test_rates_are_over_the_interval_that_fits_the_picture(file):
    for found in dashboard_expressions(file):
        ranges = {selector.range_text for selector in selectors(found.text)} - {""}
        panel = found.place.rpartition(" ")[0]
        expected = "$__range" if is_excluded("target-rate-interval-rule", file, panel) else "$__rate_interval"
        assert ranges <= {"$__rate_interval", expected}, found


@of_each
def test_counters_are_never_shown_as_they_are(file):
    for found in dashboard_expressions(file):
        for selector in selectors(found.text):
            is_counted = selector.name.endswith(("_total", "_bucket"))
            assert is_counted == (selector.function in ("rate", "increase")), found


@of_each
def test_every_panel_has_a_title_a_description_a_unit_and_a_target(file):
    for panel in panels(file):
        assert panel["title"], panel
        assert re.fullmatch(r"[A-Z1-9].+\.", panel["description"], re.DOTALL), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, panel["title"]
        assert panel["targets"], panel["title"]


@of_each
def test_every_column_of_a_table_has_a_unit(file):
    for panel in panels(file):
        for override in panel["fieldConfig"]["overrides"]:
            given = {found["id"]: found["value"] for found in override["properties"]}
            assert given.get("unit") in UNITS or "links" in given, (panel["title"], override)


@of_each
def test_it_cannot_be_edited_where_it_is_shown(file):
    assert dashboard(file)["editable"] is False


def test_every_exclusion_has_a_reason_and_is_needed():
    titles = {dashboard(file)["title"]: {panel["title"] for panel in panels(file)} for file in DASHBOARDS}
    for rule, exclusion in EXCLUSIONS.items():
        assert exclusion["reason"], rule
        for entry in exclusion["entries"]:
            assert entry.get("panel") in {None, *titles[entry["dashboard"]]}, entry
    shown = {
        (file, found.place.rpartition(" ")[0])
        for file in DASHBOARDS
        for found in dashboard_expressions(file)
        if "$__range" in found.text
    }
    assert len(shown) == len(EXCLUSIONS["target-rate-interval-rule"]["entries"])
    assert variable("camera.json", "instance")["multi"] is False


# --- what is in them


def test_the_columns_of_the_fleet_have_every_end_reason_once():
    assert sorted(reason for reasons in END_REASONS.values() for reason in reasons) == sorted(EndReason)


def test_a_click_on_a_camera_opens_it():
    overrides = [found for panel in panels("fleet.json") for found in panel["fieldConfig"]["overrides"]]
    links = [value for found in overrides for value in found["properties"] if value["id"] == "links"]
    assert len(links) == 2  # of both tables: the streams, and the devices
    assert all(link["value"][0]["url"].startswith(f"/d/{dashboard('camera.json')['uid']}?") for link in links)
