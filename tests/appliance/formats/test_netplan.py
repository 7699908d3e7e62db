"""`network-config`: Wi-Fi as Raspberry Pi Imager writes it, and fixed addresses."""

import pytest

from edge_streamer.device.settings import DeviceSettings, NetworkSettings, WifiSettings
from tests.appliance.formats.cards import PSK, card_of, reasons, taken_once

OF_IMAGER = f"""\
network:
  version: 2
  wifis:
    wlan0:
      dhcp4: true
      regulatory-domain: "DE"
      access-points:
        "my \\"net":
          hidden: true
          password: "{PSK}"
      optional: true
"""


def test_what_imager_writes() -> None:
    card, left = taken_once({"network-config": OF_IMAGER})
    assert card.settings == DeviceSettings(wifi=WifiSettings(ssid='my "net', passphrase=PSK, country="DE", hidden=True))
    assert card.mistakes == card.ignored == ()
    assert left["network-config"].decode() == OF_IMAGER.replace(PSK, "_" * 64)


def test_fixed_addresses_of_a_port_and_further_ones() -> None:
    card, left = taken_once(
        {
            "network-config": """\
version: 2
renderer: networkd
ethernets:
  eth0:
    match: {driver: "*"}
    addresses: [192.168.1.20/24, "2001:db8::2/64"]
    routes: [{to: 10.0.0.0/8, via: 192.168.1.2}, {to: default, via: 192.168.1.1}]
    nameservers: {addresses: [192.168.1.1]}
  eth1:
    addresses: [192.168.2.20/24]
wifis:
  wlan0:
    access-points:
      one: {password: 12345678}
      two: {password: sec-sec-sec, auth: {key-management: sae, password: sec-more-sec}}
bridges: {}
"""
        }
    )
    assert card.settings == DeviceSettings(
        wifi=WifiSettings(ssid="one", passphrase="12345678"),
        network=NetworkSettings(
            address="192.168.1.20/24", gateway="192.168.1.1", dns=("192.168.1.1",), interface="ethernet"
        ),
    )
    assert reasons(card).keys() == {
        "renderer", "bridges", "ethernets.eth0.match", "ethernets.eth0.addresses", "ethernets.eth1.addresses",
        "wifis.wlan0.access-points.two",
    }  # fmt: skip
    assert b"sec-" not in left["network-config"]
    assert b"12345678" not in left["network-config"]


def test_an_address_of_wifi_and_the_older_key_of_the_gateway() -> None:
    written = "version: 2\nwifis: {w: {addresses: [10.0.0.2/8], gateway4: 10.0.0.1, access-points: {n: {}}}}\n"
    card, _left = taken_once({"network-config": written})
    assert card.settings == DeviceSettings(
        wifi=WifiSettings(ssid="n"),
        network=NetworkSettings(address="10.0.0.2/8", gateway="10.0.0.1", interface="wifi"),
    )


@pytest.mark.parametrize(
    ("written", "mistake"),
    [
        ("version: 1\nconfig: []", "network-config, line 1: version: another format; allowed: version: 2"),
        ("just words", "network-config: version: another format"),
        ("network: {version: 2, x: *y}", "network-config, line 1: an anchor or an alias"),
        (
            "ethernets:\n  e:\n    addresses: [nonsense]",
            'network-config, line 3: ethernets.e.addresses: "nonsense" is not',
        ),
        (
            "wifis:\n  w:\n    access-points:\n      n:\n        password: short",
            "network-config, line 5: wifis.w.access-points.n.password: this value is not allowed",
        ),
        (
            "wifis: {w: {access-points: {n: {auth: {key-management: eap, password: geheim-geheim}}}}}",
            "network-config, line 1: wifis.w.access-points.n.auth.key-management: allowed: none, psk or sae",
        ),
    ],
)
def test_a_mistake_has_the_key_of_that_file(written: str, mistake: str) -> None:
    card = card_of({"network-config": written})
    assert mistake in card.mistakes[0]
    assert len(card.mistakes) == 1


@pytest.mark.parametrize("written", ["", "network: {}", "version: 2", "wifis: 3", "ethernets: {eth0: {dhcp4: true}}"])
def test_nothing_to_take(written: str) -> None:
    card = card_of({"network-config": written})
    assert card.settings == DeviceSettings()
    assert card.mistakes == ()
