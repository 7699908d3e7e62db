"""The life of a source's process: one table of states, which `runner` follows.

A source has at most one process. A state says whether there is one and what comes next:

    NEW           The supervisor was made and not started: a reload may have to wait until another process has closed
                  the device.
    OFF           No process runs, and none is wanted: the source is on demand, and its streams have no viewer.
    STARTING      A process runs and has not given a picture with which a viewer can be served, or is about to be
                  started. The watchdog allows `start_limit_s` for the first picture, and `UNSERVABLE_LIMIT_S` more for
                  a start point with parameter sets.
    UP            Pictures come. The watchdog ends a process that falls silent.
    ENDING        The process has failed (it was silent, wrote garbage, or the server's code raised on what it wrote)
                  and was sent SIGTERM; SIGKILL follows. What it still writes is ignored.
    BACKING_OFF   The process is gone, or could not be started; a timer starts the next one.
    STOPPING      No viewer is left. The process was asked to end, not signalled, so that it closes its camera in order.
    RESTARTING    A viewer came while the process was STOPPING: the next process starts as soon as this one is gone,
                  without a back-off, since nothing has failed.
    FINISHING     The source has no more frames (a file that is not looped). The process ends without being told, and
                  the watchdog still watches it.
    LEAVING       The process was told to end for good.
    OVER          No process runs, and none will be started.

Demand and failure meet in ENDING. If the last viewer leaves while a failed process is ending, the state becomes
STOPPING: the process is not replaced. If a viewer comes back in the half second until SIGKILL, that is a new demand,
and the next process starts without a back-off, as from OFF.

A source that is not on demand is WANTED once, at its START, and never UNWANTED. GONE also stands for a process that
could not be started, and for one that was to be stopped before it had been started.

An event without a row for the state changes nothing, for example another viewer of a source that is UP. `runner` does
what entering a state requires. docs/states.md is drawn from the table, and a test compares the two.
"""

from enum import StrEnum
from typing import Final


class LifeState(StrEnum):
    """Whether a source has a process, and what comes next."""

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
    """The supervisor is started."""
    WANTED = "wanted"
    """A viewer asks for one of its streams."""
    UNWANTED = "unwanted"
    """All its streams have been without a viewer for `linger_s`."""
    PICTURE = "picture"
    """The process's first picture comes with which a viewer can be served."""
    FAILED = "failed"
    """The process runs and has to be ended."""
    GONE = "gone"
    """The process has ended."""
    DUE = "due"
    """The back-off is over."""
    FINISHED = "finished"
    """The process reports that it has no more frames."""
    STOP = "stop"
    """The service ends, or a reload removes the source."""


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
