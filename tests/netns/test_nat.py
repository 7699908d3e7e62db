"""Real players behind a router that gives their datagrams random source ports: they announce ports in SETUP that the
server could never reach, send a few datagrams first, and expect the media where these came from."""

import socket
from collections.abc import Iterator
from typing import Final

import pytest

from tests.support.netns.namespaces import SERVER_ADDRESS, Laboratory, Namespace, laboratory
from tests.support.netns.service import HTTP_PORT, RTSP_PORT, NamespacedService, service_in
from tests.support.players import FFMPEG, GSTREAMER, Playing

FRAME_RATE_HZ: Final = 30
SECONDS: Final = 8
CONFIG: Final = f"""
[rtsp]
listen = "{SERVER_ADDRESS}:{RTSP_PORT}"
transports = ["udp"]
[http]
listen = "127.0.0.1:{HTTP_PORT}"
[auth]
anonymous = true
[streams.main]
"""
"""Without TCP: a player that gets no datagram cannot fall back to it."""


@pytest.fixture(scope="module")
def lab() -> Iterator[Laboratory]:
    with laboratory() as lab:
        yield lab


@pytest.fixture(scope="module")
def inside(lab: Laboratory) -> Namespace:
    return lab.add_reader_behind_nat()


@pytest.fixture(scope="module")
def service(lab: Laboratory) -> Iterator[NamespacedService]:
    with service_in(lab, CONFIG) as service:
        yield service


def test_the_router_changes_ports(lab: Laboratory, inside: Namespace) -> None:
    """The laboratory does what the other tests rely on."""
    with lab.server.entered():
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with inside.entered():
        reader = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with server, reader:
        server.bind((SERVER_ADDRESS, 0))
        server.settimeout(5)
        reader.bind(("", 0))
        reader.sendto(b"from where?", server.getsockname())
        assert server.recvfrom(100)[1][1] != reader.getsockname()[1]


@pytest.mark.parametrize(("player", "transport"), [(FFMPEG, "udp"), (GSTREAMER, "udp")], ids=["ffmpeg", "gstreamer"])
def test_a_player_shows_every_picture(service: NamespacedService, inside: Namespace, player, transport) -> None:
    with inside.entered():
        process = Playing(player, service.rtsp_url("main"), transport, SECONDS * FRAME_RATE_HZ)
    with process:
        shown = process.finish()
    assert shown.faults == ()
    assert len(shown.times_s) == SECONDS * FRAME_RATE_HZ
    assert shown.longest_step_s < 1.5 / FRAME_RATE_HZ


def test_two_players_behind_one_router_are_told_apart(service: NamespacedService, inside: Namespace) -> None:
    with inside.entered():
        processes = [Playing(FFMPEG, service.rtsp_url("main"), "udp", 3 * FRAME_RATE_HZ) for _ in range(2)]
    with processes[0], processes[1]:
        for process in processes:
            shown = process.finish()
            assert (shown.faults, len(shown.times_s)) == ((), 3 * FRAME_RATE_HZ)
