"""The life of a source's process: one table of states, which `runner` follows.

A source has at most one process. The states say what there is of it and what is ahead:

    NEW           The supervisor was made and not begun: a reload may have to wait until another process has given the
                  device back.
    OFF           No process runs, and none is wanted: the source is on demand, and its streams have no viewer.
    STARTING      A process is to give its first picture, or is started in this very turn. The watchdog allows it
                  `START_LIMIT_S`.
    UP            Pictures come. The watchdog counts each silence.
    ENDING        The process has failed (it was silent, wrote garbage, or our own code could not take what it wrote)
                  and was sent SIGTERM; SIGKILL follows. What it still writes is not read any more.
    BACKING_OFF   The process is gone, or could not be started; a timer starts the next one.
    STOPPING      No viewer is left. The process was asked to end by itself, so that it gives its camera back in order.
    RESTARTING    A viewer came while it was STOPPING: the next process starts the moment this one is gone, without a
                  back-off, since nothing has failed.
    FINISHING     The source has no more to give (a file that is not looped). The process ends by itself, and the
                  watchdog still looks after it.
    LEAVING       The process was told to end for good.
    OVER          No process runs and none will.

Demand and failure meet in ENDING. A process that has failed and whose last viewer then leaves goes on as STOPPING: it
is not replaced. If a viewer comes back in the half second until SIGKILL, that is a new demand and starts without a
back-off, as from OFF.

A source that is not on demand is WANTED once, at its START, and never UNWANTED. GONE also stands for a process that
could not be started, and for one that was to be stopped before it had been started.

An event that a state has no row for changes nothing: a viewer more of a source that is UP, for one. `runner` does what
entering a state asks for. docs/states.md is drawn from the table, and a test compares the two.
"""

from enum import StrEnum
from typing import Final


class LifeState(StrEnum):
    """What there is of a source's process, and what is ahead."""

    NEW = "new"
    OFF = "off"
    STARTING = "starting"
    UP = "up"
    ENDING = "ending"
    BACKING_OFF = "backing_off"
    STOPPING = "stopping"
    RESTARTING = "restarting"
    FINISHING = "finishing"
    LEAVING = "leaving"
    OVER = "over"


class LifeEvent(StrEnum):
    """What happens to a source."""

    START = "start"
    """The service begins it."""
    WANTED = "wanted"
    """A viewer asks for one of its streams."""
    UNWANTED = "unwanted"
    """All its streams have been without a viewer for as long as they linger."""
    PICTURE = "picture"
    """The process's first picture."""
    FAILED = "failed"
    """The process runs and cannot be left to run."""
    GONE = "gone"
    """The process has ended."""
    DUE = "due"
    """The back-off is over."""
    FINISHED = "finished"
    """The process says that it has no more to give."""
    STOP = "stop"
    """The service leaves, or needs the source no more."""


_S, _E = LifeState, LifeEvent
TRANSITIONS: Final = {
    (_S.NEW, _E.START): _S.OFF,
    (_S.NEW, _E.STOP): _S.OVER,
    (_S.OFF, _E.WANTED): _S.STARTING,
    (_S.OFF, _E.STOP): _S.OVER,
    (_S.STARTING, _E.PICTURE): _S.UP,
    (_S.STARTING, _E.FAILED): _S.ENDING,
    (_S.STARTING, _E.GONE): _S.BACKING_OFF,
    (_S.STARTING, _E.UNWANTED): _S.STOPPING,
    (_S.STARTING, _E.FINISHED): _S.FINISHING,
    (_S.STARTING, _E.STOP): _S.LEAVING,
    (_S.UP, _E.FAILED): _S.ENDING,
    (_S.UP, _E.GONE): _S.BACKING_OFF,
    (_S.UP, _E.UNWANTED): _S.STOPPING,
    (_S.UP, _E.FINISHED): _S.FINISHING,
    (_S.UP, _E.STOP): _S.LEAVING,
    (_S.ENDING, _E.GONE): _S.BACKING_OFF,
    (_S.ENDING, _E.UNWANTED): _S.STOPPING,
    (_S.ENDING, _E.STOP): _S.LEAVING,
    (_S.BACKING_OFF, _E.DUE): _S.STARTING,
    (_S.BACKING_OFF, _E.UNWANTED): _S.OFF,
    (_S.BACKING_OFF, _E.STOP): _S.OVER,
    (_S.STOPPING, _E.GONE): _S.OFF,
    (_S.STOPPING, _E.WANTED): _S.RESTARTING,
    (_S.STOPPING, _E.STOP): _S.LEAVING,
    (_S.RESTARTING, _E.GONE): _S.STARTING,
    (_S.RESTARTING, _E.UNWANTED): _S.STOPPING,
    (_S.RESTARTING, _E.STOP): _S.LEAVING,
    (_S.FINISHING, _E.GONE): _S.OVER,
    (_S.FINISHING, _E.FAILED): _S.LEAVING,
    (_S.FINISHING, _E.STOP): _S.LEAVING,
    (_S.LEAVING, _E.GONE): _S.OVER,
}


def after(state: LifeState, event: LifeEvent) -> LifeState:
    """Return the state that `event` leads to; `state` itself where the table has no row."""
    return TRANSITIONS.get((state, event), state)
