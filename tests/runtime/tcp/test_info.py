"""The kernel's own struct over loopback, and structs of kernels that know less."""

import socket

import pytest

from edge_streamer.runtime.tcp.info import TcpInfo, held_bytes, parse_tcp_info, read_raw, read_tcp_info
from tests.support.tcp_pair import connected_pair


def a_struct(length: int = 240, **fields: tuple[int, int, int]) -> bytes:
    """Return a struct of that length; a field is its offset, its size and its value."""
    raw = bytearray(240)
    for offset, size, value in fields.values():
        raw[offset : offset + size] = value.to_bytes(size, "little")
    return bytes(raw[:length])


FIELDS = {
    "tcpi_rtt": (68, 4, 15_500),
    "tcpi_total_retrans": (100, 4, 7),
    "tcpi_notsent_bytes": (144, 4, 1_000),
    "tcpi_delivery_rate": (160, 8, 250_000),
}


def test_the_fields():
    info = parse_tcp_info(a_struct(**FIELDS), held_bytes=5_000)
    assert info == TcpInfo(round_trip_s=0.0155, retransmits=7, unacknowledged_bytes=4_000, delivery_bps=2_000_000.0)


def test_what_has_not_been_measured_is_unknown():
    assert parse_tcp_info(a_struct(), held_bytes=0) == TcpInfo(None, 0, 0, None)


def test_the_bytes_on_their_way_are_never_negative():
    assert parse_tcp_info(a_struct(**FIELDS), held_bytes=0).unacknowledged_bytes == 0


@pytest.mark.parametrize("length", range(0, 241, 8))  # a kernel's struct ends where a field does
def test_a_struct_that_ends_early_says_less(length):
    info = parse_tcp_info(a_struct(length, **FIELDS), held_bytes=5_000)
    assert info.round_trip_s == (0.0155 if length >= 72 else None)
    assert info.retransmits == (7 if length >= 104 else 0)
    assert info.unacknowledged_bytes == (4_000 if length >= 148 else None)
    assert info.delivery_bps == (2_000_000.0 if length >= 168 else None)


def test_this_kernel_measures_a_connection():
    server, client = connected_pair()
    with server, client:
        client.setblocking(True)
        server.sendall(bytes(100_000))
        while held_bytes(server):
            client.recv(1 << 20)
        info = read_tcp_info(server)
        assert len(read_raw(server)) == 168
        assert 0 < info.round_trip_s < 1
        assert 0 <= info.retransmits < 10  # a busy machine sends again what nobody lost
        assert info.delivery_bps > 0


def test_what_a_stalled_reader_has_not_taken_is_told_apart():
    server, client = connected_pair(receive_buffer_bytes=4096)
    with server, client:
        server.setblocking(False)
        sent = server.send(bytes(1 << 20))
        info = read_tcp_info(server)
        assert 0 <= info.unacknowledged_bytes < sent


def test_an_unknown_socket_is_our_own_fault():
    one, other = socket.socketpair()
    with one, other, pytest.raises(OSError, match=r"."):
        read_tcp_info(one)
