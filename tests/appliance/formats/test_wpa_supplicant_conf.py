"""`wpa_supplicant.conf` as people put it on cards: quotation marks, hexadecimal digits, several networks."""

import pytest

from edge_streamer.device.settings import DeviceSettings, WifiSettings
from tests.appliance.formats.cards import PSK, card_of, reasons, taken_once

NAME = "wpa_supplicant.conf"


@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["unix", "windows"])
def test_the_usual_file(line_end: str) -> None:
    written = """country=de
ctrl_interface=DIR=/var/run/wpa_supplicant GROUP=netdev
update_config=1

network={
    ssid="net # 1"
    psk="offen"offen" # mine
    key_mgmt=WPA-PSK
    scan_ssid=1
}
""".replace("\n", line_end)
    card, left = taken_once({NAME: written})
    assert card.settings == DeviceSettings(
        wifi=WifiSettings(ssid="net # 1", passphrase='offen"offen', country="DE", hidden=True)
    )
    assert card.mistakes == card.ignored == ()
    assert left[NAME].decode() == written.replace('offen"offen', "_" * 11)


def test_the_comment_of_wpa_passphrase_is_a_secret() -> None:
    written = f'network={{\n\tssid="net"\n\t#psk="twelve monkeys"\n\tpsk={PSK}\n}}\n# proto=RSN\n'
    card, left = taken_once({NAME: written})
    assert card.settings == DeviceSettings(wifi=WifiSettings(ssid="net", passphrase=PSK))
    assert left[NAME].decode() == written.replace("twelve monkeys", "_" * 14).replace(PSK, "_" * 64)


def test_the_network_of_the_highest_priority_and_the_secrets_of_all() -> None:
    written = f"""network={{
ssid="one"
psk="sec-one-sec"
}}
network={{
 ssid=6e6574
 psk={PSK}
 priority=5
}}
network={{
 ssid=P"thr\\x65e"
 wep_key0="sec-three"
 password="sec-four"
}}
"""
    card, left = taken_once({NAME: written})
    assert card.settings == DeviceSettings(wifi=WifiSettings(ssid="net", passphrase=PSK))
    assert reasons(card).keys() == {"network 'one'", "network 'three'"}
    assert b"sec-" not in left[NAME]
    assert PSK.encode() not in left[NAME]


def test_a_passphrase_of_wpa3_comes_before_the_key_of_wpa2() -> None:
    card, left = taken_once({NAME: f'network={{\nssid="n"\npsk={PSK}\nsae_password="offen-offen"\n}}\n'})
    assert card.settings.wifi == WifiSettings(ssid="n", passphrase="offen-offen")
    assert PSK.encode() not in left[NAME]


def test_an_open_network_says_that_it_is_one() -> None:
    card = card_of({NAME: 'network={\nssid="n"\nkey_mgmt=NONE\neap=PEAP\n}\n'})
    assert card.settings == DeviceSettings(wifi=WifiSettings(ssid="n"))
    assert [said.text for said in card.applied] == [
        'Wi-Fi "n", an open network, no country: only channels that are free everywhere'
    ]
    assert reasons(card).keys() == {"network.eap"}


@pytest.mark.parametrize(
    ("written", "mistake"),
    [
        ('network={\nssid="n"\n}', f"{NAME}, line 2: network.psk: this value is not allowed"),
        ('network={\nssid="n"\npsk="short"\n}', f"{NAME}, line 3: network.psk: this value is not allowed"),
        ('network={\nssid=xyz\npsk="12345678"\n}', f"{NAME}, line 2: network.ssid: "),
        ('country=UK\nnetwork={\nssid="n"\npsk="12345678"\n}', f'{NAME}, line 1: country: "UK" is not allowed'),
    ],
)
def test_a_mistake_has_the_key_of_that_file(written: str, mistake: str) -> None:
    card = card_of({NAME: written})
    assert [said[: len(mistake)] for said in card.mistakes] == [mistake]
    assert card.secrets == ()


@pytest.mark.parametrize("written", ["", "country=DE\n", "network={\n", "}\n", "network={\n}\n", "nonsense"])
def test_nothing_to_take(written: str) -> None:
    card = card_of({NAME: written})
    assert card.settings == DeviceSettings()
    assert card.mistakes == ()
