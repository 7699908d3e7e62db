"""The socket of a client whose service runs on a loop turned by hand: what the test clients of all services share."""

import socket

from edge_streamer.runtime.loop import Loop
from tests.support.loop import turn_until


class PeerClient:
    """A connected socket that does not block. A small receive buffer makes a slow reader."""

    def __init__(self, loop: Loop, address: tuple[str, int], *, host: str = "", buffer_bytes: int = 0) -> None:
        self.loop = loop
        self.is_closed = False
        self.socket = socket.socket()
        if buffer_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        if host:
            self.socket.bind((host, 0))
        self.socket.connect(address)
        self.socket.setblocking(False)

    def take_available(self) -> bytes:
        """Return what has arrived, and note the end of the connection in `is_closed`."""
        taken = b""
        try:
            while data := self.socket.recv(1 << 20):
                taken += data
            self.is_closed = True
        except BlockingIOError:
            pass
        except ConnectionResetError:
            self.is_closed = True
        return taken

    def read(self) -> object:
        """Take what has arrived; clients say what becomes of it."""
        return self.take_available()

    def wait_closed(self) -> None:
        """Turn until the service has hung up."""

        def is_closed() -> bool:
            self.read()
            return self.is_closed

        turn_until(self.loop, is_closed)

    def close(self) -> None:
        self.socket.close()


class TextClient(PeerClient):
    """A client whose requests are lines and which keeps all bytes that come."""

    def __init__(self, loop: Loop, address: tuple[str, int], *, buffer_bytes: int = 0) -> None:
        super().__init__(loop, address, buffer_bytes=buffer_bytes)
        self.received = b""

    def send(self, *lines: str) -> None:
        """Send a request without a body."""
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())

    def read(self) -> bytes:
        """Return everything that has come so far."""
        self.received += self.take_available()
        return self.received
