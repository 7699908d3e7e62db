"""What people ask of a source and it answers later: a picture of now, another bit rate or frame rate.

One `Snapshots` and one `Changes` an output, fed by `output` with what the source says. Every question is
answered exactly once, in a turn of its own, in its time: by the source, or by a `SourceFailure` that says why not.
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
"""Whoever asks this soon after another gets the same picture."""
CHANGE_LIMIT_S: Final = 3.0
"""A software encoder that has to be opened again takes a tenth of this."""


@dataclass(frozen=True, slots=True)
class SourceFailure:
    """Why a source did not do what it was asked, in words; `is_late` when it said nothing in time."""

    reason: str
    is_late: bool = False


class StreamChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a stream shall be from now on: one of the two at least, within what a source may be started with."""

    bitrate_bps: Annotated[int, BITRATE_BPS] | UnsetType = UNSET
    fps: Annotated[float, FPS] | UnsetType = UNSET

    def commands(self, output: int) -> list[SourceCommand]:
        """Return what to tell the source."""
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
    """The snapshots of one output: many may ask, the source makes one for all of them."""

    def __init__(self, loop: Loop, output: int, ask: Ask) -> None:
        self._loop = loop
        self._command = SourceCommand("snapshot", output)
        self._ask = ask
        self._waiting: dict[Timer, OnSnapshot] = {}
        self._asked_at: float | None = None  # and not answered since
        self._is_answer_late = False  # the next one may be to a question whose time was over
        self._fresh: bytes | None = None
        self._fresh_until = 0.0

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits for one."""
        return bool(self._waiting)

    def request(self, callback: OnSnapshot) -> None:
        """Answer with a picture that is fresh, or with the next one, for which `ask_if_awaited` asks."""
        if self._fresh is not None and self._loop.now() <= self._fresh_until:
            self._loop.post(partial(callback, self._fresh))
        else:
            timer = self._loop.call_later(SNAPSHOT_LIMIT_S, lambda: self._give_up(timer))
            self._waiting[timer] = callback

    def ask_if_awaited(self) -> None:
        """Have the source make one, if somebody waits and it has not been asked: it has pictures now."""
        if self._waiting and self._asked_at is None:
            self._asked_at = self._loop.now()
            self._ask(self._command)

    def take(self, jpeg: bytes) -> None:
        """Hand a picture to all who wait; it is as old as the question at most, and kept while that makes it fresh."""
        if self._is_of_before():
            return
        asked_at, self._asked_at = self._asked_at, None
        if asked_at is None:
            return  # nobody asked
        self._fresh_until = asked_at + SNAPSHOT_FRESH_S
        if self._loop.now() < self._fresh_until:
            self._fresh = jpeg
            self._loop.call_at(self._fresh_until, partial(self._forget, jpeg))
        self._answer(jpeg)

    def refuse(self, reason: str) -> None:
        """The source cannot make one."""
        if not self._is_of_before():
            self.fail(reason)

    def fail(self, reason: str) -> None:
        """Tell all who wait that there will be none."""
        self.ask_again()
        self._answer(SourceFailure(reason))

    def ask_again(self) -> None:
        """The source that was asked is gone: ask the next one."""
        self._asked_at = None
        self._is_answer_late = False

    def _is_of_before(self) -> bool:
        """Whether an answer may be that of a question whose time was over; who has asked since is answered with another
        then, for which the source is asked again."""
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
            self._asked_at = None  # whoever comes next asks anew
            self._is_answer_late = True
        callback(SourceFailure(f"the source sent no picture within {SNAPSHOT_LIMIT_S:.0f} s", is_late=True))

    def _forget(self, jpeg: bytes) -> None:
        if self._fresh is jpeg:
            self._fresh = None


class Changes:
    """The changes of one output's encoder: one at a time, so that each answer has its question, a late one too."""

    def __init__(self, loop: Loop, output: int, ask: Ask) -> None:
        self._loop = loop
        self._output = output
        self._ask = ask
        self._callback: OnChange | None = None
        self._timer: Timer | None = None
        self._awaited: dict[str, SourceCommand] = {}  # by the command's name

    def request(self, change: StreamChange, callback: OnChange) -> None:
        """Tell the source; `callback` is told when all of it is in effect, or why not."""
        if self._awaited:
            self._loop.post(partial(callback, SourceFailure("another change is under way")))
            return
        self._callback = callback
        self._awaited = {command.command: command for command in change.commands(self._output)}
        self._timer = self._loop.call_later(CHANGE_LIMIT_S, self._give_up)
        for command in self._awaited.values():
            self._ask(command)

    def take(self, changed: SourceChanged) -> dict[str, Any]:
        """Note what is in effect; return what of it was asked for, by its name, as it was asked for."""
        confirmed: dict[str, Any] = {}
        if changed.bitrate_bps is not None and (command := self._awaited.pop("set_bitrate", None)):
            confirmed["bitrate_bps"] = command.bitrate_bps
        if changed.fps is not None and (command := self._awaited.pop("set_fps", None)):
            confirmed["fps"] = command.fps
        if not self._awaited:
            self._answer(None)
        return confirmed

    def refuse(self, command: str, reason: str) -> None:
        """The source cannot, or will not."""
        if command in self._awaited:
            self.fail(reason)

    def fail(self, reason: str) -> None:
        """The source is gone."""
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
