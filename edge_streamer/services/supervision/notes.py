"""A source's notes as lines of the server's log: rate-limited, truncated, one line each.

Called by the supervisor. `output` and the supervisor act on a note; here it is only logged.
"""

import logging
from typing import Final

from edge_streamer.logs.events import SourceNoted, SourceWarned, log_event
from edge_streamer.logs.limits import LineBudget, printable
from edge_streamer.protocol.source.messages import SourceNote

log = logging.getLogger(__name__)

MAX_NOTE_CHARACTERS: Final = 512
"""A longer text of a note is truncated."""
_QUIET: Final = frozenset({"waiting", "dropped", "discarded"})
"""These may come many times a second, and are counted or timed instead of logged."""


class NoteLog:
    """Logs the notes of one source, within a rate limit."""

    def __init__(self, now: float) -> None:
        self._budget = LineBudget(now)

    def write(self, stream: str, note: SourceNote, now: float) -> None:
        """Log what `note` says of `stream`, unless it is a quiet one or the rate limit is reached."""
        event = event_of(note)
        if event not in _QUIET and self._budget.take(1, now):
            happened = SourceWarned if event == "warning" else SourceNoted
            log_event(log, happened(stream=stream, note=note.values))


def event_of(note: SourceNote) -> str:
    """Return the name of the note's event."""
    return str(note.values.get("event"))


def reason_of(note: SourceNote) -> str:
    """Return the reason that the note gives, as one line."""
    return shown(note.values.get("reason", "it did not say why"))


def shown(value: object) -> str:
    """Return what a source wrote as one printable line, truncated."""
    return printable(str(value)[:MAX_NOTE_CHARACTERS])
