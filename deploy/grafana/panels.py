"""What both dashboards are built from: expressions with their matchers, panels, columns and variables.

Not a dashboard (`fleet`, `camera`), and nothing that Grafana itself would have to be asked for. Names of metrics are
those of `edge_streamer.services.metrics.table`, without their prefix.
"""

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import dashboard as dashboard_model
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.common import DataSourceRef, LegendDisplayMode, LegendPlacement, VisibilityMode
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataTransformerConfig,
    DynamicConfigValue,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
    VariableOption,
    VariableRefresh,
    VariableSort,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

Panel = Builder[dashboard_model.Panel]

DATASOURCE: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")
FRAMES_PER_SECOND: Final = "suffix: fps"
TARGET: Final = 'job=~"$job", instance=~"$instance"'
"""What every selector begins with, so that a dashboard shows the cameras that were chosen and no others."""
WHO: Final = "{{stream}} to {{peer_ip}} ({{client}}, slot {{slot}})"
"""Legend of a session's series that went through `of_viewer`."""
_GREEN, _YELLOW, _RED = "green", "yellow", "red"
_ALL: Final = VariableOption(selected=True, text="All", value="$__all")


def metric(name: str, *matchers: str) -> str:
    """Return a selector of the metric `name`."""
    return f"edge_streamer_{name}{{{', '.join((TARGET, *matchers))}}}"


def rate(name: str, *matchers: str) -> str:
    """Return how much the counter `name` grows in a second."""
    return f"rate({metric(name, *matchers)}[$__rate_interval])"


def increase_shown(name: str, *matchers: str) -> str:
    """Return how much the counter `name` has grown over the time that the dashboard shows."""
    return f"increase({metric(name, *matchers)}[$__range])"


def quantile(share: float, buckets: str, *labels: str) -> str:
    """Return that quantile of what grows in a histogram's buckets, apart for each value of `labels`."""
    kept = ", ".join(("job", "instance", *labels, "le"))
    return f"histogram_quantile({share}, sum by ({kept}) ({buckets}))"


def of_viewer(expression: str) -> str:
    """Return a session's series with the labels that say who sits in the slot now, of the chosen streams only."""
    info = metric("session_info", 'stream=~"$stream"')
    return f"{expression} * on (job, instance, slot) group_left (stream, peer_ip, client, transport, session) {info}"


@dataclass(frozen=True, slots=True)
class Query:
    """One expression of a panel, and what its series are called."""

    expression: str
    legend: str


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table. `warn_from` and `bad_from` colour its cells; `words` replace numbers."""

    title: str
    expression: str
    unit: str = units.Short
    warn_from: float | None = None
    bad_from: float | None = None
    words: tuple[tuple[str, str, str], ...] = ()  # value, word, colour


def graph(
    title: str, description: str, unit: str, *queries: Query, span: int = 8, highest: float | None = None
) -> timeseries.Panel:
    """Return curves over time, with a legend of their last and highest values."""
    legend = common.VizLegendOptions().display_mode(LegendDisplayMode.TABLE).placement(LegendPlacement.BOTTOM)
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .unit(unit)
        .min(0)
        .span(span)
        .height(8)
        .show_points(VisibilityMode.NEVER)
        .fill_opacity(10)
        .legend(legend.show_legend(True).calcs(["lastNotNull", "max"]))
        .targets(_targets(queries))
    )
    return panel if highest is None else panel.max(highest)


def number(
    title: str, description: str, unit: str, query: Query, *, bad_from: float | None = None, span: int = 4
) -> stat.Panel:
    """Return the newest value in large figures, red from `bad_from` on."""
    return (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .unit(unit)
        .span(span)
        .height(4)
        .thresholds(_thresholds(None, bad_from))
        .targets(_targets([query]))
    )


def states(title: str, description: str, query: Query, *, span: int = 12) -> statetimeline.Panel:
    """Return bars over time that are green while the value is 1 and red while it is 0."""
    words = (("0", "down", _RED), ("1", "up", _GREEN))
    return (
        statetimeline.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .unit(units.Short)
        .span(span)
        .height(8)
        .mappings([_mapping(words)])
        .line_width(0)
        .fill_opacity(70)
        .targets(_targets([query]))
    )


def rows_by(
    title: str, description: str, labels: Mapping[str, str], columns: Sequence[Column], link: str = ""
) -> table.Panel:
    """Return a table whose first columns are `labels`, under the names given for them.

    The first label tells the rows apart, and every expression keeps it; the first expression keeps all of them. `link`
    is where a click on the first column leads.
    """
    panel = (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .unit(units.Short)
        .span(24)
        .height(10)
        .filterable(True)
        .targets([_table_target(index, column) for index, column in enumerate(columns)])
        .transformations(_one_table(labels, columns))
    )
    if link:
        first = next(iter(labels.values()))
        panel.override_by_name(first, [DynamicConfigValue("links", [{"title": "Look at it", "url": link}])])
    for column in columns:
        panel.override_by_name(column.title, _cell(column))
    return panel


def new_dashboard(title: str, uid: str, description: str) -> dashboard.Dashboard:
    """Return a dashboard without panels, with the variables `datasource` and `job`."""
    source = dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")
    return (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags(["edge_streamer"])
        .readonly()
        .refresh("15s")
        .time("now-1h", "now")
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(source)
        .with_variable(several("job", "Job", "label_values(edge_streamer_build_info, job)"))
    )


def several(name: str, label: str, query: str) -> dashboard.QueryVariable:
    """Return a variable of which several values, or all, can be chosen."""
    return one_of(name, label, query).multi(True).include_all(True).all_value(".+").current(_ALL)


def one_of(name: str, label: str, query: str) -> dashboard.QueryVariable:
    """Return a variable of which one value is chosen."""
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(DATASOURCE)
        .query({"query": query, "refId": name})
        .definition(query)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.NATURAL_ASC)
    )


def _targets(queries: Sequence[Query]) -> list[Builder[Dataquery]]:
    return [_target(index, query.expression).range().legend_format(query.legend) for index, query in enumerate(queries)]


def _table_target(index: int, column: Column) -> prometheus.Dataquery:
    return _target(index, column.expression).instant().format(PromQueryFormat.TABLE)


def _target(index: int, expression: str) -> prometheus.Dataquery:
    return prometheus.Dataquery().datasource(DATASOURCE).ref_id(string.ascii_uppercase[index]).expr(expression)


def _one_table(labels: Mapping[str, str], columns: Sequence[Column]) -> list[DataTransformerConfig]:
    """Join the answers by the labels that all of them have; put the columns in order and name them."""
    letters = string.ascii_uppercase[: len(columns)]
    titles = {f"Value #{letter}": column.title for letter, column in zip(letters, columns, strict=True)}
    names = dict(labels) | titles
    options = {
        "excludeByName": {"Time": True, "job": True},
        "indexByName": {field: index for index, field in enumerate(names)},
        "renameByName": names,
    }
    return [
        DataTransformerConfig(id_val="merge", options={}),
        DataTransformerConfig(id_val="organize", options=options),
    ]


def _cell(column: Column) -> list[DynamicConfigValue]:
    values: list[tuple[str, Any]] = [("unit", column.unit)]
    if column.words:
        values.append(("mappings", [_mapping(column.words)]))
    if column.bad_from is not None:
        values.append(("thresholds", _thresholds(column.warn_from, column.bad_from).build()))
    if column.words or column.bad_from is not None:
        values.append(("custom.cellOptions", {"type": "color-text"}))
    return [DynamicConfigValue(key, value) for key, value in values]


def _mapping(words: Sequence[tuple[str, str, str]]) -> ValueMap:
    return ValueMap(options={value: ValueMappingResult(text=word, color=colour) for value, word, colour in words})


def _thresholds(warn_from: float | None, bad_from: float | None) -> dashboard.ThresholdsConfig:
    steps = [Threshold(value=None, color=_GREEN)]
    if warn_from is not None:
        steps.append(Threshold(value=warn_from, color=_YELLOW))
    if bad_from is not None:
        steps.append(Threshold(value=bad_from, color=_RED))
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)
