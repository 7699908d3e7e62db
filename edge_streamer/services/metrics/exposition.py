"""Prometheus exposition: the status of the service in, the bytes of a scrape out.

Called on the loop by `services.api.status`, so it must be quick. Every scrape is made from one new status: no value is
cached, no gauge is mutated, and the series of a session disappear with it. `services.metrics.table` decides what is
exported, `services.metrics.text` how it is written.
"""

import gzip
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from prometheus_client import ProcessCollector
from prometheus_client.exposition import choose_encoder

from edge_streamer.services.metrics.table import COLLECTOR_ERRORS, COLLECTOR_SECONDS, STATUS_FAMILIES
from edge_streamer.services.metrics.text import TextFormat, write_families, write_metrics
from edge_streamer.services.status import ServiceStatus, TakeStatus

_log = logging.getLogger(__name__)

_GZIP_LEVEL: Final = 1
"""A scrape shrinks about ninefold at the lowest level already, and the loop waits for it."""
_COLLECTOR_LABELS: Final = ("service",)


@dataclass(frozen=True, slots=True)
class Collected:
    """A status, None when it could not be taken, and how many seconds taking it took."""

    status: ServiceStatus | None
    seconds: float


class ServiceCollector:
    """Every family under the prefix, read from the status that `take_status` returns.

    When the status cannot be taken, the failure is counted and logged, and the scrape still has the two families of the
    collector. `clock` returns monotonic seconds.
    """

    def __init__(self, take_status: TakeStatus, *, clock: Callable[[], float] = time.perf_counter) -> None:
        self._take_status = take_status
        self._clock = clock
        self._errors = 0

    def collect(self) -> Collected:
        """Take the status."""
        started_s = self._clock()
        try:
            status = self._take_status()
        except Exception:  # noqa: BLE001 - counted and logged; half a scrape is better than none
            self._note_failure()
            status = None
        return Collected(status, self._clock() - started_s)

    def write(self, collected: Collected, text_format: TextFormat) -> str:
        """Return all families of that status as text."""
        started_s = self._clock()
        text = self._service_text(collected.status, text_format)
        own = (
            (COLLECTOR_SECONDS, [(_COLLECTOR_LABELS, collected.seconds + self._clock() - started_s)]),
            (COLLECTOR_ERRORS, [(_COLLECTOR_LABELS, self._errors)]),
        )
        return text + write_families(own, text_format)

    def _service_text(self, status: ServiceStatus | None, text_format: TextFormat) -> str:
        if status is None:
            return ""
        try:
            return write_families(((family, family.read(status)) for family in STATUS_FAMILIES), text_format)
        except Exception:  # noqa: BLE001 - as above
            self._note_failure()
            return ""

    def _note_failure(self) -> None:
        self._errors += 1
        _log.exception("collecting the metrics failed")


@dataclass(frozen=True, slots=True)
class Exposition:
    """The body of one scrape. `content_encoding` is empty or "gzip"."""

    body: bytes
    content_type: str
    content_encoding: str = ""


class MetricsExposition:
    """The families of the service and of its process, in the format that a scraper asks for."""

    def __init__(self, collector: ServiceCollector) -> None:
        self._collector = collector
        self._process = ProcessCollector(registry=None)

    def collect(self) -> Collected:
        """Take the status for `render`, which is called in a later turn: so no frame has to wait for both."""
        return self._collector.collect()

    def render(self, collected: Collected, accept: str, accept_encoding: str = "") -> Exposition:
        """Return a scrape for these request headers: OpenMetrics if asked for, else the classic text format."""
        text_format, content_type = _negotiate(accept)
        end = "# EOF\n" if text_format is TextFormat.OPENMETRICS else ""
        process_text = write_metrics(self._process.collect(), text_format)
        body = f"{self._collector.write(collected, text_format)}{process_text}{end}".encode()
        if not _accepts_gzip(accept_encoding):
            return Exposition(body, content_type)
        return Exposition(gzip.compress(body, _GZIP_LEVEL, mtime=0), content_type, "gzip")


def _negotiate(accept: str) -> tuple[TextFormat, str]:
    try:
        _write, content_type = choose_encoder(accept)
    except TypeError:
        # prometheus_client 0.26 compares a version that is not a number with numbers.
        _write, content_type = choose_encoder("")
    for renaming in ("escaping=dots", "escaping=values"):
        # No name here needs escaping, but these two schemes would change the names nevertheless. Scrapers ask for them
        # only when configured to; the content type names the scheme that is sent instead.
        content_type = content_type.replace(renaming, "escaping=underscores")
    is_openmetrics = content_type.startswith(TextFormat.OPENMETRICS.value)
    return TextFormat.OPENMETRICS if is_openmetrics else TextFormat.CLASSIC, content_type


def _accepts_gzip(accept_encoding: str) -> bool:
    """Whether "gzip" is listed and not refused by a weight of zero (RFC 9110 section 12.5.3)."""
    for coding in accept_encoding.lower().split(","):
        name, _, weight = coding.partition(";")
        if name.strip() == "gzip":
            return weight.replace(" ", "").rstrip("0.") != "q="
    return False
