"""What Raspberry Pi Imager writes as `rpi-preseed.toml`, and its predecessor `custom.toml`."""

import pytest

from edge_streamer.device.settings import DeviceSettings, NetworkSettings, WifiSettings
from tests.appliance.formats.cards import HASH, KEY, PSK, card_of, reasons, taken_once

PRESEED = f"""\
config_version = "1.1"

[system]
hostname = "garden.lan"

[user]
name = "alice"
password = "changeme"
password_encrypted = false

[ssh]
enabled = true
password_authentication = false
authorized_keys = [ "{KEY}" ]

[wlan]
ssid = "net"
password = "offen-offen"
hidden = true
country = "GB"
key_mgmt = "sae"

[ethernet]
method = "static"
address = "192.168.1.50/24"
gateway = "192.168.1.1"
dns = ["192.168.1.1"]

[locale]
keymap = "gb"
timezone = "Europe/London"

[time]
ntp = ["192.0.2.1"]

[connect]
enabled = true
token = "tok-en"

[runcmd]
late = ["true"]
"""


def test_a_preseed_with_everything() -> None:
    card, left = taken_once({"rpi-preseed.toml": PRESEED})
    assert card.settings == DeviceSettings(
        name="garden",
        password="changeme",
        time_zone="Europe/London",
        ntp_servers=("192.0.2.1",),
        ssh_keys=(KEY,),
        wifi=WifiSettings(ssid="net", passphrase="offen-offen", country="GB", hidden=True),
        network=NetworkSettings(
            address="192.168.1.50/24", gateway="192.168.1.1", dns=("192.168.1.1",), interface="ethernet"
        ),
    )
    assert card.mistakes == ()
    assert card.configuration is None
    assert reasons(card).keys() == {"user.name", "locale.keymap", "connect.enabled", "connect.token", "runcmd.late"}
    assert left["rpi-preseed.toml"].decode() == PRESEED.replace("changeme", "_" * 8).replace(
        "offen-offen", "_" * 11
    ).replace("tok-en", "_" * 6)


def test_what_imager_2_writes_has_a_hash_and_a_key_of_wpa2() -> None:
    written = f"""config_version = "1.1"
[user]
name = "pi"
password = "{HASH}"
password_encrypted = true
[wlan]
ssid = "net"
password = "{PSK}"
password_encrypted = true
"""
    card, left = taken_once({"rpi-preseed.toml": written})
    assert card.settings == DeviceSettings(wifi=WifiSettings(ssid="net", passphrase=PSK))
    assert reasons(card)["user.password"].startswith("a hash of a Unix password cannot log in")
    assert HASH.encode() not in left["rpi-preseed.toml"]
    assert PSK.encode() not in left["rpi-preseed.toml"]


def test_a_password_of_custom_toml_is_a_hash_unless_it_says_otherwise() -> None:
    written = 'config_version = 1\n[user]\nname = "pi"\npassword = "clear-clear"\n'
    card, left = taken_once({"custom.toml": written})
    assert card.settings.password is None
    assert b"clear-clear" not in left["custom.toml"]
    card, _left = taken_once({"custom.toml": written + "password_encrypted = false\n"})
    assert card.settings.password == "clear-clear"


@pytest.mark.parametrize(
    ("written", "settings", "ignored"),
    [
        ('[wlan]\nssid_hex = "6e6574"', DeviceSettings(wifi=WifiSettings(ssid="net")), set()),
        ('[wlan]\nssid = "net"\nkey_mgmt = "owe"', DeviceSettings(wifi=WifiSettings(ssid="net")), set()),
        ('[wlan]\nssid = "net"\npassword = ""', DeviceSettings(wifi=WifiSettings(ssid="net")), set()),
        ('[wlan]\ncountry = "GB"', DeviceSettings(), {"wlan.country"}),
        (
            "[ssh]\nenabled = true\npassword_authentication = true",
            DeviceSettings(),
            {"ssh.enabled", "ssh.password_authentication"},
        ),
        ("[ssh]\nenabled = true", DeviceSettings(), {"ssh.enabled"}),
        (f'[ssh]\nenabled = false\nauthorized_keys = ["{KEY}"]', DeviceSettings(), {"ssh.authorized_keys"}),
        ('[ssh]\nssh_import_id = ["gh:alice"]', DeviceSettings(), {"ssh.ssh_import_id"}),
        ('[ethernet]\nmethod = "disabled"', DeviceSettings(), {"ethernet.method"}),
        ('[ethernet]\naddress = "192.0.2.1/24"', DeviceSettings(), {"ethernet.address"}),
        ("[wlan]\nnew = 1\n[other]\nx = 1", DeviceSettings(), {"wlan.new", "other.x"}),
        ("debug = true", DeviceSettings(), {"debug"}),
        ("", DeviceSettings(), set()),
    ],
)
def test_a_key_is_taken_or_its_reason_is_said(written: str, settings: DeviceSettings, ignored: set[str]) -> None:
    card = card_of({"rpi-preseed.toml": f'config_version = "1.1"\n{written}' if "debug" not in written else written})
    assert card.settings == settings
    assert reasons(card).keys() == ignored
    assert card.mistakes == ()


@pytest.mark.parametrize(
    ("written", "mistake"),
    [
        ('config_version = "2.0"', "rpi-preseed.toml, line 1: config_version: another version; allowed: 1, 1.0 or 1.1"),
        ('[system]\nhostname = "a_b"', 'rpi-preseed.toml, line 2: system.hostname: "a_b" is not allowed'),
        (
            '[wlan]\nssid = "n"\npassword = "short"',
            "rpi-preseed.toml, line 3: wlan.password: this value is not allowed",
        ),
        ('[wlan]\nssid_hex = "ff"', "rpi-preseed.toml, line 2: wlan.ssid_hex: "),
        ("[wlan", "rpi-preseed.toml: not TOML: "),
    ],
)
def test_a_mistake_has_the_key_of_that_file(written: str, mistake: str) -> None:
    card = card_of({"rpi-preseed.toml": written})
    assert [said[: len(mistake)] for said in card.mistakes] == [mistake]
    assert card.secrets == ()


def test_a_number_that_is_a_secret_is_overwritten_with_digits() -> None:
    written = 'config_version = "1.1"\n[connect]\ntoken = 123456\n'
    _card, left = taken_once({"rpi-preseed.toml": written})
    assert left["rpi-preseed.toml"].decode() == written.replace("123456", "111111")
