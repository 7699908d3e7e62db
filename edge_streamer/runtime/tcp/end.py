"""The end of a TCP connection: one table of states, which `connection` follows.

    OPEN          Bytes go both ways.
    FINISHING     The last reply is on its way out, within `FLUSH_LIMIT_S`. Nothing else is sent, frames that waited are
                  dropped, and what the peer still says is read and thrown away: unread bytes would turn the close into
                  a reset, which could take the reply with it.
    LINGERING     The reply has left, and the peer was told that no more comes (a half-close). It has `LINGER_S` to hang
                  up first.
    CLOSE_POSTED  The end is decided and comes with the next turn, when no frame of the call stack can hold the
                  connection any more. What still waits is not sent.
    CLOSED        The descriptor is closed and the delegate was told.

CLOSE is the order of whoever finds the connection dead, however deep in a stack; OVER comes from the top of a stack:
the posted end, a time limit, or a read that says that the peer has hung up. The first reason that was given counts.
Where the table has no row nothing changes: a second CLOSE, for one. docs/states.md is drawn from it, and a test
compares the two.
"""

from enum import StrEnum
from typing import Final


class EndState(StrEnum):
    """How far a connection is on its way to the end."""

    OPEN = "open"
    FINISHING = "finishing"
    LINGERING = "lingering"
    CLOSE_POSTED = "close_posted"
    CLOSED = "closed"


class EndEvent(StrEnum):
    """What brings a connection nearer to its end."""

    FINISH = "finish"
    """Close when the replies that wait have left."""
    DRAINED = "drained"
    """Nothing waits any more."""
    CLOSE = "close"
    """Close, whatever waits."""
    OVER = "over"
    """Close now."""


_S, _E = EndState, EndEvent
TRANSITIONS: Final = {
    (_S.OPEN, _E.FINISH): _S.FINISHING,
    (_S.OPEN, _E.CLOSE): _S.CLOSE_POSTED,
    (_S.OPEN, _E.OVER): _S.CLOSED,
    (_S.FINISHING, _E.DRAINED): _S.LINGERING,
    (_S.FINISHING, _E.CLOSE): _S.CLOSE_POSTED,
    (_S.FINISHING, _E.OVER): _S.CLOSED,
    (_S.LINGERING, _E.CLOSE): _S.CLOSE_POSTED,
    (_S.LINGERING, _E.OVER): _S.CLOSED,
    (_S.CLOSE_POSTED, _E.OVER): _S.CLOSED,
}


def after(state: EndState, event: EndEvent) -> EndState:
    """Return the state that `event` leads to; `state` itself where the table has no row."""
    return TRANSITIONS.get((state, event), state)
