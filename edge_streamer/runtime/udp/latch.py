"""The port of a viewer that one socket of a pair sends to: the one that SETUP announced, or the one that a NAT chose.

A NAT may give the viewer's datagrams another source port than the viewer has announced. Viewers therefore send a few
datagrams before PLAY (ffmpeg an empty RTP and RTCP packet, GStreamer random bytes, live555 four bytes, gortsplib empty
packets), and expect the media where these came from. Their content proves nothing, so the rules are about place and
time:

- *Only the host of the RTSP connection is heard.* TCP has proven that address, so no client can aim a stream at a third
  host. The socket is connected to that host and port 0, by which the kernel drops what other hosts send.
- *The announced port wins.* The first datagram of it settles the matter; one of another port is latched only if none
  comes from the announced port until the media begins. A viewer without a NAT, or behind one that keeps ports, so loses
  nothing to another program on its host, if it sends one of these datagrams.
- *Once, and only between SETUP and the first media.* The first other port counts, and with the first media the socket
  is connected to its target for good. Who guesses the server's port later can no longer redirect a stream.
- *RTCP may come later*, since GStreamer sends none before the media. A socket that has heard nothing by then goes on to
  listen for a report on this very stream: its SSRC is random and known to its viewers only.

What remains: a host that forges the viewer's address, or another program behind the same address, can divert a stream
to another port of that address, where it guesses the server's port in the time between SETUP and PLAY and the viewer
sends nothing from the announced port. It can do no more than that with a stream: it cannot read it, or aim it
elsewhere.
"""

import logging
import socket
from collections.abc import Callable
from typing import Any

from edge_streamer.runtime.address import with_port

log = logging.getLogger(__name__)


class PortLatch:
    """Decides where `end` sends: `target`, a socket address. OSError when there is no way to the host.

    `is_proof` says whether a datagram that comes after the first media shows that its sender is the viewer; None where
    the first media settles the matter.
    """

    def __init__(self, end: socket.socket, announced: Any, is_proof: Callable[[bytes], bool] | None = None) -> None:
        self.target = announced
        self.is_settled = False  # the socket is connected to the target
        self._end = end
        self._announced = announced
        self._is_proof = is_proof
        self._is_window_open = True  # no media has been sent
        end.connect(with_port(announced, 0))

    def hears(self, datagram: bytes, source: Any) -> bool:
        """Whether `datagram` is the viewer's; the first one of another port than announced is latched."""
        if source[0] != self._announced[0]:
            return False  # it came before the socket was connected to the host
        if not self.is_settled:
            self._learn(datagram, source[1])
        return bool(source[1] == self.target[1])

    def _learn(self, datagram: bytes, port: int) -> None:
        if port == self._announced[1]:
            self.target = self._announced
            self._settle()
        elif not self._is_latched and (self._is_window_open or self._proves(datagram)):
            log.info("%s announced port %d and sends from port %d", self.target[0], self.target[1], port)
            self.target = with_port(self._announced, port)
            if not self._is_window_open:
                self._settle()

    def begin_media(self) -> None:
        """End the time in which any datagram of the host counts, and connect the socket to the target. A socket with
        `is_proof` that has heard nothing yet waits for the proof instead."""
        self._is_window_open = False
        if self._is_proof is None or self._is_latched:
            self._settle()

    def _proves(self, datagram: bytes) -> bool:
        return self._is_proof is not None and self._is_proof(datagram)

    @property
    def _is_latched(self) -> bool:
        return bool(self.target[1] != self._announced[1])

    def _settle(self) -> None:
        if not self.is_settled:
            self._end.connect(self.target)
            self.is_settled = True
