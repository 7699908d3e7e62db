"""How the clients of a replaced stream come to its successor: one table of states, and what entering a state does.

A reload that changes a stream puts a new one in its place. Sessions that play the old one cannot be moved; they are
ended only once a client that connects again finds a picture:

    KEEPING   The old process runs on, and the sessions keep its picture, however long the successor takes: a reload
              that can avoid it never takes a picture away.
    DARK      The old process was ended, because the device that it held is needed by another one, and a device cannot
              be opened twice. The sessions get no frames and wait for the successor's picture, `PATIENCE_S` at most.
    DONE      No session of the old stream is left.

PICTURE is the successor's first key frame. DESERTED means that the last session was ended by its client or its own
deadline. If the successor is replaced in its turn, the sessions wait for the newer stream (`redirect`); if it is
REMOVED, the sessions end. A second claim of the device restarts the time limit of a DARK stream's sessions.
docs/states.md is drawn from the table, and a test compares the two.

Made by `running_sources`, one for each stream that has sessions when it is replaced.
"""

from collections.abc import Callable
from enum import StrEnum
from functools import partial
from typing import Final, Protocol

from edge_streamer.media.stream import Stream
from edge_streamer.runtime.loop import Loop, Timer
from edge_streamer.services.status import EndReason

PATIENCE_S: Final = 10.0
"""A camera takes a second or two to start, and the watchdog ends a process without a picture after ten."""


class ChangeoverState(StrEnum):
    """What the sessions of the old stream get."""

    KEEPING = "keeping"
    DARK = "dark"
    DONE = "done"


class ChangeoverEvent(StrEnum):
    """What happens to a changeover."""

    PICTURE = "picture"
    DESERTED = "deserted"
    REMOVED = "removed"
    DEVICE_TAKEN = "device_taken"
    LATE = "late"


_S, _E = ChangeoverState, ChangeoverEvent
TRANSITIONS: Final = {
    (_S.KEEPING, _E.PICTURE): _S.DONE,
    (_S.KEEPING, _E.DESERTED): _S.DONE,
    (_S.KEEPING, _E.REMOVED): _S.DONE,
    (_S.KEEPING, _E.DEVICE_TAKEN): _S.DARK,
    (_S.DARK, _E.PICTURE): _S.DONE,
    (_S.DARK, _E.DESERTED): _S.DONE,
    (_S.DARK, _E.REMOVED): _S.DONE,
    (_S.DARK, _E.DEVICE_TAKEN): _S.DARK,
    (_S.DARK, _E.LATE): _S.DONE,
}


class Sessions(Protocol):
    """The RTSP sessions, as a changeover needs them; `services.rtsp.sessions` implements it."""

    def are_any_of(self, stream: Stream, /) -> bool:
        """Whether sessions of `stream` have been set up."""

    def end_all(self, reason: EndReason, stream: Stream, /) -> None:
        """End the sessions of `stream`."""


class Changeover:
    """The changeover from stream `old` to `successor`; `on_done` is called once, when `old` has no session left."""

    __slots__ = ("_loop", "_on_done", "_sessions", "_timer", "old", "state", "successor")

    def __init__(
        self, loop: Loop, old: Stream, successor: Stream, sessions: Sessions, on_done: Callable[["Changeover"], None]
    ) -> None:
        self.state = ChangeoverState.KEEPING
        self.old: Final = old
        self.successor = successor
        self._loop = loop
        self._sessions = sessions
        self._on_done = on_done
        self._timer: Timer | None = None
        old.on_left = partial(loop.post, self._look_for_sessions)  # posted: a session that ends is still counted
        successor.awaited_by += 1

    def redirect(self, successor: Stream) -> None:
        """Wait for another stream: the former successor has been replaced, too."""
        self.successor.awaited_by -= 1
        self.successor = successor
        successor.awaited_by += 1

    def happen(self, event: ChangeoverEvent) -> None:
        """Follow the table; an event that the state has no row for changes nothing."""
        after = TRANSITIONS.get((self.state, event))
        if after is None:
            return
        self.state = after
        if self._timer is not None:
            self._timer.cancel()
        if after is ChangeoverState.DARK:
            self._timer = self._loop.call_later(PATIENCE_S, partial(self.happen, ChangeoverEvent.LATE))
        else:
            self._finish(EndReason.STREAM_ENDED if event is ChangeoverEvent.REMOVED else EndReason.STREAM_REPLACED)

    def _finish(self, reason: EndReason) -> None:
        self.successor.awaited_by -= 1
        self.old.on_left = _ignore
        self._sessions.end_all(reason, self.old)
        self._on_done(self)

    def _look_for_sessions(self) -> None:
        if not self._sessions.are_any_of(self.old):
            self.happen(ChangeoverEvent.DESERTED)


def _ignore() -> None:
    """Called when a session ends on a stream whose changeover is done."""
