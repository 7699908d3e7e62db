"""Why a connection ended, as far as the transport can tell; the services map it to their end reasons."""

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
    LOCAL = "local"  # this side ended it in order
    SHUTDOWN = "shutdown"
    INTERNAL_ERROR = "internal_error"


_TIMED_OUT: Final = {errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTDOWN}
"""Errors by which the kernel reports that nothing was acknowledged within the user time-out; all but the first also say
what it learned of the network meanwhile."""


def reason_of(error: OSError) -> CloseReason:
    """Return the close reason for an error of a socket."""
    return CloseReason.STALLED if error.errno in _TIMED_OUT else CloseReason.PEER_CLOSED
