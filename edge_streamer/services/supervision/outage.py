"""The outage of one stream: its viewers get a slate, a still picture that says why there is none. One table of states.

    CLEAR      The source gives pictures, or none is due: the source is off, or is just being started.
    PREPARING  A picture is overdue; a process encodes the slate. Viewers get nothing yet.
    SHOWN      The slate is sent once a second, as a key frame, until the source's next key frame.
    SILENT     No slate can be encoded (PyAV is missing, say). Viewers get nothing; another try follows.
    OVER       The supervisor was stopped.

MISSED comes with every survey that finds a picture overdue (`output.misses_picture`). At most one process encodes, and
a process is started at the earliest `START_INTERVAL_S` after the last one, or `RETRY_S` after a failure: until then
MISSED changes nothing, however often the source flaps. While the slate is SHOWN and the reason changes, or the system's
clock is set (a board without a battery-backed one starts in the past), another slate is encoded and takes its place; if
that fails, the old one stays.

RETURNED is the source's first frame that is sent to viewers: while the slate is SHOWN, a key frame (`media.track`).
OFF means that an on-demand source has no viewer any more. docs/states.md is drawn from the table, and a test compares
the two.

The slate is no frame of the source: it goes out on the stream's timeline, but no status, watchdog, snapshot or rate
counts it. Held by `output`.
"""

import time
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from edge_streamer.codec.frame import CLOCK_HZ, EncodedFrame
from edge_streamer.media.stream import Stream
from edge_streamer.runtime.loop import Loop, Timer
from edge_streamer.services.supervision.log import SourceLog
from edge_streamer.services.supervision.slate import SLATE_FPS, SlateProcess
from edge_streamer.services.supervision.spec import SourceSpec

START_INTERVAL_S: Final = 5.0
"""A source that flaps must not have a slate encoded each time."""
RETRY_S: Final = 60.0
"""What is not installed is not installed a second later; memory may be free again after a minute."""
MAX_DATE_ERROR_S: Final = 60.0
"""A slate whose date is wrong by more, because the clock was set, is replaced."""


class OutageState(StrEnum):
    """What the viewers get when the source gives no picture."""

    CLEAR = "clear"
    PREPARING = "preparing"
    SHOWN = "shown"
    SILENT = "silent"
    OVER = "over"


class OutageEvent(StrEnum):
    """What happens to an outage."""

    MISSED = "missed"
    MADE = "made"
    FAILED = "failed"
    RETURNED = "returned"
    OFF = "off"
    STOP = "stop"


_S, _E = OutageState, OutageEvent
TRANSITIONS: Final = {
    (_S.CLEAR, _E.MISSED): _S.PREPARING,
    (_S.CLEAR, _E.STOP): _S.OVER,
    (_S.PREPARING, _E.MADE): _S.SHOWN,
    (_S.PREPARING, _E.FAILED): _S.SILENT,
    (_S.PREPARING, _E.RETURNED): _S.CLEAR,
    (_S.PREPARING, _E.OFF): _S.CLEAR,
    (_S.PREPARING, _E.STOP): _S.OVER,
    (_S.SHOWN, _E.RETURNED): _S.CLEAR,
    (_S.SHOWN, _E.OFF): _S.CLEAR,
    (_S.SHOWN, _E.STOP): _S.OVER,
    (_S.SILENT, _E.MISSED): _S.PREPARING,
    (_S.SILENT, _E.RETURNED): _S.CLEAR,
    (_S.SILENT, _E.OFF): _S.CLEAR,
    (_S.SILENT, _E.STOP): _S.OVER,
}

SpecOf = Callable[[str, float], SourceSpec]
"""Makes the slate's specification of the reason and the Unix time since when; ValueError when there can be no slate."""


class Outage:
    """The outages of `stream`, one after the other. With `is_enabled` false there is never a slate. `on_silent` is
    called when it turns out that there will be none for now."""

    def __init__(
        self,
        loop: Loop,
        stream: Stream,
        log: SourceLog,
        spec_of: SpecOf,
        on_silent: Callable[[], None],
        *,
        is_enabled: bool,
    ) -> None:
        self.state = OutageState.CLEAR
        self._loop = loop
        self._stream = stream
        self._log = log
        self._spec_of = spec_of
        self._on_silent = on_silent
        self._is_enabled = is_enabled
        self._process: SlateProcess | None = None
        self._start_from = 0.0  # when the next process may be started
        self._reason = ""  # what the newest slate says, or was to say
        self._since_wall_s = 0.0  # the same
        self._failure = ""  # the last that was logged
        self._pictures: tuple[EncodedFrame, ...] = ()
        self._sent = 0  # in this outage
        self._timer: Timer | None = None

    @property
    def is_shown(self) -> bool:
        """Whether viewers get the slate."""
        return self.state is OutageState.SHOWN

    @property
    def will_be_shown(self) -> bool:
        """Whether viewers get the slate now, or will if the source stays away."""
        return self._is_enabled and self.state not in (OutageState.SILENT, OutageState.OVER)

    # --- what happens

    def miss(self, reason: str, since: float) -> None:
        """Note that a picture is overdue, since `since` of the loop's clock; `reason` says why."""
        now = self._loop.now()
        if not self._is_enabled or self._process is not None or now < self._start_from:
            return
        since_wall_s = time.time() - (now - since)
        if self._move(OutageEvent.MISSED) or (self.is_shown and self._is_outdated(reason, since_wall_s)):
            self._prepare(reason, since_wall_s)

    def _is_outdated(self, reason: str, since_wall_s: float) -> bool:
        return reason != self._reason or abs(since_wall_s - self._since_wall_s) > MAX_DATE_ERROR_S

    def on_returned(self) -> None:
        """Note that a frame of the source was sent to viewers."""
        self._finish(OutageEvent.RETURNED)

    def on_off(self) -> None:
        """Note that the source is off: the next viewer waits for its picture, and does not start with the slate."""
        self._finish(OutageEvent.OFF)
        self._stream.track.slate_sets = None

    def stop(self) -> None:
        """End for good; a slate process that runs is ended."""
        self._finish(OutageEvent.STOP)

    def _move(self, event: OutageEvent) -> bool:
        before, self.state = self.state, TRANSITIONS.get((self.state, event), self.state)
        return self.state is not before

    def _finish(self, event: OutageEvent) -> None:
        was_shown = self.is_shown
        if not self._move(event):
            return
        if self._process is not None:
            self._process.cancel()
            self._process = None
        if self._timer is not None:
            self._timer.cancel()
        if was_shown:
            self._log.slate_ended(self._stream.name, str(event), self._sent)
        self._pictures, self._sent = (), 0

    # --- the process

    def _prepare(self, reason: str, since_wall_s: float) -> None:
        self._reason, self._since_wall_s = reason, since_wall_s
        self._start_from = self._loop.now() + START_INTERVAL_S
        try:
            spec = self._spec_of(reason, since_wall_s)
            self._process = SlateProcess(self._loop, spec, self._log, self._on_made, self._on_failed)
        except (ValueError, OSError) as error:
            self._on_failed(str(error))

    def _on_made(self, pictures: tuple[EncodedFrame, ...]) -> None:
        self._process = None
        self._pictures = pictures
        self._failure = ""
        if self._move(OutageEvent.MADE):
            self._log.slate_shown(self._stream.name, self._reason, len(pictures[0].data))
            self._send()

    def _on_failed(self, failure: str) -> None:
        self._process = None
        self._start_from = self._loop.now() + RETRY_S
        if failure != self._failure:
            self._failure = failure
            self._log.slate_failed(self._stream.name, failure)
        if self._move(OutageEvent.FAILED):
            self._on_silent()

    # --- the slate

    def _send(self) -> None:
        self._timer = self._loop.call_later(1.0 / SLATE_FPS, self._send)
        now = self._loop.now()
        picture = self._pictures[self._sent % len(self._pictures)]
        self._sent += 1
        media_time, wall_ns = round(now * CLOCK_HZ), time.time_ns()
        self._stream.publish(EncodedFrame(picture.data, True, media_time, wall_ns, is_slate=True), now)
