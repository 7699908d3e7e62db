"""A real service with its own limits, and peers that connect and hardly send: those who ask are still answered."""

import base64
import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final

import pytest

from tests.support.rtsp.reader import RtspReader
from tests.support.service import RunningService, running_service

HERE: Final = "127.0.0.1"
TIMEOUT_S: Final = 5.0
ANSWERED_WITHIN_S: Final = 1.0
CONFIG: Final = """
[streams.main]
width = 320
height = 240
"""
REQUEST: Final = b"GET /healthz HTTP/1.1\r\nHost: cam\r\n\r\n"


@pytest.fixture(scope="module")
def service() -> Iterator[RunningService]:
    with running_service(CONFIG) as running:
        yield running


@pytest.fixture
def peers() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def connect(peers: ExitStack, address: tuple[str, int], host: str = HERE) -> socket.socket:
    return peers.enter_context(socket.create_connection(address, TIMEOUT_S, source_address=(host, 0)))


def trickle(connections: list[socket.socket], letter: int) -> int:
    """Send one more letter of a request on each; return how many are still open."""
    is_open = 0
    for connection in connections:
        try:
            connection.send(REQUEST[letter : letter + 1])
            is_open += 1
        except OSError:
            pass  # closed to make room
    return is_open


def check_health(peers: ExitStack, service: RunningService, host: str = HERE) -> None:
    began = time.monotonic()
    client = connect(peers, service.http_address, host)
    client.sendall(REQUEST)
    assert client.recv(100).startswith(b"HTTP/1.1 200")
    assert time.monotonic() - began < ANSWERED_WITHIN_S


def open_live(peers: ExitStack, service: RunningService) -> socket.socket:
    """Return a connection that watches the live picture, as a browser does."""
    client = connect(peers, service.http_address)
    key = base64.b64encode(os.urandom(16)).decode()
    host = "{}:{}".format(*service.http_address)
    head = f"GET /api/v1/streams/main/live HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket"
    client.sendall(f"{head}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode())
    assert client.recv(12) == b"HTTP/1.1 101"
    return client


def test_sixty_trickling_connections_of_one_address_keep_nobody_out(service, peers) -> None:
    slow = [connect(peers, service.http_address) for _ in range(60)]
    for letter in range(5):
        assert trickle(slow, letter) > 0
        check_health(peers, service)
        check_health(peers, service, "127.0.0.2")


def test_two_addresses_that_fill_all_places_keep_nobody_out(service, peers) -> None:
    watching = open_live(peers, service)
    slow = [connect(peers, service.http_address, f"127.0.0.{2 + number % 2}") for number in range(120)]
    for letter in range(5):
        assert trickle(slow, letter) > 0
        for host in (HERE, "127.0.0.2", "127.0.0.4"):
            check_health(peers, service, host)
    watching.settimeout(TIMEOUT_S)
    before = time.monotonic()
    received = 0
    while time.monotonic() < before + 1:
        data = watching.recv(65536)
        assert data, "who watches is not closed for a newcomer"
        received += len(data)
    assert received > 1000
    metrics = service.metrics()
    assert metrics['edge_streamer_connections_evicted_total{protocol="http"}'] > 0
    assert metrics['edge_streamer_connections_open{protocol="http"}'] <= 64


def test_rtsp_connections_without_sessions_keep_no_viewer_out(service, peers) -> None:
    with RtspReader(service.rtsp_url("main")) as watching:
        watching.start()
        for number in range(300):
            connect(peers, service.rtsp_address, f"127.0.0.{1 + number % 5}")
        with RtspReader(service.rtsp_url("main")) as newcomer:
            newcomer.start()
            assert newcomer.next_rtp()
            newcomer.teardown()
        assert list(watching.packets(count=100))
        assert watching.gaps == []
        watching.teardown()
    metrics = service.metrics()
    assert metrics['edge_streamer_connections_evicted_total{protocol="rtsp"}'] > 0
    assert metrics['edge_streamer_connections_open{protocol="rtsp"}'] <= 256
