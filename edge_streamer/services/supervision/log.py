"""The log lines about one source: the life of its process, and when the source is up, down or given up,
and its slate.

Called by the supervisor and the runner; `logs.events` has the words. `notes` logs what the source reports.
"""

import logging
from collections.abc import Sequence

from edge_streamer.logs.events import (
    SlateEnded,
    SlateFailed,
    SlateShown,
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
    """Logs the events of one source. `kind` is the kind of source, `streams` are the names of the streams it feeds."""

    def __init__(self, kind: str, streams: Sequence[str]) -> None:
        self._kind = kind
        self._streams = tuple(streams)

    def started(self, pid: int, *, has_failed: bool) -> None:
        """Log that the process was started, or started again if the source `has_failed` before."""
        happened = SourceRestarted if has_failed else SourceStarted
        log_event(log, happened(kind=self._kind, source_pid=pid, streams=self._streams))

    def up(self) -> None:
        """Log that frames arrive."""
        log_event(log, SourceUp(kind=self._kind, streams=self._streams))

    def down(self, reason: RestartReason, detail: str, retry_s: float) -> None:
        """Log that the source has failed and is started again in `retry_s` seconds."""
        happened = SourceStalled if reason is RestartReason.SILENT else SourceFailed
        kind, streams = self._kind, self._streams
        log_event(log, happened(kind=kind, streams=streams, reason=reason, retry_s=retry_s, detail=detail))

    def given_up(self, stream: str, no_frame_s: float, reason: str) -> None:
        """Log that `stream` had no frame for `no_frame_s` seconds and its sessions are ended."""
        log_event(log, StreamGivenUp(stream=stream, no_frame_s=no_frame_s, reason=reason))

    def slate_shown(self, stream: str, reason: str, size_bytes: int) -> None:
        """Log that viewers of `stream` get a slate from now on."""
        log_event(log, SlateShown(stream=stream, size_bytes=size_bytes, reason=reason))

    def slate_ended(self, stream: str, reason: str, frames: int) -> None:
        """Log that the slate of `stream` has ended after `frames` frames."""
        log_event(log, SlateEnded(stream=stream, reason=reason, frames=frames))

    def slate_failed(self, stream: str, reason: str) -> None:
        """Log why `stream` has no slate."""
        log_event(log, SlateFailed(stream=stream, reason=reason))

    def turned_off(self) -> None:
        """Log that the process is stopped because no stream of the source has a viewer."""
        log_event(log, SourceTurnedOff(streams=self._streams))

    def ended(self, exit_code: int) -> None:
        """Log that the process has ended as intended."""
        log_event(log, SourceEnded(streams=self._streams, exit_code=exit_code))

    def complained(self, line: str) -> None:
        """Log a line that the process wrote to its standard error."""
        log_event(log, SourceComplained(streams=self._streams, text=line))

    def ignores_commands(self) -> None:
        """Log that a command was lost. If the process hangs, the watchdog ends it."""
        log.warning("source does not read its commands streams=%s", ",".join(self._streams))
