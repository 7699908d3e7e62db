"""What a metric family is, and the few ways to read its samples from a `ServiceStatus`.

`services.metrics.table` is built from these functions. The module renders nothing and holds no state.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final, TypeVar

from edge_streamer.services.status import Histogram, ServiceStatus, SessionStatus, StreamStatus

PREFIX: Final = "edge_streamer_"
MAX_EXPORTED_SESSIONS: Final = 64
"""Sessions with series of their own, fifteen each: this keeps a scrape near 1,000 series and a few milliseconds."""

Sample = tuple[tuple[str, ...], float | Histogram]
"""The label values, in the order of the family's labels, and the value."""
Read = Callable[[ServiceStatus], Iterable[Sample]]

_Value = TypeVar("_Value", bound=str)


class MetricKind(StrEnum):
    """The OpenMetrics types in use."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class MetricFamily:
    """One family. `name` excludes `PREFIX` and includes the suffix that queries use (`_total`, `_info`)."""

    name: str
    kind: MetricKind
    help: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StatusFamily(MetricFamily):
    """A family whose samples come from a `ServiceStatus`."""

    read: Read


def exported_sessions(status: ServiceStatus) -> tuple[SessionStatus, ...]:
    """Return the sessions that get series of their own: those in the lowest slots."""
    return status.sessions[:MAX_EXPORTED_SESSIONS]


@dataclass(frozen=True, slots=True)
class Samples:
    """The labels of a family, and the function that reads its samples."""

    labels: tuple[str, ...]
    read: Read


def one(value: Callable[[ServiceStatus], float | Histogram]) -> Samples:
    """Read one value of the whole service."""
    return Samples((), lambda status: [((), value(status))])


def by_label(
    label: str, counts: Callable[[ServiceStatus], Mapping[_Value, int]], known: Iterable[_Value] = ()
) -> Samples:
    """Read counts by one label; each of the `known` values is exported as 0 before it occurs."""
    zeros = dict.fromkeys(known, 0)

    def read(status: ServiceStatus) -> Iterable[Sample]:
        return [((str(value),), count) for value, count in sorted({**zeros, **counts(status)}.items())]

    return Samples((label,), read)


def if_known(value: Callable[[ServiceStatus], float | None]) -> Samples:
    """Read one value of the whole service, if there is one."""
    return Samples((), lambda status: [((), sample)] if (sample := value(status)) is not None else [])


def by_stream(value: Callable[[StreamStatus], float | Histogram | None]) -> Samples:
    """Read a value of each stream that has one."""

    def read(status: ServiceStatus) -> Iterable[Sample]:
        return [((stream.name,), sample) for stream in status.streams if (sample := value(stream)) is not None]

    return Samples(("stream",), read)


def by_stream_and_reason(counts: Callable[[StreamStatus], Mapping[str, int]], known: Iterable[str]) -> Samples:
    """Read counts of each stream by reason; each of the `known` reasons is exported as 0 before it occurs."""
    zeros = {str(reason): 0 for reason in known}

    def read(status: ServiceStatus) -> Iterable[Sample]:
        for stream in status.streams:
            for reason, count in sorted({**zeros, **counts(stream)}.items()):
                yield (stream.name, str(reason)), count

    return Samples(("stream", "reason"), read)


def by_slot(value: Callable[[SessionStatus], float | None]) -> Samples:
    """Read a value of each exported session that has one."""

    def read(status: ServiceStatus) -> Iterable[Sample]:
        sessions = exported_sessions(status)
        return [(slot_labels(session.slot), sample) for session in sessions if (sample := value(session)) is not None]

    return Samples(("slot",), read)


@lru_cache(maxsize=1024)
def slot_labels(slot: int) -> tuple[str]:
    """Return the slot as label values; cached, since a scrape needs them in a dozen families."""
    return (str(slot),)


def counter(name: str, help_text: str, samples: Samples) -> StatusFamily:
    """Return a counter."""
    return StatusFamily(name, MetricKind.COUNTER, help_text, samples.labels, samples.read)


def gauge(name: str, help_text: str, samples: Samples) -> StatusFamily:
    """Return a gauge."""
    return StatusFamily(name, MetricKind.GAUGE, help_text, samples.labels, samples.read)


def histogram(name: str, help_text: str, samples: Samples) -> StatusFamily:
    """Return a histogram."""
    return StatusFamily(name, MetricKind.HISTOGRAM, help_text, samples.labels, samples.read)


def info(name: str, help_text: str, samples: Samples) -> StatusFamily:
    """Return an info family: its value is always 1, its labels carry the information."""
    return StatusFamily(name, MetricKind.INFO, help_text, samples.labels, samples.read)
