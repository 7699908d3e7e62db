"""How a TCP connection finds out that its peer is dead, and that a silent peer is alive.

Three clocks, all of `dead_after_s`:

- Media that stays unacknowledged: TCP_USER_TIMEOUT, the kernel's.
- Nothing to send (a paused session, the control connection of a UDP session): keep-alive probes every second, and a
  check here of when the last acknowledgement came. The kernel could end these connections too, but only together with a
  probe, up to a second early or late; its time-out is the longer one.
- A peer that acknowledges and never drains (a zero window) is found by its write queue: `connection`.

A stall is not a death. By default TCP retransmits 0.2, 0.6, 1.4, 3.0, 6.2 and 12.6 s after the first loss: after a link
was dead for 6.5 s, it sends nothing before 12.6 s, and the user time-out would end a reader that is back. Linux 6.15
caps that back-off (TCP_RTO_MAX_MS). On older kernels the user time-out *slides*: the kernel arms its retransmission
timer no later than the time-out's end (since 4.19), so a time-out that is always 0.9 s ahead makes it retransmit once a
second.
"""

import socket
from typing import Final

from edge_streamer.runtime.tcp.info import BYTES_ACKED, LAST_ACK_RECEIVED, UNACKED, field_of, read_raw

PROBE_INTERVAL_S: Final = 1
"""Both for the first probe and between probes: an idle connection costs a packet a second."""
RTO_MAX_MS: Final = 1000
TCP_RTO_MAX_MS: Final = 44
"""linux/tcp.h since 6.15; refused with ENOPROTOOPT before."""
IDLE_GRACE_S: Final = 0.4
"""The last acknowledgement of an idle peer is up to a second old when its link dies: half of that, less half of the
interval between two checks, puts the mean of this clock at `dead_after_s` after the loss."""
BACKSTOP_S: Final = 2.0
"""How much later than this clock the kernel ends an idle connection."""
SLIDE_AFTER_S: Final = 0.6
SLIDE_AHEAD_S: Final = 0.9
"""Longer than the interval between two checks and a loop turn delayed by half a second. A longer delay, during a stall,
on a kernel before 6.15, ends the stalling reader: a time-out further ahead would retransmit too late."""


class DeadPeerClock:
    """The clocks of one connection; `look` is called a few times a second."""

    __slots__ = ("_acked_bytes", "_dead_after_s", "_progress_at", "_slides", "_socket", "_user_timeout_s")

    def __init__(self, connected: socket.socket, dead_after_s: float, now: float) -> None:
        self._socket = connected
        self._dead_after_s = dead_after_s
        self._slides = not _cap_backoff(connected)
        self._user_timeout_s = 0.0
        self._acked_bytes = 0
        self._progress_at = now
        self._set_user_timeout(dead_after_s)
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL):
            connected.setsockopt(socket.IPPROTO_TCP, option, PROBE_INTERVAL_S)

    def look(self, now: float, *, is_sending: bool) -> bool:
        """Return whether the peer is dead by this clock; slide the kernel's time-out where that is needed.

        `is_sending`: media flows, and the kernel's own time-out applies. A check costs one system call, and none while
        media flows on a kernel that caps its back-off.
        """
        if is_sending and not self._slides:
            self._set_user_timeout(self._dead_after_s)
            return False
        info = read_raw(self._socket)
        if self._slides:
            self._slide(info, now, self._dead_after_s if is_sending else self._dead_after_s + BACKSTOP_S)
        else:
            self._set_user_timeout(self._dead_after_s + BACKSTOP_S)
        if is_sending:
            return False
        silent_s = (field_of(info, LAST_ACK_RECEIVED) or 0) / 1000
        return silent_s > self._dead_after_s + IDLE_GRACE_S

    def _slide(self, info: bytes, now: float, most_s: float) -> None:
        acked_bytes = field_of(info, BYTES_ACKED) or 0
        if not field_of(info, UNACKED) or acked_bytes != self._acked_bytes:
            self._acked_bytes = acked_bytes
            self._progress_at = now
        idle_s = now - self._progress_at
        self._set_user_timeout(min(idle_s + SLIDE_AHEAD_S, most_s) if idle_s > SLIDE_AFTER_S else most_s)

    def _set_user_timeout(self, timeout_s: float) -> None:
        if timeout_s != self._user_timeout_s:
            self._user_timeout_s = timeout_s
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(timeout_s * 1000))


def _cap_backoff(connected: socket.socket) -> bool:
    """Cap the kernel's retransmission interval at a second; False where it cannot (before Linux 6.15)."""
    try:
        connected.setsockopt(socket.IPPROTO_TCP, TCP_RTO_MAX_MS, RTO_MAX_MS)
    except OSError:
        return False
    return True
