"""The listeners of one service, the gate that they share, and the registry of the connections that they accepted.

It knows no protocol: the service gives a function that makes the delegate of a new connection. Until its end, a
connection counts in the gate and is closed with the service, also after it was handed over to another delegate.
"""

import socket
from collections.abc import Callable
from functools import partial
from typing import Generic, Protocol, TypeVar

from edge_streamer.runtime.loop import Loop
from edge_streamer.runtime.tcp.close_reason import CloseReason
from edge_streamer.runtime.tcp.connection import DEAD_AFTER_S, ConnectionDelegate, TcpConnection
from edge_streamer.runtime.tcp.gate import ConnectionGate
from edge_streamer.runtime.tcp.listener import TcpListener, open_listening_socket


class ServedConnection(ConnectionDelegate, Protocol):
    """The delegate of an accepted connection."""

    def close(self, reason: CloseReason) -> None:
        """Close the connection; `on_closed` follows in a later turn."""


_D = TypeVar("_D", bound=ServedConnection)


class ListenerGroup(Generic[_D]):
    """Accepts connections on any number of addresses, within the limits of `gate`.

    `new_delegate` is called once for each accepted connection; an OSError out of it drops the connection.
    """

    def __init__(
        self,
        loop: Loop,
        gate: ConnectionGate,
        new_delegate: Callable[[TcpConnection], _D],
        dead_after_s: float = DEAD_AFTER_S,
    ) -> None:
        self.gate = gate
        self._loop = loop
        self._new_delegate = new_delegate
        self._dead_after_s = dead_after_s
        self._listeners: list[TcpListener] = []
        self._delegates: dict[TcpConnection, _D] = {}

    def listen(self, host: str, port: int) -> tuple[str, int]:
        """Listen on one more address; return it with its real port. OSError when it is in use or not available."""
        return self.serve_on(open_listening_socket(host, port))

    def serve_on(self, listening: socket.socket) -> tuple[str, int]:
        """Accept from a listening, non-blocking socket, which the group closes; return its address."""
        listener = TcpListener(self._loop, listening, self.gate, self._on_accepted)
        self._listeners.append(listener)
        address = listener.address
        return address[0], address[1]

    def _on_accepted(self, accepted: socket.socket) -> None:
        TcpConnection(self._loop, accepted, self._register, self._dead_after_s)

    def _register(self, connection: TcpConnection) -> _D:
        delegate = self._delegates[connection] = self._new_delegate(connection)
        connection.on_over = partial(self._forget, connection)
        connection.on_waiting = partial(self.gate.set_waiting, connection.peer_host, connection)
        connection.set_waiting(True)  # for its first request
        return delegate

    def hand_over(self, connection: TcpConnection, successor: _D) -> None:
        """Give a connection to another delegate, which speaks another protocol; it stays in registry and gate."""
        self._delegates[connection] = successor
        connection.hand_over(successor)

    @property
    def delegates(self) -> tuple[_D, ...]:
        """The delegates of the connections that are open now, oldest first."""
        return tuple(self._delegates.values())

    def _forget(self, connection: TcpConnection) -> None:
        """Take a connection that has ended out of the registry and the gate."""
        del self._delegates[connection]
        self.gate.leave(connection.peer_host, connection)

    def stop_listening(self) -> None:
        """Close the listening sockets; connections that are open go on."""
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()

    def close_connections(self, reason: CloseReason) -> None:
        """Close every open connection."""
        for delegate in self.delegates:
            delegate.close(reason)
