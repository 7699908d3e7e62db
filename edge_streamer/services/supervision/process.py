"""One run of a source's process: parses what it writes, sends it commands, and ends it within a time limit.

What a process writes after it was told to end is dropped, and SIGKILL follows. The runner makes one `SourceProcess` for
each start and decides whether another one follows.
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
"""A process that ignores SIGTERM for this long (stopped, or stuck in a driver) gets SIGKILL."""
STOP_WITHIN_S: Final = 1.25
"""A camera was measured to take up to 0.95 s to close, and a camera process ends without waiting for it after 1 s."""


SourceMessage: TypeAlias = SourceFrame | SourceSnapshot | SourceNote
OnMessage: TypeAlias = Callable[[SourceMessage], None]
"""Takes a message of the process; SourceFormatError when its values are invalid."""


class ProcessOwner(Protocol):
    """What a process reports to: the runner."""

    def on_failed(self, reason: RestartReason, text: str) -> None:
        """Called when the process has to be ended; `text` is empty where `reason` says all."""

    def on_ended(self, exit_code: int) -> None:
        """Called once, when the process has ended. A negative code is a signal."""


class SourceProcess:
    """One run of the process, which the constructor starts; OSError when it cannot be started."""

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
        """Whether the process was told to end."""
        return self._kill_timer is not None

    def send(self, command: SourceCommand) -> bool:
        """Send a command; False when it was lost because the process does not read."""
        return self._child.send(command.encode())

    def stop(self) -> None:
        """Ask the process to end, so that it closes its camera in order; SIGTERM would end it at once."""
        self._end_within(STOP_WITHIN_S if self.send(SourceCommand("stop")) else 0.0)

    def terminate(self) -> None:
        """End a process that has failed: SIGTERM, and SIGKILL after `KILL_AFTER_S`."""
        self._child.terminate()
        self._end_within(KILL_AFTER_S)

    def kill(self) -> None:
        """End the process at once, by SIGKILL."""
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
        """Log a line of the process's standard error."""
        self._log.complained(line)

    def on_child_ended(self, exit_code: int) -> None:
        """Report that the process has ended."""
        if self._kill_timer is not None:
            self._kill_timer.cancel()
        del self._child  # it holds us: as a cycle both would wait for the garbage collector, with what was read
        self._owner.on_ended(exit_code)

    def on_child_fault(self, error: Exception) -> None:
        """Report a failure: handling what the process wrote raised (the loop logs and counts it)."""
        del error
        self._owner.on_failed(RestartReason.FAULT, "")
