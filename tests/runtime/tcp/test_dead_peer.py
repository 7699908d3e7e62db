"""The arithmetic of the clocks, over a socket that answers what it is told; tests/netns shows that kernels agree."""

import errno
import socket
from struct import pack_into

import pytest

from edge_streamer.runtime.tcp.dead_peer import (
    BACKSTOP_S,
    IDLE_GRACE_S,
    SLIDE_AFTER_S,
    SLIDE_AHEAD_S,
    TCP_RTO_MAX_MS,
    DeadPeerClock,
)

DEAD_AFTER_S = 8.0


class FakeSocket:
    """Keeps the options it is given and shows a struct tcp_info of our making."""

    def __init__(self, *, caps_backoff: bool) -> None:
        self.caps_backoff = caps_backoff
        self.options: dict[int, int] = {}
        self.unacked = 0
        self.acked_bytes = 0
        self.last_ack_ms = 0
        self.looks = 0

    def setsockopt(self, level: int, option: int, value: int) -> None:
        if (level, option) == (socket.IPPROTO_TCP, TCP_RTO_MAX_MS) and not self.caps_backoff:
            raise OSError(errno.ENOPROTOOPT, "Protocol not available")
        if level == socket.IPPROTO_TCP:
            self.options[option] = value

    def getsockopt(self, level: int, option: int, size_bytes: int) -> bytes:
        assert (level, option) == (socket.IPPROTO_TCP, socket.TCP_INFO)
        self.looks += 1
        info = bytearray(size_bytes)
        pack_into("=I", info, 24, self.unacked)
        pack_into("=I", info, 56, self.last_ack_ms)
        pack_into("=Q", info, 120, self.acked_bytes)
        return bytes(info)

    @property
    def user_timeout_s(self) -> float:
        return self.options[socket.TCP_USER_TIMEOUT] / 1000


@pytest.fixture
def new_kernel():
    return FakeSocket(caps_backoff=True)


@pytest.fixture
def old_kernel():
    return FakeSocket(caps_backoff=False)


def test_a_playing_reader_costs_nothing_where_the_kernel_caps_its_backoff(new_kernel):
    clock = DeadPeerClock(new_kernel, DEAD_AFTER_S, 0.0)
    assert not clock.look(100.0, is_sending=True)
    assert (new_kernel.looks, new_kernel.user_timeout_s) == (0, DEAD_AFTER_S)


@pytest.mark.parametrize("kernel", ["new_kernel", "old_kernel"])
def test_an_idle_peer_is_dead_when_no_probe_was_answered_for_long_enough(kernel, request):
    sock = request.getfixturevalue(kernel)
    clock = DeadPeerClock(sock, DEAD_AFTER_S, 0.0)
    sock.last_ack_ms = round(1000 * (DEAD_AFTER_S + IDLE_GRACE_S))
    assert not clock.look(8.4, is_sending=False)
    sock.last_ack_ms += 1
    assert clock.look(8.5, is_sending=False)


@pytest.mark.parametrize(("is_sending", "most_s"), [(True, DEAD_AFTER_S), (False, DEAD_AFTER_S + BACKSTOP_S)])
def test_the_time_out_slides_ahead_of_a_stall_and_back_on_progress(old_kernel, is_sending, most_s):
    clock = DeadPeerClock(old_kernel, DEAD_AFTER_S, 0.0)
    old_kernel.unacked = 3
    clock.look(0.0, is_sending=is_sending)
    for quarter in range(1, 40):
        idle_s = quarter / 4
        clock.look(idle_s, is_sending=is_sending)
        expected_s = min(idle_s + SLIDE_AHEAD_S, most_s) if idle_s > SLIDE_AFTER_S else most_s
        assert old_kernel.user_timeout_s == pytest.approx(expected_s)
    old_kernel.acked_bytes = 1
    clock.look(10.0, is_sending=is_sending)
    assert old_kernel.user_timeout_s == most_s


def test_what_has_nothing_under_way_does_not_slide(old_kernel):
    clock = DeadPeerClock(old_kernel, DEAD_AFTER_S, 0.0)
    for second in range(60):
        clock.look(float(second), is_sending=True)
        assert old_kernel.user_timeout_s == DEAD_AFTER_S
