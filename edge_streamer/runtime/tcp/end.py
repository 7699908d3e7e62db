"""The end of a TCP connection: one table of states, which `connection` follows.

    OPEN          Bytes go both ways.
    FINISHING     The last replies are being sent, within `FLUSH_LIMIT_S`. Nothing else is sent, waiting frames are
                  dropped, and bytes of the peer are read and dropped: unread bytes would turn the close into a reset,
                  and the reply could be lost.
    LINGERING     The replies are sent, and so is a half-close. The peer has `LINGER_S` to close first.
    CLOSE_POSTED  The end is decided and follows in the next turn, after the current call stack has unwound. Bytes that
                  still wait are not sent.
    CLOSED        The descriptor is closed and the delegate has been called.

CLOSE may come from any depth of a call stack; OVER comes from the top of a stack: the posted end, a time limit, or a
read that finds the connection closed or broken. The first reason that was given counts. Where the table has no row, the
state stays, as for a second CLOSE. docs/states.md is drawn from the table, and a test compares the two.
"""

from enum import StrEnum
from typing import Final


class EndState(StrEnum):
    """The states of a connection, from open to closed."""

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
    """No bytes wait any more."""
    CLOSE = "close"
    """Close in the next turn, whatever waits."""
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
