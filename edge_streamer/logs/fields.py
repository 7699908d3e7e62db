"""Fields of log events: each name means one thing everywhere, on a line and in the journal.

`events` defines the events, and other modules import that; `journal` asks an event for its fields; `text` formats
values.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import ClassVar, Final

from edge_streamer.logs.text import escaped, key_values, value_text

FIELDS: Final[Mapping[str, str]] = {
    "backlog_age_s": "age of the oldest byte that waited for the viewer, seconds",
    "backlog_bytes": "what waited for the viewer",
    "client": "family of the client: ffmpeg, gstreamer, vlc, ...",
    "detail": "what is wrong, in words",
    "duration_s": "how long it lasted, seconds",
    "exit_code": "of the source's process; negative: the signal that ended it",
    "failures": "wrong log-ins from this address since it was last quiet for a minute",
    "frames": "how many were sent",
    "handler": "what of ours failed",
    "http": "addresses that HTTP is served on",
    "kind": "kind of the source (testpattern, picamera2, v4l2, file), or of the mistake",
    "needs_restart": "configuration keys that wait for a restart of the service",
    "no_frame_s": "how long there was no frame, seconds",
    "note": "what the source says, each of its keys by itself; in the journal only in the message",
    "pause_s": "how long nobody is accepted, seconds",
    "peer": "address of the other side, with its port where it is known",
    "protocol": "rtsp or http",
    "reason": "why; of a session one of the closed set in docs/metrics.md",
    "retry_s": "when the source is started again, seconds from now",
    "rtsp": "addresses that RTSP is served on",
    "sent_bytes": "what the viewer was sent",
    "session": "id of the RTSP session",
    "signal": "what told the service to end",
    "size_bytes": "of the picture",
    "source_pid": "process id of the source",
    "stream": "name of the stream",
    "streams": "names of the streams; in the journal one STREAM each",
    "text": "what the source's process wrote to its standard error",
    "transport": "tcp, udp or multicast",
    "user": "who is logged in, or tried to",
    "version": "of edge_streamer",
    "withheld": "mistakes of this address that were not logged since the last line",
}
"""Every field that an event may have, and what it means."""
JOURNAL_NAMES: Final = {"streams": "STREAM", "user": "USER_NAME"}
"""Fields whose journal name is not their own name in upper case."""


@dataclass(frozen=True, slots=True)
class Event:
    """The base of all events. `str(event)` is its line; a field that is None is left out."""

    words: ClassVar[str]
    message_id: ClassVar[str]
    level: ClassVar[int] = logging.INFO

    def __str__(self) -> str:
        pairs = [pair for key, value in self._known() for pair in _flat(key, value)]
        return f"{self.words} {key_values(pairs)}"

    def journal_fields(self) -> Iterator[tuple[str, str]]:
        """Return names and values for the journal; a field with several values comes several times."""
        for key, value in self._known():
            if not isinstance(value, Mapping):  # its keys are others' words
                name = JOURNAL_NAMES.get(key, key.upper())
                for each in value if isinstance(value, tuple) else (value,):
                    yield name, escaped(value_text(each))

    def _known(self) -> Iterator[tuple[str, object]]:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None:
                yield field.name, value


def _flat(key: str, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        yield from value.items()
    else:
        yield key, value
