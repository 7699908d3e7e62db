"""Multicast with real players, each on a host of its own behind one switch (`tests.support.netns.namespaces`).

GStreamer opens firewalls with a few datagrams of random bytes to the group, as if it were the server's address; ffmpeg
complains of them when it hears any. So GStreamer is here alone.
"""

import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import pytest

from tests.support.netns.namespaces import SERVER_ADDRESS, Laboratory, Namespace, ReaderPort, laboratory
from tests.support.netns.service import HTTP_PORT, RTSP_PORT, NamespacedService, service_in
from tests.support.outage import no_picture
from tests.support.players import FFMPEG, GSTREAMER, Player, Playing
from tests.support.rtsp.agreement import Ears, disagreements
from tests.support.rtsp.wire import ClientParser, Response, encode_request

FRAME_RATE_HZ: Final = 30
IPV4: Final = '[multicast]\ninterface = "eth0"\n'
IPV6: Final = '[multicast]\nnetwork = "ff15::42:0/120"\n'
CONFIG: Final = f"""
[rtsp]
listen = "{SERVER_ADDRESS}:{RTSP_PORT}"
transports = ["tcp", "multicast"]
[http]
listen = "127.0.0.1:{HTTP_PORT}"
[auth]
anonymous = true
[streams.main]
"""
SECOND_ADDRESS: Final = "198.18.0.77"
"""Of the server's device too; packets to a group leave from the first one."""
TRANSPORT_OF: Final = {FFMPEG: "udp_multicast", GSTREAMER: "udp-mcast"}
DEADLINE_S: Final = 10.0


@pytest.fixture(scope="module")
def lab() -> Iterator[Laboratory]:
    with laboratory() as lab:
        yield lab


@pytest.fixture(scope="module")
def readers(lab: Laboratory) -> list[ReaderPort]:
    """Two hosts that know where groups are, as every host with a default route does."""
    ports = [lab.add_reader(), lab.add_reader()]
    for port in ports:
        subprocess.run(["ip", "-n", port.namespace.name, "route", "add", "239.255.42.0/24", "dev", "eth0"], check=True)
    for namespace in (lab.server, *(port.namespace for port in ports)):
        wait_until(lambda namespace=namespace: has_ipv6_address(namespace))
    return ports


def has_ipv6_address(namespace: Namespace) -> bool:
    """Whether the link-local address has been found to be nobody else's (RFC 4862 section 5.4)."""
    command = ["ip", "-n", namespace.name, "-6", "-json", "address", "show", "dev", "eth0", "scope", "link"]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return any(not found.get("tentative") for device in json.loads(shown) for found in device.get("addr_info", ()))


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "not so in time"
        time.sleep(0.05)


@contextmanager
def playing(player: Player, port: ReaderPort, service: NamespacedService, seconds: int) -> Iterator[Playing]:
    with port.namespace.entered():
        process = Playing(player, service.rtsp_url("main"), TRANSPORT_OF[player], seconds * FRAME_RATE_HZ)
    with process:
        yield process


def check_shown(process: Playing, seconds: int) -> None:
    shown = process.finish()
    assert shown.faults == ()
    assert len(shown.times_s) == seconds * FRAME_RATE_HZ
    assert shown.longest_step_s < 1.5 / FRAME_RATE_HZ
    assert shown.shortest_step_s > 0


def reported(service: NamespacedService) -> set[str]:
    """Return the slots whose viewer has reported what it lost."""
    samples = (key for key in service.metrics() if key.startswith("edge_streamer_session_rtcp_fraction_lost_ratio{"))
    return {key.partition('slot="')[2].partition('"')[0] for key in samples}


def test_two_readers_share_one_copy_and_the_one_that_leaves_is_not_missed(lab, readers) -> None:
    with (
        service_in(lab, CONFIG + IPV4) as service,
        playing(FFMPEG, readers[0], service, seconds=8) as staying,
        playing(FFMPEG, readers[1], service, seconds=4) as leaving,
    ):
        wait_until(lambda: reported(service) == {"0", "1"})
        check_shown(leaving, 4)
        wait_until(lambda: service.ended_by_reason() == {"teardown": 1})
        assert staying.is_playing
        check_shown(staying, 8)
        wait_until(lambda: service.ended_by_reason() == {"teardown": 2})
        metrics = service.metrics()
        assert metrics['edge_streamer_sessions_started_total{transport="multicast"}'] == 2
        assert metrics['edge_streamer_discarded_frames_total{transport="multicast"}'] == 0
        sent, made = (
            metrics[f"edge_streamer_{name}"]
            for name in ('sent_bytes_total{transport="multicast"}', 'source_bytes_total{stream="main"}')
        )
        assert 0 < sent < 1.1 * made, "one copy, with the headers of RTP"


@pytest.mark.parametrize("player", [FFMPEG, GSTREAMER], ids=lambda player: player.name)
@pytest.mark.parametrize("where", [IPV4, IPV6], ids=["IPv4", "IPv6"])
def test_a_player_shows_three_seconds_without_a_fault(lab, readers, player, where) -> None:
    with service_in(lab, CONFIG + where) as service, playing(player, readers[0], service, seconds=3) as process:
        check_shown(process, 3)


def test_without_a_way_to_the_group_the_player_is_told_at_once(lab, readers) -> None:
    """The server of the laboratory has no default route, and no interface is named here."""
    with service_in(lab, CONFIG) as service, playing(FFMPEG, readers[0], service, seconds=3) as process:
        wait_until(lambda: not process.is_playing)
        assert service.metrics()['edge_streamer_rtsp_responses_total{code="461"}'] == 1
        assert "SETUP refused" in service.output


@pytest.mark.parametrize("player", [FFMPEG, GSTREAMER], ids=lambda player: player.name)
def test_members_of_a_group_see_a_slate_and_the_picture_again(lab, readers, player) -> None:
    with service_in(lab, CONFIG + IPV4) as service, playing(player, readers[0], service, seconds=8) as member:
        wait_until(lambda: reported(service) == {"0"})
        with no_picture(service, "testpattern"):
            wait_until(lambda: service.metrics()['edge_streamer_source_slate_frames_total{stream="main"}'] >= 3)
        shown = member.finish()
        assert shown.faults == ()
        assert len(shown.times_s) == 8 * FRAME_RATE_HZ
        assert shown.shortest_step_s > 0
        assert 1.0 < shown.longest_step_s < DEADLINE_S
        assert service.ended_by_reason() in ({}, {"teardown": 1})


# --- reply and packets


def ask(connection: socket.socket, method: str, url: str, **headers: str) -> Response:
    connection.sendall(encode_request(method, url, 1, headers))
    parser = ClientParser()
    while (response := parser.next_message()) is None:
        parser.receive(connection.recv(65536))
    assert isinstance(response, Response)
    assert response.status == 200
    return response


@pytest.mark.parametrize("where", [IPV4, IPV6], ids=["IPv4", "IPv6"])
def test_reply_and_packets_agree_for_every_stream_and_address(lab, readers, where) -> None:
    """As tests/services/rtsp/transports/test_agreement.py on a device that has a way to both kinds of groups."""
    address = ["address", "replace", f"{SECOND_ADDRESS}/15", "dev", "eth0"]
    subprocess.run(["ip", "-n", lab.server.name, *address], check=True)
    everywhere = CONFIG.replace(SERVER_ADDRESS, "0.0.0.0")
    with service_in(lab, everywhere + '[streams.sub]\nsource = "testpattern"\n' + where + "ttl = 3\n") as service:
        for stream in ("main", "sub"):
            for host in (SERVER_ADDRESS, SECOND_ADDRESS):
                check_agreement(readers[0], service.rtsp_url(stream).replace(SERVER_ADDRESS, host), host)


def check_agreement(reader: ReaderPort, url: str, host: str) -> None:
    with reader.namespace.entered(), socket.create_connection((host, RTSP_PORT), DEADLINE_S) as connection:
        reply = ask(connection, "SETUP", f"{url}/trackID=0", Transport="RTP/AVP;multicast")
        told = reply.transport
        assert told["ttl"] == "3"
        ports = int(told["port"].split("-")[0]), int(told["port"].split("-")[1])
        with Ears(told["destination"], ports, "eth0") as ears:
            ask(connection, "PLAY", url, Session=reply.session_id)
            rtp, rtcp = [], []
            deadline = time.monotonic() + DEADLINE_S
            while not (len(rtp) > 10 and rtcp) and time.monotonic() < deadline:
                time.sleep(0.05)
                rtp += ears.rtp()
                rtcp += ears.rtcp()
            assert disagreements(reply, host, ears.ports, rtp, rtcp) == []
        ask(connection, "TEARDOWN", url, Session=reply.session_id)
