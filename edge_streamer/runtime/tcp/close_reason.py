"""Why a connection ended, as far as the transport can tell; the services make their end reasons of it."""

import errno
from enum import StrEnum
from typing import Final


class CloseReason(StrEnum):
    """Why a connection ended, as far as the transport can tell."""

    PEER_CLOSED = "peer_closed"
    BACKLOG = "backlog"
    STALLED = "stalled"
    PROTOCOL_ERROR = "protocol_error"
    LIMIT = "limit"
    LOCAL = "local"  # our side had no more to say
    SHUTDOWN = "shutdown"
    INTERNAL_ERROR = "internal_error"


_TIMED_OUT: Final = {errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTDOWN}
"""How the kernel says that nothing was acknowledged for the user time-out; all but the first are what it heard of the
network meanwhile."""


def reason_of(error: OSError) -> CloseReason:
    """Return what an error of a socket says of its peer."""
    return CloseReason.STALLED if error.errno in _TIMED_OUT else CloseReason.PEER_CLOSED
