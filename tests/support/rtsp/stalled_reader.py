"""A reader that plays and then reads no more, so that its backlog grows until the server lets it go."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tests.support.rtsp.reader import RtspReader

RECEIVE_BUFFER_BYTES: Final = 8 << 10
"""Little, so that what is not read waits at the server and not here."""


@contextmanager
def stalled_reader(url: str) -> Iterator[RtspReader]:
    """Play `url` over TCP and stop reading at once."""
    with RtspReader(url) as reader:
        reader.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        reader.start()
        yield reader
