"""The files of the operating system: what follows from each setting, and that no setting writes a line of its own."""

import configparser
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_streamer.appliance.network_files import SECRET_FILES, WIFI_FILE, rendered, wpa_psk
from edge_streamer.device.settings import DeviceSettings, NetworkSettings, WifiSettings
from tests.appliance.formats.cards import KEY, PSK

ADDRESS_FILE = "systemd/network/60-edge_streamer-address.network"
HOME = WifiSettings(ssid="home", passphrase="offen-offen", country="DE")


def wifi_lines(wifi: WifiSettings) -> list[str]:
    text = rendered(DeviceSettings(wifi=wifi), "garden")[WIFI_FILE]
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_without_settings_only_the_service_is_announced() -> None:
    files = rendered(DeviceSettings(), "edge-012345")
    assert list(files) == ["systemd/dnssd/edge_streamer-rtsp.dnssd"]
    record = configparser.ConfigParser()
    record.read_string(files["systemd/dnssd/edge_streamer-rtsp.dnssd"])
    assert dict(record["Service"]) == {
        "name": "edge-012345", "type": "_rtsp._tcp", "port": "554", "txttext": "path=/main",
    }  # fmt: skip
    assert "path=/gate" in rendered(DeviceSettings(), "a", stream="gate")["systemd/dnssd/edge_streamer-rtsp.dnssd"]


@pytest.mark.parametrize(
    ("ssid", "passphrase", "psk"),
    [  # IEEE 802.11-2020 section J.4.2 has these
        ("IEEE", "password", "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e"),
        ("ThisIsASSID", "ThisIsAPassword", "0dc0d6eb90555ed6419756b9a15ec3e3209b63df707dd508d14581f8982721af"),
        ("Z" * 32, "a" * 32, "becb93866bb8c3832cb777c2f559807c8c59afcb6eae734885001300a981cc62"),
        ("any", PSK, PSK),
    ],
)
def test_the_key_of_wpa2(ssid: str, passphrase: str, psk: str) -> None:
    assert wpa_psk(ssid, passphrase) == psk


def test_a_passphrase_is_for_wpa2_and_wpa3() -> None:
    assert wifi_lines(HOME) == [
        "country=DE",
        "sae_pwe=2",
        "network={",
        "ssid=686f6d65",
        "scan_ssid=0",
        "key_mgmt=SAE WPA-PSK WPA-PSK-SHA256",
        f"psk={wpa_psk('home', 'offen-offen')}",
        f"sae_password={b'offen-offen'.hex()}",
        "ieee80211w=1",
        "}",
    ]


def test_a_key_is_for_wpa2_alone() -> None:
    lines = wifi_lines(WifiSettings(ssid="home", passphrase=PSK, hidden=True))
    assert lines[1:] == [
        "network={", "ssid=686f6d65", "scan_ssid=1", "key_mgmt=WPA-PSK WPA-PSK-SHA256", f"psk={PSK}", "ieee80211w=1",
        "}",
    ]  # fmt: skip


def test_an_open_network_is_tried_encrypted_too() -> None:
    lines = wifi_lines(WifiSettings(ssid="home"))
    assert [line for line in lines if line.startswith("key_mgmt")] == ["key_mgmt=OWE", "key_mgmt=NONE"]
    assert lines.count("ssid=686f6d65") == 2


@settings(deadline=None, max_examples=50)
@given(st.text(min_size=1, max_size=20), st.text(min_size=8, max_size=63))
def test_no_name_or_passphrase_of_a_network_can_write_a_line(ssid: str, passphrase: str) -> None:
    """Even values that the settings do not allow: what is rendered has only the forms below."""
    written = re.compile(
        r"country=[A-Z]{2}|sae_pwe=2|network=\{|\}|(ssid|sae_password|psk)=[0-9a-f]+|[a-z_0-9]+=[-A-Z0-9 ]+"
    )
    lines = wifi_lines(WifiSettings(ssid=ssid, passphrase=passphrase))
    assert [line for line in lines if not written.fullmatch(line)] == []
    assert len(lines) == 9


def network_of(settings: DeviceSettings) -> list[str]:
    return rendered(settings, "garden")[ADDRESS_FILE].splitlines()


FIXED = NetworkSettings(address="192.168.1.20/24", gateway="192.168.1.1", dns=("192.168.1.1", "2001:db8::1"))


@pytest.mark.parametrize(
    ("interface", "wifi", "kind"),
    [(None, None, "ether"), (None, HOME, "wlan"), ("ethernet", HOME, "ether"), ("wifi", None, "wlan")],
)
def test_what_gets_the_fixed_address(interface: str | None, wifi: WifiSettings | None, kind: str) -> None:
    network = NetworkSettings(address="192.168.1.20/24", interface=interface)
    lines = network_of(DeviceSettings(network=network, wifi=wifi))
    assert f"Type={kind}" in lines
    assert ("Kind=!*" in lines) is (kind == "ether")


def test_a_fixed_address_has_no_dhcp_and_ipv6_as_every_device() -> None:
    lines = network_of(DeviceSettings(network=FIXED))
    assert lines[lines.index("[Network]") + 1 : lines.index("MulticastDNS=yes")] == [
        "DHCP=no", "LinkLocalAddressing=ipv6", "IPv6AcceptRA=yes", "Address=192.168.1.20/24", "Gateway=192.168.1.1",
        "DNS=192.168.1.1", "DNS=2001:db8::1",
    ]  # fmt: skip


@pytest.mark.parametrize(("gateway", "servers"), [("192.168.1.1", ["DNS=192.168.1.1"]), (None, [])])
def test_the_router_is_the_name_server_when_none_is_written(gateway: str | None, servers: list[str]) -> None:
    """The template has no name server; without one the device would never know the time."""
    lines = network_of(DeviceSettings(network=NetworkSettings(address="192.168.1.20/24", gateway=gateway)))
    assert [line for line in lines if line.startswith("DNS=")] == servers


def test_a_fixed_address_of_ipv6_leaves_ipv4_to_dhcp() -> None:
    lines = network_of(DeviceSettings(network=NetworkSettings(address="2001:db8::2/64")))
    assert {"DHCP=ipv4", "LinkLocalAddressing=yes", "Address=2001:db8::2/64", "ClientIdentifier=mac"} <= set(lines)


def test_keys_open_ssh_and_an_empty_list_does_not() -> None:
    files = rendered(DeviceSettings(ssh_keys=(KEY, KEY)), "garden")
    assert files["edge_streamer-appliance/authorized_keys"] == f"{KEY}\n{KEY}\n"
    assert "tcp dport 22 accept" in files["nftables.d/edge_streamer-ssh.nft"]
    assert rendered(DeviceSettings(ssh_keys=()), "garden") == rendered(DeviceSettings(), "garden")


def test_time_servers() -> None:
    files = rendered(DeviceSettings(ntp_servers=("a.example", "192.0.2.1")), "garden")
    assert files["systemd/timesyncd.conf.d/70-edge_streamer.conf"].endswith("[Time]\nNTP=a.example 192.0.2.1\n")


def test_only_the_file_of_wifi_has_a_secret() -> None:
    whole = DeviceSettings(
        password="geheim-geheim", wifi=HOME, network=FIXED, ssh_keys=(KEY,), ntp_servers=("192.0.2.1",)
    )
    files = rendered(whole, "garden")
    shown = "".join(text for path, text in files.items() if path not in SECRET_FILES)
    assert len(files) == 6
    for secret in ("geheim-geheim", "offen-offen", b"offen-offen".hex(), wpa_psk("home", "offen-offen")):
        assert secret not in shown
