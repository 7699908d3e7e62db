"""What the log tells of one source: its process's life, and when it is up, down or given up.

Called by the supervisor, which knows when; the words stand in `runtime.log_events`. What the source says of itself is
`notes`'.
"""

import logging
from collections.abc import Sequence

from edge_streamer.logs.events import (
    SourceComplained,
    SourceEnded,
    SourceFailed,
    SourceRestarted,
    SourceStalled,
    SourceStarted,
    SourceTurnedOff,
    SourceUp,
    StreamGivenUp,
    log_event,
)
from edge_streamer.services.status import RestartReason

log = logging.getLogger(__name__)


class SourceLog:
    """See the module. `kind` is the source's, `streams` are the names of what it feeds."""

    def __init__(self, kind: str, streams: Sequence[str]) -> None:
        self._kind = kind
        self._streams = tuple(streams)

    def started(self, pid: int, *, has_failed: bool) -> None:
        """Its process was started; again, if it `has_failed` before."""
        happened = SourceRestarted if has_failed else SourceStarted
        log_event(log, happened(kind=self._kind, source_pid=pid, streams=self._streams))

    def up(self) -> None:
        """Its frames arrive."""
        log_event(log, SourceUp(kind=self._kind, streams=self._streams))

    def down(self, reason: RestartReason, detail: str, retry_s: float) -> None:
        """It has failed, and is started again in `retry_s` seconds."""
        happened = SourceStalled if reason is RestartReason.SILENT else SourceFailed
        kind, streams = self._kind, self._streams
        log_event(log, happened(kind=kind, streams=streams, reason=reason, retry_s=retry_s, detail=detail))

    def given_up(self, stream: str, no_frame_s: float, reason: str) -> None:
        """One of its streams had no frame for that long, and its sessions are ended."""
        log_event(log, StreamGivenUp(stream=stream, no_frame_s=no_frame_s, reason=reason))

    def turned_off(self) -> None:
        """Nobody watches."""
        log_event(log, SourceTurnedOff(streams=self._streams))

    def ended(self, exit_code: int) -> None:
        """Its process has ended as it was to."""
        log_event(log, SourceEnded(streams=self._streams, exit_code=exit_code))

    def complained(self, line: str) -> None:
        """Its process wrote a line to its standard error."""
        log_event(log, SourceComplained(streams=self._streams, text=line))

    def ignores_commands(self) -> None:
        """A command was lost; a process that hangs is ended by the watchdog."""
        log.warning("source does not read its commands streams=%s", ",".join(self._streams))
