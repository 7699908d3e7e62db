"""One run of a source's process: what it writes becomes messages, what it is told becomes lines, and it ends in time.

A process that was told to end is heard no more: what it writes from then on is dropped, and SIGKILL follows. Made by
the runner, once a start; nothing here decides whether another one follows.
"""

from collections.abc import Callable
from typing import Final, Protocol, TypeAlias

from edge_streamer.protocol.source.messages import (
    SourceCommand,
    SourceFormatError,
    SourceFrame,
    SourceNote,
    SourceParser,
    SourceSnapshot,
)
from edge_streamer.runtime.children import ChildProcess
from edge_streamer.runtime.loop import Loop, Timer
from edge_streamer.services.status import RestartReason
from edge_streamer.services.supervision.log import SourceLog
from edge_streamer.services.supervision.notes import shown
from edge_streamer.services.supervision.restarts import WHY_ENDED
from edge_streamer.services.supervision.spec import SourceSpec

KILL_AFTER_S: Final = 0.5
"""A process that ignores SIGTERM this long (stopped, or stuck in a driver) gets SIGKILL."""
STOP_WITHIN_S: Final = 1.25
"""A camera was measured to take up to 0.95 s to be given back, and ends its process by itself after 1 s."""


SourceMessage: TypeAlias = SourceFrame | SourceSnapshot | SourceNote
OnMessage: TypeAlias = Callable[[SourceMessage], None]
"""Takes what the process wrote; SourceFormatError when it cannot be true."""


class ProcessOwner(Protocol):
    """The runner."""

    def on_failed(self, reason: RestartReason, text: str) -> None:
        """The process cannot be left to run; `text` is empty where the reason says all."""

    def on_ended(self, exit_code: int) -> None:
        """The process is gone. Negative codes are signals. Called once."""


class SourceProcess:
    """Making one starts the process; OSError when it cannot be started."""

    def __init__(
        self, loop: Loop, spec: SourceSpec, owner: ProcessOwner, on_message: OnMessage, log: SourceLog
    ) -> None:
        self._loop = loop
        self._owner = owner
        self._on_message = on_message
        self._log = log
        self._parser = SourceParser(len(spec.outputs))
        self._kill_timer: Timer | None = None  # from the order to end until the end
        self._child = ChildProcess(loop, spec.arguments(), self)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._child.pid

    @property
    def is_ending(self) -> bool:
        """Whether it was told to end."""
        return self._kill_timer is not None

    def send(self, command: SourceCommand) -> bool:
        """Tell the process; False when it does not read."""
        return self._child.send(command.encode())

    def stop(self) -> None:
        """Have it end by itself, which gives its camera back in order; SIGTERM would end it at once."""
        self._end_within(STOP_WITHIN_S if self.send(SourceCommand("stop")) else 0.0)

    def terminate(self) -> None:
        """End it, since it has failed."""
        self._child.terminate()
        self._end_within(KILL_AFTER_S)

    def kill(self) -> None:
        """End it at once."""
        self._child.kill()

    def _end_within(self, delay_s: float) -> None:
        self._kill_timer = self._loop.call_later(delay_s, self._child.kill)

    # --- the child's calls

    def on_child_data(self, data: bytes) -> None:
        """Hand on the messages that `data` completes."""
        if self.is_ending:
            return
        try:
            for message in self._parser.receive(data):
                self._on_message(message)
        except SourceFormatError as error:
            self._owner.on_failed(RestartReason.GARBAGE, shown(f"{WHY_ENDED[RestartReason.GARBAGE]}: {error}"))

    def on_child_complaint(self, line: str) -> None:
        """Log what the process says on its standard error."""
        self._log.complained(line)

    def on_child_ended(self, exit_code: int) -> None:
        """The process is gone."""
        if self._kill_timer is not None:
            self._kill_timer.cancel()
        del self._child  # it holds us: as a cycle both would wait for the garbage collector, with what was read
        self._owner.on_ended(exit_code)

    def on_child_fault(self, error: Exception) -> None:
        """Publishing what it wrote raised (logged and counted by the loop)."""
        del error
        self._owner.on_failed(RestartReason.FAULT, "")
