"""`docs/metrics.md`, made from the table of metric families. Run as a module, it writes the file."""

from pathlib import Path
from typing import Final

from edge_streamer.services.metrics.families import PREFIX, MetricFamily
from edge_streamer.services.metrics.table import FAMILIES
from edge_streamer.services.status import EndReason

PATH: Final = Path(__file__).parents[2] / "docs" / "metrics.md"

_HEAD: Final = f"""# Metrics

What `/metrics` exports. This file is generated from `edge_streamer/services/metrics/table.py`; do not edit it
(`python -m tests.tools.metrics_docs` writes it).

All names begin with `{PREFIX}`. The exposition is OpenMetrics 1.0 where the scraper asks for it, the Prometheus text
format 0.0.4 otherwise. The process's own memory, processor time and descriptors are exported as `process_*`.

- `stream` is a stream's name, also where the metric counts what its source did.
- `slot` is a small number that a session holds while it lasts and the next one takes over; counters by slot go on
  counting over all its occupants, so `rate()` stays right, and `session_info` says who sits in the slot now.
  Join them: `rate({PREFIX}session_sent_bytes_total[1m]) * on (instance, slot) group_left (peer_ip, client, stream)
  {PREFIX}session_info`.
- A counter is absent only where its label's values are not known before they occur.

"""


def metrics_reference() -> str:
    """Return the whole text of `docs/metrics.md`."""
    rows = "".join(_row(family) for family in FAMILIES)
    reasons = "".join(f"- `{reason}`\n" for reason in EndReason)
    return (
        f"{_HEAD}| name | kind | labels | meaning |\n|---|---|---|---|\n{rows}\n"
        f"## Reasons of `sessions_ended_total`\n\n{reasons}"
    )


def _row(family: MetricFamily) -> str:
    labels = ", ".join(f"`{label}`" for label in family.labels)
    return f"| `{family.name}` | {family.kind} | {labels} | {family.help} |\n"


def main() -> None:
    """Write the file."""
    PATH.write_text(metrics_reference(), encoding="utf-8")


if __name__ == "__main__":
    main()
