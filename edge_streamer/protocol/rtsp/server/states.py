"""The states of a session and the one table of their transitions (RFC 2326 appendix A.2, server side).

A session is born by SETUP and ends by TEARDOWN, by its connection, or by silence. Between the two it is in one of
two states, and INIT is the state of a session that does not exist: before SETUP, and after the end.

    INIT      SETUP makes a session. TEARDOWN without a session is answered 200 (appendix A.2). PLAY is not valid.
    READY     It has a transport and receives nothing. SETUP replaces the transport: ffmpeg and Media3 do so when UDP
              brings them nothing and they turn to TCP. PAUSE again changes nothing.
    PLAYING   It receives the stream. SETUP is not valid (appendix A.2 would allow it: a transport cannot be swapped
              under packets that are on their way). PLAY again changes nothing and restarts nothing.

Appendix A.2's third state, Recording, has no row: this server does not record. A method that the table does not list
for a state is answered 455, with an Allow field that is read off the table (RFC 2326 section 11.3.6). Methods that the
table does not list at all (OPTIONS, DESCRIBE, GET_PARAMETER, SET_PARAMETER) are valid in every state and change none.

`protocol` follows the table when a request is answered, not when it arrives: a PLAY that the service refuses leaves the
session READY. docs/rtsp-states.md is drawn from the table, and a test compares the two.
"""

from enum import StrEnum
from typing import Final


class SessionState(StrEnum):
    """RFC 2326 appendix A.2."""

    INIT = "init"
    READY = "ready"
    PLAYING = "playing"


TRANSITIONS: Final = {
    (SessionState.INIT, "SETUP"): SessionState.READY,
    (SessionState.INIT, "TEARDOWN"): SessionState.INIT,
    (SessionState.READY, "SETUP"): SessionState.READY,
    (SessionState.READY, "PLAY"): SessionState.PLAYING,
    (SessionState.READY, "PAUSE"): SessionState.READY,
    (SessionState.READY, "TEARDOWN"): SessionState.INIT,
    (SessionState.PLAYING, "PLAY"): SessionState.PLAYING,
    (SessionState.PLAYING, "PAUSE"): SessionState.READY,
    (SessionState.PLAYING, "TEARDOWN"): SessionState.INIT,
}


def allowed_methods(state: SessionState) -> tuple[str, ...]:
    """Return the methods of the table that are valid in `state`, in its order."""
    return tuple(method for valid_in, method in TRANSITIONS if valid_in is state)
