"""How the load client's UDP sockets receive what a server sends as one run of datagrams."""

import socket
import struct
from contextlib import closing

import pytest

from benchmarks.sockets import prepare_udp

DATAGRAM_BYTES = 1000
UDP_SEGMENT = (17, 103, struct.pack("=H", DATAGRAM_BYTES))


@pytest.mark.parametrize(("udp_gro", "first_read_bytes"), [(False, DATAGRAM_BYTES), (True, 3 * DATAGRAM_BYTES)])
def test_a_run_arrives_in_datagrams_unless_it_is_asked_for_whole(udp_gro: bool, first_read_bytes: int):
    with (
        closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as receiver,
        closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender,
    ):
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        prepare_udp(receiver, udp_gro=udp_gro)
        sender.sendmsg([bytes(3 * DATAGRAM_BYTES)], [UDP_SEGMENT], 0, receiver.getsockname())
        assert len(receiver.recv(1 << 16)) == first_read_bytes
