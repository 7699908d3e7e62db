"""What a source says of itself, as lines of our log: so many, so long, and each really one line.

Called by the supervisor. What a note means is `output`'s and the supervisor's.
"""

import logging
from typing import Final

from edge_streamer.logs.events import SourceNoted, SourceWarned, log_event
from edge_streamer.logs.limits import LineBudget, printable
from edge_streamer.protocol.source.messages import SourceNote

log = logging.getLogger(__name__)

MAX_NOTE_CHARACTERS: Final = 512
"""As much of a note as is kept and shown."""
_QUIET: Final = frozenset({"waiting", "dropped", "discarded"})
"""They may come many times a second, and are counted instead."""


class NoteLog:
    """One source's notes in the log."""

    def __init__(self, now: float) -> None:
        self._budget = LineBudget(now)

    def write(self, stream: str, note: SourceNote, now: float) -> None:
        """Log what `note` says of `stream`, if it is for the log and there is room."""
        event = event_of(note)
        if event not in _QUIET and self._budget.take(1, now):
            happened = SourceWarned if event == "warning" else SourceNoted
            log_event(log, happened(stream=stream, note=note.values))


def event_of(note: SourceNote) -> str:
    """Return what happened."""
    return str(note.values.get("event"))


def reason_of(note: SourceNote) -> str:
    """Return the reason that the note gives, as one line."""
    return shown(note.values.get("reason", "it did not say why"))


def shown(value: object) -> str:
    """Return what a source wrote as one line that is not too long."""
    return printable(str(value)[:MAX_NOTE_CHARACTERS])
