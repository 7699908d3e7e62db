"""Two ends of one TCP connection over loopback, as an accept loop would get them."""

import socket
from collections.abc import Callable
from typing import Final

from edge_streamer.runtime.loop import Loop
from edge_streamer.runtime.tcp.close_reason import CloseReason
from tests.support.loop import MAX_TURNS, WAIT_S

READ_BYTES: Final = 1 << 20


class Delegate:
    """Keeps why its connection was closed."""

    def __init__(self) -> None:
        self.reasons: list[CloseReason] = []

    def on_data(self, data: bytes) -> None: ...

    def on_sent_all(self) -> None: ...

    def on_closed(self, reason: CloseReason) -> None:
        self.reasons.append(reason)


def connected_pair(host: str = "127.0.0.1", *, receive_buffer_bytes: int = 0) -> tuple[socket.socket, socket.socket]:
    """Return the accepted end and the client's, which does not block; a small receive buffer makes a slow reader."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        if receive_buffer_bytes:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, receive_buffer_bytes)
        listening.bind((host, 0))
        listening.listen(1)
        client = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer_bytes:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        client.connect(listening.getsockname())
        client.setblocking(False)
        return listening.accept()[0], client


def read_available(client: socket.socket) -> bytes:
    """Return what has arrived; empty when nothing has, or when the other end has closed."""
    try:
        return client.recv(READ_BYTES)
    except BlockingIOError:
        return b""


def read_until(loop: Loop, client: socket.socket, done: Callable[[bytes], object]) -> bytes:
    """Return what the client receives while the loop turns, as soon as `done` is content with it."""
    received = b""
    for _ in range(MAX_TURNS):
        if done(received):
            return received
        loop.turn(WAIT_S)
        received += read_available(client)
    raise AssertionError(f"{len(received)} bytes came, ending in {received[-64:]!r}")


def read_to_end(loop: Loop, client: socket.socket) -> bytes:
    """Return what the client receives up to the end of the connection; ConnectionResetError when that is a reset."""
    received = b""
    for _ in range(MAX_TURNS):
        loop.turn(WAIT_S)
        try:
            data = client.recv(READ_BYTES)
        except BlockingIOError:
            continue
        if not data:
            return received
        received += data
    raise AssertionError("the connection did not end")


def reset(client: socket.socket) -> None:
    """Close with a reset instead of an end."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
