"""Prometheus exposition: a snapshot of the service in, the bytes of a scrape out.

Called on the loop by `services.http`, so it must be quick. Every scrape is made afresh from one snapshot: nothing is
cached, no gauge is mutated, and the series of a session that ended are gone with it. What is exported is decided by
`services.metrics_table`.
"""

import gzip
import logging
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from edge_streamer.services.exposition_text import write_classic, write_openmetrics
from edge_streamer.services.metrics_table import (
    COLLECTOR_ERRORS,
    COLLECTOR_SECONDS,
    PREFIX,
    STATUS_FAMILIES,
    MetricFamily,
    MetricKind,
    Sample,
)
from edge_streamer.services.status import Histogram, ServiceStatus

_log = logging.getLogger(__name__)

_GZIP_LEVEL: Final = 1
"""A scrape shrinks about ninefold at the lowest level already, and the loop waits for it."""
_RENAMING: Final = ("escaping=dots", "escaping=values")
"""Escaping schemes that change even plain names; no Prometheus asks for them unless configured to."""


class ServiceCollector(Collector):
    """Every family under the prefix, read from the snapshot that `take_snapshot` returns.

    A snapshot that fails costs the scrape its contents and not the scrape: the failure is counted and logged, and
    the collector's own two families are still there. `clock` is monotonic seconds.
    """

    def __init__(
        self, take_snapshot: Callable[[], ServiceStatus], *, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._take_snapshot = take_snapshot
        self._clock = clock
        self._errors = 0

    def describe(self) -> Iterable[Metric]:
        """Return nothing: without this method, registering would take a snapshot to learn the names."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Return all families, made from one snapshot."""
        started_s = self._clock()
        try:
            status = self._take_snapshot()
            metrics = [_metric(family, family.read(status)) for family in STATUS_FAMILIES]
        except Exception:  # noqa: BLE001 - counted and logged; half a scrape says more than none
            self._errors += 1
            _log.exception("collecting the metrics failed")
            metrics = []
        labels = ("service",)
        metrics.append(_metric(COLLECTOR_SECONDS, [(labels, self._clock() - started_s)]))
        metrics.append(_metric(COLLECTOR_ERRORS, [(labels, self._errors)]))
        return metrics


@dataclass(frozen=True, slots=True)
class Exposition:
    """One scrape, written out. `content_encoding` is empty or "gzip"."""

    body: bytes
    content_type: str
    content_encoding: str = ""


class MetricsExposition:
    """The service's families and the process's, in whatever format a scraper asks for."""

    def __init__(self, collector: ServiceCollector) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(collector)
        ProcessCollector(registry=self._registry)

    def render(self, accept: str, accept_encoding: str = "") -> Exposition:
        """Return a scrape for these two request headers: OpenMetrics if asked for, else the classic text format."""
        write, content_type = _negotiate(accept)
        body = write(self._registry)
        if not _accepts_gzip(accept_encoding):
            return Exposition(body, content_type)
        return Exposition(gzip.compress(body, _GZIP_LEVEL, mtime=0), content_type, "gzip")


def _negotiate(accept: str) -> tuple[Callable[[Collector], bytes], str]:
    try:
        library_write, content_type = choose_encoder(accept)
    except TypeError:
        # prometheus_client 0.26 compares a version that is not a number with numbers.
        return _write_classic, choose_encoder("")[1]
    if content_type.endswith(_RENAMING):
        return library_write, content_type
    is_openmetrics = content_type.startswith("application/openmetrics-text")
    return _write_openmetrics if is_openmetrics else _write_classic, content_type


def _write_classic(registry: Collector) -> bytes:
    return write_classic(registry.collect())


def _write_openmetrics(registry: Collector) -> bytes:
    return write_openmetrics(registry.collect())


def _accepts_gzip(accept_encoding: str) -> bool:
    """Whether "gzip" is listed and not refused by a weight of zero (RFC 9110 section 12.5.3)."""
    for coding in accept_encoding.lower().split(","):
        name, _, weight = coding.partition(";")
        if name.strip() == "gzip":
            return weight.replace(" ", "").rstrip("0.") != "q="
    return False


def _metric(family: MetricFamily, samples: Iterable[Sample]) -> Metric:
    name = PREFIX + family.name
    match family.kind:
        case MetricKind.COUNTER:
            counter = CounterMetricFamily(name, family.help, labels=family.labels)
            for labels, value in samples:
                counter.add_metric(labels, _number(value))
            return counter
        case MetricKind.GAUGE:
            gauge = GaugeMetricFamily(name, family.help, labels=family.labels)
            for labels, value in samples:
                gauge.add_metric(labels, _number(value))
            return gauge
        case MetricKind.INFO:
            info = InfoMetricFamily(name.removesuffix("_info"), family.help, labels=family.labels)
            for labels, _one in samples:
                info.add_metric(labels, {})
            return info
        case MetricKind.HISTOGRAM:
            histogram = HistogramMetricFamily(name, family.help, labels=family.labels)
            for labels, value in samples:
                _add_histogram(histogram, labels, value)
            return histogram


def _number(value: float | Histogram) -> float:
    if isinstance(value, Histogram):
        raise TypeError("a histogram in a family of numbers")
    return float(value)


def _add_histogram(metric: HistogramMetricFamily, labels: Sequence[str], value: float | Histogram) -> None:
    if not isinstance(value, Histogram):
        raise TypeError("a number in a family of histograms")
    bounds = ["+Inf" if math.isinf(bound_s) else repr(float(bound_s)) for bound_s in value.bounds_s]
    metric.add_metric(labels, list(zip(bounds, value.counts, strict=True)), value.sum_s)
