"""The accept loop of one listen address. The listeners of a service share its `gate`, which admits connections.

A listener accepts a bounded batch a turn, and survives a full descriptor table: it closes a spare descriptor to accept
and drop one peer (which so learns of it at once), and then pauses. Without that a level-triggered loop would spin on a
listener that it cannot drain.
"""

import errno
import logging
import os
import socket
from collections.abc import Callable
from typing import Any, Final

from edge_streamer.logs.events import AcceptingPaused, log_event
from edge_streamer.runtime.address import family_of, host_of, sockaddr_of
from edge_streamer.runtime.loop import Loop, Registration, Timer
from edge_streamer.runtime.tcp.gate import ConnectionGate

log = logging.getLogger(__name__)

LISTEN_BACKLOG: Final = 512
ACCEPTS_A_TURN: Final = 64
PAUSE_S: Final = 0.25
_EXHAUSTED: Final = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class TcpListener:
    """One listen address. `on_accepted` gets a socket whose peer has passed the gate.

    `listening` is non-blocking and belongs to the listener: it comes from `open_listening_socket`, or from systemd
    (`device.systemd`), which may have listened before the start; peers that wait already are accepted like all others.
    """

    def __init__(
        self, loop: Loop, listening: socket.socket, gate: ConnectionGate, on_accepted: Callable[[socket.socket], None]
    ) -> None:
        self._loop = loop
        self._gate = gate
        self._on_accepted = on_accepted
        self._socket = listening
        self._spare: int | None = _spare_descriptor()
        self._pause: Timer | None = None
        self._registration: Registration = loop.register(self._socket, self)

    @property
    def address(self) -> Any:
        """The bound address: `(host, port, ...)`, with the real port where 0 was asked for."""
        return self._socket.getsockname()

    def on_readable(self) -> None:
        """Accept the peers that wait, at most `ACCEPTS_A_TURN`."""
        for _ in range(ACCEPTS_A_TURN):
            try:
                accepted, peer_address = self._socket.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    self._give_up_one(error)
                    return
                continue  # ECONNABORTED and the like: this peer is gone, the next may be there
            self._admit(accepted, host_of(peer_address))

    def _admit(self, accepted: socket.socket, host: str) -> None:
        if not self._gate.enter(host):
            accepted.close()
            return
        is_taken = False
        try:
            self._on_accepted(accepted)
            is_taken = True
        except OSError:
            pass  # reset between accept and the first use of the socket
        finally:
            if not is_taken:
                self._gate.leave(host)
                accepted.close()

    def _give_up_one(self, error: OSError) -> None:
        """Drop one waiting peer with the help of the spare descriptor, then pause."""
        self._gate.refused["descriptors"] += 1
        log_event(log, AcceptingPaused(pause_s=PAUSE_S, detail=error.strerror or str(error)))
        if self._spare is not None:
            os.close(self._spare)
            self._spare = None
        try:
            self._socket.accept()[0].close()
        except OSError:
            pass  # the peer is gone, or another thread took the descriptor
        self._registration.want_read(False)
        self._pause = self._loop.call_later(PAUSE_S, self._resume, self)

    def _resume(self) -> None:
        if self._spare is None:
            self._spare = _spare_descriptor()
        self._registration.want_read(True)

    def on_writable(self) -> None:
        """Never called: a listener registers for reading only."""

    def on_fault(self, error: Exception) -> None:
        """Called after a callback raised: the loop has logged and counted it, and the listener continues."""

    def close(self) -> None:
        """Stop listening."""
        if self._pause is not None:
            self._pause.cancel()
        self._registration.close()
        self._socket.close()
        if self._spare is not None:
            os.close(self._spare)
            self._spare = None


def _spare_descriptor() -> int | None:
    try:
        return os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None  # none left: the next pause tries again


def open_listening_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens on a literal address, port 0 for any free one; OSError when the address is in use
    or not available."""
    listening = socket.socket(family_of(host), socket.SOCK_STREAM)
    try:
        listening.setblocking(False)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if listening.family == socket.AF_INET6:  # "::" and "0.0.0.0" may both be listed
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind(sockaddr_of(host, port))
        listening.listen(LISTEN_BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening
