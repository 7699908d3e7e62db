"""Writes samples as text: the classic Prometheus format 0.0.4 and OpenMetrics 1.0.

Called by `exposition` on the loop, where time counts: the writers of prometheus_client make an object of every sample,
and check and escape every name, which made a scrape of 64 sessions several times slower. Here names are the ASCII
identifiers of `table` and need neither, and the text of a label set is cached from scrape to scrape. A test asserts
that the output equals that of prometheus_client. Timestamps, exemplars and native histograms are not written, because
no family has them.
"""

import math
from collections.abc import Iterable, Sequence
from enum import Enum
from functools import lru_cache
from typing import Final, cast

from prometheus_client.metrics_core import Metric

from edge_streamer.services.metrics.families import PREFIX, MetricFamily, MetricKind, Sample
from edge_streamer.services.status import Histogram

_NumberSample = tuple[tuple[str, ...], float]
_LABEL_SETS_KEPT: Final = 2048
"""More than a scrape has; the least recently used, of sessions that have ended, are dropped first."""


class TextFormat(Enum):
    """The format of a scrape."""

    CLASSIC = "text/plain"
    OPENMETRICS = "application/openmetrics-text"


def write_families(families: Iterable[tuple[MetricFamily, Iterable[Sample]]], text_format: TextFormat) -> str:
    """Return the families with their samples as text. TypeError when a value is not of its family's kind."""
    lines: list[str] = []
    for family, samples in families:
        lines.append(_head(family, text_format))
        name = PREFIX + family.name
        if family.kind is MetricKind.HISTOGRAM:
            for labels, value in samples:
                lines += _histogram_lines(name, family.labels, labels, value)
        else:
            lines += _number_lines(name, family.labels, cast("Iterable[_NumberSample]", samples))
    return "".join(lines)


def write_metrics(metrics: Iterable[Metric], text_format: TextFormat) -> str:
    """Return families of prometheus_client as text, such as those of its `ProcessCollector`."""
    lines: list[str] = []
    for metric in metrics:
        lines.append(_head_of(metric.name, metric.type, metric.documentation, text_format))
        lines += [
            f"{sample.name}{_label_set(tuple(sample.labels), tuple(sample.labels.values()))} {sample.value + 0.0}\n"
            for sample in metric.samples
        ]
    return "".join(lines)


def _head(family: MetricFamily, text_format: TextFormat) -> str:
    name = (PREFIX + family.name).removesuffix("_total").removesuffix("_info")
    return _head_of(name, family.kind, family.help, text_format)


@lru_cache(maxsize=512)
def _head_of(name: str, kind: str, help_text: str, text_format: TextFormat) -> str:
    """Return the HELP and TYPE lines. OpenMetrics names a counter without its suffix; the classic format with it, and
    the classic format has no type info."""
    if text_format is TextFormat.CLASSIC:
        name += {"counter": "_total", "info": "_info"}.get(kind, "")
        kind = {"info": "gauge"}.get(kind, kind)
    return f"# HELP {name} {help_text}\n# TYPE {name} {kind}\n"


def _number_lines(name: str, names: tuple[str, ...], samples: Iterable[_NumberSample]) -> list[str]:
    """Return a line for each sample; adding 0.0 makes a float, written in its shortest form, or raises TypeError."""
    return [f"{name}{_label_set(names, labels)} {value + 0.0}\n" for labels, value in samples]


def _histogram_lines(name: str, names: tuple[str, ...], labels: tuple[str, ...], value: float | Histogram) -> list[str]:
    if not isinstance(value, Histogram):
        raise TypeError(f"{name}: a number in a family of histograms")
    bucket_names = (*names, "le")
    lines = [
        f"{name}_bucket{_label_set(bucket_names, (*labels, _bound(bound_s)))} {count + 0.0}\n"
        for bound_s, count in zip(value.bounds_s, value.counts, strict=True)
    ]
    label_set = _label_set(names, labels)
    lines.append(f"{name}_count{label_set} {value.counts[-1] + 0.0}\n")
    lines.append(f"{name}_sum{label_set} {value.sum_s + 0.0}\n")
    return lines


@lru_cache(maxsize=_LABEL_SETS_KEPT)
def _label_set(names: Sequence[str], values: Sequence[str]) -> str:
    if not names:
        return ""
    pairs = sorted(zip(names, values, strict=True))
    return "{" + ",".join([f'{name}="{_escaped(text)}"' for name, text in pairs]) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _bound(bound_s: float) -> str:
    """Return a bucket's label: it identifies a series and so must never change; both formats spell infinity +Inf."""
    return "+Inf" if math.isinf(bound_s) else repr(float(bound_s))
