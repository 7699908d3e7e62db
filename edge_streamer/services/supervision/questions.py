"""Requests to a source that it answers later: for a snapshot, another bit rate or another frame rate.

Each output has one `Snapshots` and one `Changes`, which `output` feeds with the source's messages. Every request is
answered exactly once, in a later turn and within a time limit: with the result, or with a `SourceFailure`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from edge_streamer.protocol.source.messages import SourceChanged, SourceCommand
from edge_streamer.protocol.source.ranges import BITRATE_BPS, FPS
from edge_streamer.runtime.loop import Loop, Timer

SNAPSHOT_LIMIT_S: Final = 5.0
"""A camera that is off needs up to three seconds for its first picture."""
SNAPSHOT_FRESH_S: Final = 1.0
"""Requests that come within this time of another one get the same picture."""
CHANGE_LIMIT_S: Final = 3.0
"""A software encoder that has to be opened again takes a tenth of this."""


@dataclass(frozen=True, slots=True)
class SourceFailure:
    """Why a request to a source failed, in words; `is_late`: it was not answered in time."""

    reason: str
    is_late: bool = False


class StreamChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """New settings of a running stream: at least one of the two, in the ranges that hold for a source's start."""

    bitrate_bps: Annotated[int, BITRATE_BPS] | UnsetType = UNSET
    fps: Annotated[float, FPS] | UnsetType = UNSET

    def commands(self, output: int) -> list[SourceCommand]:
        """Return the commands to send to the source."""
        commands = []
        if self.bitrate_bps is not UNSET:
            commands.append(SourceCommand("set_bitrate", output, bitrate_bps=self.bitrate_bps))
        if self.fps is not UNSET:
            commands.append(SourceCommand("set_fps", output, fps=self.fps))
        return commands


Ask: TypeAlias = Callable[[SourceCommand], None]
OnSnapshot: TypeAlias = Callable[[bytes | SourceFailure], None]
OnChange: TypeAlias = Callable[[SourceFailure | None], None]
"""Called with None when the change is in effect."""


class Snapshots:
    """The snapshot requests of one output; the source makes one picture for all that are open."""

    def __init__(self, loop: Loop, output: int, ask: Ask) -> None:
        self._loop = loop
        self._command = SourceCommand("snapshot", output)
        self._ask = ask
        self._waiting: dict[Timer, OnSnapshot] = {}
        self._asked_at: float | None = None  # when the source was asked; None once it has answered
        self._is_answer_late = False  # the next answer may belong to a request that has timed out
        self._fresh: bytes | None = None
        self._fresh_until = 0.0

    @property
    def is_awaited(self) -> bool:
        """Whether a request is open."""
        return bool(self._waiting)

    def request(self, callback: OnSnapshot) -> None:
        """Answer with a picture that is still fresh, or with the next one, for which `ask_if_awaited` asks."""
        if self._fresh is not None and self._loop.now() <= self._fresh_until:
            self._loop.post(partial(callback, self._fresh))
        else:
            timer = self._loop.call_later(SNAPSHOT_LIMIT_S, lambda: self._give_up(timer))
            self._waiting[timer] = callback

    def ask_if_awaited(self) -> None:
        """Ask the source, which gives pictures now, for a snapshot if a request is open and it was not asked yet."""
        if self._waiting and self._asked_at is None:
            self._asked_at = self._loop.now()
            self._ask(self._command)

    def take(self, jpeg: bytes) -> None:
        """Answer all open requests with a picture. It was taken after the source was asked, and is kept for requests
        that come within `SNAPSHOT_FRESH_S` of that."""
        if self._is_late_answer():
            return
        asked_at, self._asked_at = self._asked_at, None
        if asked_at is None:
            return  # the source was not asked
        self._fresh_until = asked_at + SNAPSHOT_FRESH_S
        if self._loop.now() < self._fresh_until:
            self._fresh = jpeg
            self._loop.call_at(self._fresh_until, partial(self._forget, jpeg))
        self._answer(jpeg)

    def refuse(self, reason: str) -> None:
        """Take the source's answer that it cannot make a snapshot."""
        if not self._is_late_answer():
            self.fail(reason)

    def fail(self, reason: str) -> None:
        """Answer all open requests with a failure."""
        self.ask_again()
        self._answer(SourceFailure(reason))

    def ask_again(self) -> None:
        """Forget that the source was asked, since its process is gone: the next process is asked again."""
        self._asked_at = None
        self._is_answer_late = False

    def _is_late_answer(self) -> bool:
        """Whether an answer may belong to a request that has timed out. If newer requests are open, the source is asked
        again for them."""
        is_late, self._is_answer_late = self._is_answer_late, False
        if is_late and self._asked_at is not None:
            self._ask(self._command)
        return is_late

    def _answer(self, answer: bytes | SourceFailure) -> None:
        waiting, self._waiting = self._waiting, {}
        for timer, callback in waiting.items():
            timer.cancel()
            self._loop.post(partial(callback, answer))

    def _give_up(self, timer: Timer) -> None:
        callback = self._waiting.pop(timer)
        if not self._waiting and self._asked_at is not None:
            self._asked_at = None  # the next request asks the source again
            self._is_answer_late = True
        callback(SourceFailure(f"the source sent no picture within {SNAPSHOT_LIMIT_S:.0f} s", is_late=True))

    def _forget(self, jpeg: bytes) -> None:
        if self._fresh is jpeg:
            self._fresh = None


class Changes:
    """The changes of one output's encoder: one at a time, so that even a late answer belongs to a known request."""

    def __init__(self, loop: Loop, output: int, ask: Ask) -> None:
        self._loop = loop
        self._output = output
        self._ask = ask
        self._callback: OnChange | None = None
        self._timer: Timer | None = None
        self._awaited: dict[str, SourceCommand] = {}  # commands without an answer, by name

    def request(self, change: StreamChange, callback: OnChange) -> None:
        """Send the change; `callback` gets None when all of it is in effect, else the reason."""
        if self._awaited:
            self._loop.post(partial(callback, SourceFailure("another change is under way")))
            return
        self._callback = callback
        self._awaited = {command.command: command for command in change.commands(self._output)}
        self._timer = self._loop.call_later(CHANGE_LIMIT_S, self._give_up)
        for command in self._awaited.values():
            self._ask(command)

    def take(self, changed: SourceChanged) -> dict[str, Any]:
        """Note which settings are in effect; return those that were requested, by name, with the requested values."""
        confirmed: dict[str, Any] = {}
        if changed.bitrate_bps is not None and (command := self._awaited.pop("set_bitrate", None)):
            confirmed["bitrate_bps"] = command.bitrate_bps
        if changed.fps is not None and (command := self._awaited.pop("set_fps", None)):
            confirmed["fps"] = command.fps
        if not self._awaited:
            self._answer(None)
        return confirmed

    def refuse(self, command: str, reason: str) -> None:
        """Take the source's answer that it cannot carry out `command`."""
        if command in self._awaited:
            self.fail(reason)

    def fail(self, reason: str) -> None:
        """End the change that is under way, if any, with a failure."""
        self._awaited = {}
        self._answer(SourceFailure(reason))

    def _give_up(self) -> None:
        self._answer(SourceFailure(f"the source did not answer within {CHANGE_LIMIT_S:.0f} s", is_late=True))

    def _answer(self, answer: SourceFailure | None) -> None:
        callback, self._callback = self._callback, None
        if self._timer is not None:
            self._timer.cancel()
        if callback is not None:
            self._loop.post(partial(callback, answer))
