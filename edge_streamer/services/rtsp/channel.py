"""The two-way path to one RTSP client, as `connection` and the interleaved transport see it.

`runtime.tcp.connection.TcpConnection` is a channel; a TLS connection or a tunnel through HTTP can be others, with the
same write budget, clocks and end reasons. Only `transports.batch` needs to know whether a channel is a plain TCP
connection.
"""

from collections.abc import Callable
from typing import Any, Protocol

from edge_streamer.runtime.loop import Owner
from edge_streamer.runtime.tcp.close_reason import CloseReason
from edge_streamer.runtime.tcp.info import TcpInfo
from edge_streamer.runtime.tcp.write_queue import WriteQueue


class Channel(Owner, Protocol):
    """Sends bytes to a client and reports their backlog; bytes from the client reach `RtspConnection.on_data`."""

    on_overflow: Callable[[], None] | None
    """Called when more bytes wait than the sum of the limits of `queue`, or the oldest byte for longer than
    `dead_after_s`; where it is None, the channel closes with reason `backlog`."""

    # --- the two ends

    @property
    def connection_id(self) -> int:
        """A number that no other channel of this process has."""

    @property
    def peer_host(self) -> str:
        """The client's address without its port."""

    @property
    def peer_address(self) -> Any:
        """The client's socket address."""

    @property
    def local_address(self) -> Any:
        """The socket address that the client reached."""

    # --- sending

    def send(self, data: bytes) -> None:
        """Send a reply, before all frames but the one that is partly on the wire."""

    def send_frame(self, image: bytes) -> None:
        """Send one frame's packets. `image` is shared by all readers of the stream and is not copied."""

    def set_send_buffer(self, size_bytes: int) -> None:
        """Bound the bytes that the kernel holds."""

    # --- what waits

    @property
    def sent_bytes(self) -> int:
        """Bytes that the kernel took."""

    @property
    def queue(self) -> WriteQueue:
        """The replies and frames that wait in this process, and how much may wait: the sum of its sessions' budgets."""

    @property
    def backlog_bytes(self) -> int:
        """Bytes that wait in this process and in the kernel."""

    def info(self) -> TcpInfo:
        """Ask the kernel about the path to the client; after the end, return the kernel's last values."""

    def drop_frames(self) -> int:
        """Drop the frames that wait whole and return how many."""

    # --- the end

    def set_waiting(self, is_waiting: bool) -> None:
        """Take note whether the client has no session and is owed nothing: the channel may then be closed to make room
        for another one."""

    def look_for_death(self, now: float, *, is_sending: bool) -> None:
        """Close when the client has died silently; called a few times a second. `is_sending`: media flows."""

    def close(self, reason: CloseReason) -> None:
        """Close in the next turn, and drop what still waits."""

    def close_when_sent(self, reason: CloseReason) -> None:
        """Send the replies that wait, then close."""
