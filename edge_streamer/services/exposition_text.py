"""Writes metric families as text: the classic Prometheus format 0.0.4 and OpenMetrics 1.0.

Called by `services.metrics`, on the loop, which is why it exists: prometheus_client's own writers check and escape
every name of every sample, which made a scrape of 64 sessions two to four times dearer. Here names are the ASCII
identifiers of `services.metrics_table` and need neither. The output is theirs byte for byte, which a test asserts;
timestamps, exemplars and native histograms are not written because no family has them.
"""

import math
from collections.abc import Iterable
from typing import Final

from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample

_CLASSIC_NAME_SUFFIX: Final = {"counter": "_total", "info": "_info"}
_CLASSIC_KIND: Final = {"info": "gauge"}


def write_classic(metrics: Iterable[Metric]) -> bytes:
    """Return the families in the text format 0.0.4, which names a counter with its suffix and has no info."""
    parts: list[str] = []
    for metric in metrics:
        name = metric.name + _CLASSIC_NAME_SUFFIX.get(metric.type, "")
        _write_family(parts, name, _CLASSIC_KIND.get(metric.type, metric.type), metric)
    return "".join(parts).encode()


def write_openmetrics(metrics: Iterable[Metric]) -> bytes:
    """Return the families as OpenMetrics 1.0, which names a counter without its suffix and ends with a mark."""
    parts: list[str] = []
    for metric in metrics:
        _write_family(parts, metric.name, metric.type, metric)
    parts.append("# EOF\n")
    return "".join(parts).encode()


def _write_family(parts: list[str], name: str, kind: str, metric: Metric) -> None:
    parts.append(f"# HELP {name} {metric.documentation}\n# TYPE {name} {kind}\n")
    parts += [_line(sample) for sample in metric.samples]


def _line(sample: Sample) -> str:
    value = _number(sample.value)
    if not sample.labels:
        return f"{sample.name} {value}\n"
    labels = ",".join([f'{name}="{_escaped(text)}"' for name, text in sorted(sample.labels.items())])
    return f"{sample.name}{{{labels}}} {value}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _number(number: float) -> str:
    """Return a number as prometheus_client writes it: an exponent from a million on, as Go's %g does."""
    value = float(number)
    if not math.isfinite(value):
        return {math.inf: "+Inf", -math.inf: "-Inf"}.get(value, "NaN")
    text = repr(value)
    point = text.find(".")
    if value > 0 and point > 6:
        mantissa = f"{text[0]}.{text[1:point]}{text[point + 1 :]}".rstrip("0.")
        return f"{mantissa}e+{point - 1:02d}"
    return text
