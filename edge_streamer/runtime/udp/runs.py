"""Sending a frame's datagrams as runs of equal-sized packets, with segmentation offload.

A run costs one `sendmsg` with UDP_SEGMENT: the kernel cuts it into datagrams. Where a destination's interface refuses
that (EIO without checksum offload, as many Wi-Fi drivers; also EINVAL, EMSGSIZE), the `RunSender` remembers it and
sends the packets one by one. Used by `pair` (one viewer) and `multicast` (one group).
"""

import errno
import logging
import socket
from collections.abc import Callable, Iterable
from struct import pack
from typing import Final, Protocol

from edge_streamer.runtime.address import family_of

log = logging.getLogger(__name__)

SEND_BUFFER_BYTES: Final = 1 << 20
"""A key frame is sent in one burst; the part that exceeds the buffer is lost."""
MAX_DATAGRAM_BYTES: Final = 65535
_UDP_SEGMENT: Final = 103  # linux/udp.h; the value is a native uint16
_NO_SEGMENTATION: Final = {errno.EIO, errno.EINVAL, errno.EMSGSIZE, errno.ENOPROTOOPT, errno.EOPNOTSUPP}
_BUFFER_FULL: Final = {errno.EAGAIN, errno.ENOBUFS}


class DatagramRun(Protocol):
    """Consecutive packets of `segment_bytes` each in `image`; the last may be shorter."""

    @property
    def image(self) -> bytes:
        """All packets of the run."""

    @property
    def segment_bytes(self) -> int:
        """The size of each packet but the last."""

    @property
    def packet_count(self) -> int:
        """How many packets."""


class RunSender:
    """Sends frames over one connected socket and counts the packets sent; `on_error` gets the error that stopped a
    frame."""

    __slots__ = ("_on_error", "_rtp", "_segments", "sent_bytes", "sent_packets")

    def __init__(self, rtp: socket.socket, on_error: Callable[[OSError], None]) -> None:
        self.sent_bytes = 0
        self.sent_packets = 0
        self._rtp = rtp
        self._on_error = on_error
        self._segments = True

    def send_runs(self, runs: Iterable[DatagramRun]) -> bool:
        """Send a frame's runs; False when a part of the frame is lost, to a full send buffer or to an error."""
        complete = True
        for run in runs:
            try:
                self._send_run(run)
            except OSError as error:
                if error.errno not in _BUFFER_FULL:
                    self._on_error(error)
                    return False
                complete = False
        return complete

    def _send_run(self, run: DatagramRun) -> None:
        if run.packet_count == 1:
            self._count(self._rtp.send(run.image), 1)
        elif self._segments:
            try:
                segment = (socket.SOL_UDP, _UDP_SEGMENT, pack("=H", run.segment_bytes))
                self._count(self._rtp.sendmsg([run.image], [segment]), run.packet_count)
            except OSError as error:
                if error.errno not in _NO_SEGMENTATION:
                    raise
                log.info("no segmentation offload towards this peer (%s): sending packet by packet", error)
                self._segments = False
                self._send_run(run)
        else:
            image = memoryview(run.image)
            for start in range(0, len(image), run.segment_bytes):
                self._count(self._rtp.send(image[start : start + run.segment_bytes]), 1)

    def _count(self, sent_bytes: int, packets: int) -> None:
        self.sent_bytes += sent_bytes
        self.sent_packets += packets

    def let_go(self) -> None:
        """Drop `on_error`, whose owner holds this sender: the reference cycle would wait for the garbage collector."""
        self._on_error = _ignore_error


def datagram_socket(host: str) -> socket.socket:
    """Return a non-blocking socket of the family of `host`, with a send buffer for a whole key frame."""
    made = socket.socket(family_of(host), socket.SOCK_DGRAM)
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    return made


def _ignore_error(error: OSError) -> None:
    """Called for a send that fails after `let_go`: the session has ended."""
