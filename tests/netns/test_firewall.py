"""The device image's firewall, in front of sockets that would answer: what comes in, and what does not."""

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_streamer.services.rtsp.settings import MulticastSettings, RtspSettings
from tests.support.netns.namespaces import SERVER_ADDRESS, Laboratory, ReaderPort, laboratory

RULES = Path(__file__).parents[2] / "deploy/image/root/etc/nftables.conf"
SETTINGS_FOLDER = "/run/nftables.d"
SILENCE_S = 0.5
ECHO_REQUEST = bytes.fromhex("0800 f7ff 0000 0000")
"""Type, code, checksum, identifier and number (RFC 792)."""
ECHO_REPLY = 0


@pytest.fixture
def lab() -> Iterator[Laboratory]:
    with laboratory() as lab:
        yield lab


@pytest.fixture
def reader(lab: Laboratory) -> ReaderPort:
    return lab.add_reader()


def load_rules(lab: Laboratory, settings: Path) -> None:
    """Load the image's rules as the device does, with `settings` in the place of the folder of its own rules."""
    text = RULES.read_text()
    assert SETTINGS_FOLDER in text
    with lab.server.entered():
        rules = text.replace(SETTINGS_FOLDER, str(settings))
        subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True)


def reaches_tcp(lab: Laboratory, reader: ReaderPort, port: int) -> bool:
    """Whether a connection to a port with a listener is made; one that is refused would be a fault of the test."""
    with lab.server.entered():
        listener = socket.create_server(("", port))
    with listener, reader.namespace.entered():
        try:
            socket.create_connection((SERVER_ADDRESS, port), timeout=SILENCE_S).close()
        except TimeoutError:
            return False
        return True


def reaches_udp(lab: Laboratory, reader: ReaderPort, port: int, source_port: int = 0) -> bool:
    with lab.server.entered():
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with reader.namespace.entered():
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with receiver, sender:
        receiver.bind(("", port))
        receiver.settimeout(SILENCE_S)
        sender.bind(("", source_port))
        sender.sendto(b"hello", (SERVER_ADDRESS, port))
        try:
            return receiver.recv(16) == b"hello"
        except TimeoutError:
            return False


def test_without_rules_everything_comes_in_so_the_other_tests_can_fail(lab: Laboratory, reader: ReaderPort):
    assert reaches_tcp(lab, reader, 22)
    assert reaches_udp(lab, reader, 5000)


def test_the_service_comes_in_and_nothing_else_does(lab: Laboratory, reader: ReaderPort, tmp_path: Path):
    load_rules(lab, tmp_path / "absent")
    assert {port: reaches_tcp(lab, reader, port) for port in (22, 80, 554, 5355, 8080)} == {
        22: False,
        80: True,
        554: True,
        5355: False,
        8080: False,
    }


def test_udp_ports_of_the_default_configuration_are_open(lab: Laboratory, reader: ReaderPort, tmp_path: Path):
    load_rules(lab, tmp_path)
    ports = RtspSettings().udp_ports
    first, last = ports.first, ports.last
    multicast = MulticastSettings().first_port
    opened = {port: reaches_udp(lab, reader, port) for port in (first - 1, first, last, multicast, multicast + 1)}
    assert opened == {first - 1: False, first: True, last: True, multicast: True, multicast + 1: True}


def test_answers_of_dhcp_and_names_come_in(lab: Laboratory, reader: ReaderPort, tmp_path: Path):
    load_rules(lab, tmp_path)
    assert reaches_udp(lab, reader, 68, source_port=67)
    assert not reaches_udp(lab, reader, 68)
    assert reaches_udp(lab, reader, 5353, source_port=5353)


def test_the_device_is_found_by_ping(lab: Laboratory, reader: ReaderPort, tmp_path: Path):
    load_rules(lab, tmp_path)
    with reader.namespace.entered():
        pinger = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    with pinger:
        pinger.settimeout(5)
        pinger.sendto(ECHO_REQUEST, (SERVER_ADDRESS, 0))
        packet, (address, _) = pinger.recvfrom(128)
    assert address == SERVER_ADDRESS
    assert packet[20] == ECHO_REPLY


def test_what_the_device_asks_is_answered(lab: Laboratory, reader: ReaderPort, tmp_path: Path):
    load_rules(lab, tmp_path)
    with reader.namespace.entered():
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind((reader.address, 123))
    with lab.server.entered():
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with server, client:
        server.settimeout(5)
        client.settimeout(5)
        client.sendto(b"time?", (reader.address, 123))
        _, asker = server.recvfrom(16)
        server.sendto(b"now", asker)
        assert client.recv(16) == b"now"


def test_the_settings_of_the_device_open_more(lab: Laboratory, reader: ReaderPort, tmp_path: Path):
    (tmp_path / "ssh.nft").write_text("add rule inet filter input tcp dport 22 accept\n")
    load_rules(lab, tmp_path)
    assert reaches_tcp(lab, reader, 22)
    assert not reaches_tcp(lab, reader, 8080)


def test_loading_again_replaces_and_does_not_add(lab: Laboratory, reader: ReaderPort, tmp_path: Path):
    rule = tmp_path / "ssh.nft"
    rule.write_text("add rule inet filter input tcp dport 22 accept\n")
    load_rules(lab, tmp_path)
    rule.unlink()
    load_rules(lab, tmp_path)
    assert not reaches_tcp(lab, reader, 22)
