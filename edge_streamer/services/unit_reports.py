"""What the service reports to systemd, and when: sd_notify(3) defines the messages, this module is the policy.

READY     when each wanted stream has had a frame, but 10 s after the start in any case: an unplugged camera must not
          keep the viewers of other streams waiting, and is no reason to kill the service.
STATUS    one line: streams, sessions, frame rate. It is made every 5 s and sent when it has changed.
WATCHDOG  three times in WatchdogSec=, while loop and frames are healthy. The loop is healthy when it turns: the reports
          are timers of the loop, so a loop that hangs, or spends all that time in one turn, sends none. Frames are
          healthy when each wanted source delivers them or is being recovered: its next start, the next check for
          frames or the end of its process is pending. A missing camera is tried again without limit and shown by
          /healthz, metrics and STATUS; a restart of the service would end all sessions and bring it back no sooner.
          Only a source for which nothing is pending needs a restart (`is_stuck`).
STOPPING  as soon as the service begins to end.
RELOADING while the configuration is read again; READY ends it.

No report waits, so no time-out needs to be extended (EXTEND_TIMEOUT_USEC). `app` makes the reporter where systemd has
started the service; `device.systemd` sends.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from edge_streamer.device.systemd import Notifier
from edge_streamer.logs.events import WatchdogWithheld, log_event
from edge_streamer.runtime.loop import Loop
from edge_streamer.services.status import StreamStatus

log = logging.getLogger(__name__)

READY_WITHIN_S: Final = 10.0
FIRST_FRAMES_LOOK_S: Final = 0.1
STATUS_INTERVAL_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class UnitState:
    """The values that reports are made of. `stuck` names the streams that only a restart of the service could bring
    back."""

    streams: tuple[StreamStatus, ...]
    sessions: int
    stuck: tuple[str, ...] = ()


class UnitReporter:
    """Sends the service's reports through `notifier`. `observe` returns the present state."""

    def __init__(self, loop: Loop, notifier: Notifier, observe: Callable[[], UnitState]) -> None:
        self._loop = loop
        self._notifier = notifier
        self._observe = observe
        self._started_at = loop.now()
        self._is_ready = False
        self._is_leaving = False
        self._reloads = 0  # begun and not ended
        self._suspects: frozenset[str] = frozenset()
        self._is_withheld = False
        self._status = ""
        self._counted_frames = 0
        self._counted_at = self._started_at

    # --- orders

    def start(self) -> None:
        """Report from now on. Called when the sources have been started."""
        self._started_at = self._counted_at = self._loop.now()
        self._await_first_frames()
        self._loop.call_later(STATUS_INTERVAL_S, self._refresh_status)
        if self._notifier.interval_s is not None:
            self._feed_watchdog(self._notifier.interval_s)

    def begin_reload(self) -> None:
        """Report a reload. Called before the configuration is read again; each call needs an `end_reload`."""
        self._reloads += 1
        if self._is_ready and not self._is_leaving:  # before READY, the READY that ends a reload would come too early
            self._notifier.reloading(self._loop.now())

    def end_reload(self) -> None:
        """End a reload, applied or refused; the end of the last open one is reported."""
        self._reloads -= 1
        if not self._reloads and self._is_ready and not self._is_leaving:
            self._notifier.ready()

    def leave(self) -> None:
        """Report that the service ends."""
        self._is_leaving = True
        self._notifier.stopping()
        self._tell("leaving")

    def close(self) -> None:
        """Close the notifier; nothing is reported any more."""
        self._notifier.close()

    # --- ready

    def _await_first_frames(self) -> None:
        if self._is_leaving:
            return
        state = self._observe()
        missing = [stream.name for stream in state.streams if stream.is_wanted and not stream.frames]
        if not missing or self._loop.now() - self._started_at >= READY_WITHIN_S:
            self._is_ready = self._notifier.ready()
            self._tell(self._status_line(state))
        else:
            self._tell(f"waiting for the first frame of {', '.join(missing)}")
        if not self._is_ready:
            self._loop.call_later(FIRST_FRAMES_LOOK_S, self._await_first_frames)

    # --- status

    def _refresh_status(self) -> None:
        self._loop.call_later(STATUS_INTERVAL_S, self._refresh_status)
        line = self._status_line(self._observe())
        if self._is_ready and not self._is_leaving:
            self._tell(line)

    def _tell(self, status: str) -> None:
        if status != self._status and self._notifier.status(status):
            self._status = status

    def _status_line(self, state: UnitState) -> str:
        frames_per_s = self._count_frames(sum(stream.frames for stream in state.streams))
        sessions = f"{state.sessions} session{'' if state.sessions == 1 else 's'}"
        return f"{_shown_streams(state.streams)}, {sessions}, {frames_per_s:.0f} frames/s"

    def _count_frames(self, frames: int) -> float:
        """Return the rate since the last call."""
        now = self._loop.now()
        count, seconds = frames - self._counted_frames, now - self._counted_at
        self._counted_frames, self._counted_at = frames, now
        return max(0, count) / seconds if seconds > 0 else 0.0  # fewer: a stream was removed

    # --- watchdog

    def _feed_watchdog(self, interval_s: float) -> None:
        self._loop.call_later(interval_s, lambda: self._feed_watchdog(interval_s))
        suspects, self._suspects = self._suspects, frozenset(self._observe().stuck)
        stuck = suspects & self._suspects  # twice in a row: a source that starts in this very turn is not stuck
        if not stuck:
            self._notifier.watchdog()
        elif not self._is_withheld:
            log_event(log, WatchdogWithheld(streams=tuple(sorted(stuck))))
        self._is_withheld = bool(stuck)


def _shown_streams(streams: tuple[StreamStatus, ...]) -> str:
    wanted = [stream for stream in streams if stream.is_wanted]
    down = [f"{stream.name}: {stream.reason}" for stream in wanted if not stream.is_up]
    parts = [f"{len(wanted) - len(down)} of {len(wanted)} streams up"]
    if len(wanted) < len(streams):
        parts.append(f"{len(streams) - len(wanted)} on demand")
    return ", ".join(parts) + (f" ({'; '.join(down)})" if down else "")
