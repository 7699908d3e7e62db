"""`docs/logs.md`, made from the log's events. Run as a module, it writes the file."""

import dataclasses
import logging
from pathlib import Path
from typing import Final

from edge_streamer.logs.events import EVENTS
from edge_streamer.logs.fields import FIELDS, JOURNAL_NAMES, Event

PATH: Final = Path(__file__).parents[2] / "docs" / "logs.md"

_HEAD: Final = """# The log

One line an event, on standard error: time (UTC), level, what happened, and `key=value` fields. This file is generated
from `edge_streamer/logs/events.py`; do not edit it (`python -m tests.tools.log_docs` writes it).

```
2026-05-04T07:31:02.118Z INFO source up kind=picamera2 streams=main,sub
2026-05-04T07:31:09.470Z WARNING login failed protocol=rtsp peer=192.0.2.7 user=front-desk failures=1
2026-05-04T08:02:40.903Z ERROR stream given up stream=main no_frame_s=20.0 reason="ended with exit code 1"
```

- A value that is not one plain word stands in quotes, and what is not printable is escaped (`\\n`, `\\x1b`): nobody who
  sends us something can make up a line, or move your cursor. Lines of a traceback begin with two blanks.
- No password, no nonce, no `Authorization` is ever logged, at no level. A URL is shown as `rtsp://***@host/...`.
- Nothing is logged per frame. What peers and sources can cause is limited to a line a second and address, or twenty a
  second and source; what was left out is said with the next line, and the [metrics](metrics.md) count all of it.
- Nothing waits for the log: lines that nobody takes are dropped and counted, and that is said when there is room again.
- `--log-level` takes `debug`, `info` (at first), `warning` or `error`.

## Under systemd

The same line is the journal's message, and its fields are the journal's fields: upper case, and `USER_NAME` for `user`.
Each event has a `MESSAGE_ID` that never changes. `journalctl -x` explains each and says what to do.

```
journalctl -u edge_streamer -f                              # as it happens
journalctl -u edge_streamer SESSION=9C1A5B0277D0E4F3        # one session, from its beginning to its end
journalctl -u edge_streamer STREAM=main -p warning          # what went wrong with one stream
journalctl -u edge_streamer REASON=backlog REASON=stalled   # sessions that ended for either reason
journalctl MESSAGE_ID=b3e949f584f448a6ac92a57def381b95 -o json --output-fields=PEER,REASON,DURATION_S --since today
journalctl -u edge_streamer -F REASON                       # all reasons there have been
```

Where the journal cannot be reached the lines go to standard error with their priority before them (`<4>`).

"""


def log_reference() -> str:
    """Return the whole text of `docs/logs.md`."""
    events = "".join(map(_row, EVENTS))
    fields = "".join(f"| `{name}` | `{_journal_name(name)}` | {meaning} |\n" for name, meaning in FIELDS.items())
    return (
        f"{_HEAD}## Events\n\n"
        f"| line begins with | level | means | fields | MESSAGE_ID |\n|---|---|---|---|---|\n{events}\n"
        f"## Fields\n\n| field | in the journal | means |\n|---|---|---|\n{fields}"
    )


def _row(event: type[Event]) -> str:
    names = ", ".join(f"`{field.name}`" for field in dataclasses.fields(event))
    level = logging.getLevelName(event.level).lower()
    return f"| `{event.words}` | {level} | {event.__doc__} | {names} | `{event.message_id}` |\n"


def _journal_name(name: str) -> str:
    return JOURNAL_NAMES.get(name, name.upper())


def main() -> None:
    """Write the file."""
    PATH.write_text(log_reference(), encoding="utf-8")


if __name__ == "__main__":
    main()
