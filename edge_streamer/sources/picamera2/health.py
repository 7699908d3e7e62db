"""Whether the camera and its encoders still work: a watch for missing frames, and a hook for threads that die.

picamera2 reports nothing when its event loop dies, an encoder stalls or the camera's cable comes loose; `stop()` then
blocks for ever. So this module notices it, the process reports the reason and ends, and the server starts another. Used
by `source` and `session`.
"""

import os
import sys
import threading
from typing import Final, NoReturn

from edge_streamer.sources.link import Link
from edge_streamer.sources.picamera2.mailbox import Mailbox, ThreadDied

STALL_INTERVALS: Final = 3.0
STALL_S: Final = 0.75
"""A little less than the server's second, so that the reason reported is the source's, which is more precise."""
START_S: Final = 5.0
"""From the start to the first frame: exposure and white balance settle, and startup frames are discarded."""
SLEPT_S: Final = 0.75
"""A main thread that slept longer than this was stopped (SIGSTOP, suspend), and the camera with it."""
FINISH_S: Final = 1.0


class StallWatch:
    """When each output's next frame is overdue; `now` is CLOCK_MONOTONIC in seconds."""

    def __init__(self, fps: tuple[float, ...], now: float) -> None:
        self._allowed_s = [_allowed_s(rate) for rate in fps]
        self._overdue_at = [now + START_S + allowed_s for allowed_s in self._allowed_s]
        self._checked_at = now

    def frame_came(self, output: int, now: float) -> None:
        """An output's frame arrived."""
        self._overdue_at[output] = now + self._allowed_s[output]

    def rate_changed(self, output: int, fps: float, now: float) -> None:
        """An output has another rate from now on."""
        self._allowed_s[output] = _allowed_s(fps)
        self.frame_came(output, now)

    def overdue(self, now: float) -> int | None:
        """Return the output whose frames stopped coming, if there is one; call it every SLEPT_S at least."""
        away_s, self._checked_at = now - self._checked_at, now
        if away_s > SLEPT_S:
            self._overdue_at = [at + away_s for at in self._overdue_at]
        return next((output for output, at in enumerate(self._overdue_at) if now >= at), None)

    def allowed_s(self, output: int) -> float:
        """Return how many seconds an output may be without a frame."""
        return self._allowed_s[output]


def _allowed_s(fps: float) -> float:
    return STALL_INTERVALS / fps + STALL_S


def hear_threads_die(mailbox: Mailbox) -> None:
    """Post the reason when any thread of this process ends with an exception."""

    def post(death: threading.ExceptHookArgs) -> None:
        threading.__excepthook__(death)
        name = death.thread.name if death.thread else "a thread"
        mailbox.post(ThreadDied(f"picamera2 stopped working in {name}: {death.exc_value!r}"))

    threading.excepthook = post


def abandon(link: Link, reason: str) -> NoReturn:
    """Say why and end the process at once: `Picamera2.stop` and the interpreter's own end would wait for ever."""
    try:
        link.send_note(0, event="failed", reason=reason)
        link.finish(FINISH_S)
        sys.stderr.flush()
    finally:  # also without a server, or a process without a use would keep the camera
        os._exit(1)


def exit_after(seconds: float) -> threading.Timer:
    """Start a timer that ends the process with status 0 unless it is cancelled: a stop that hangs is still a stop."""
    timer = threading.Timer(seconds, os._exit, (0,))
    timer.daemon = True
    timer.start()
    return timer
