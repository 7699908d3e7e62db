"""Our own file: the device's table is taken out of it, and what Windows makes of it is read."""

import pytest

from edge_streamer.appliance.card import SecretSpan
from edge_streamer.config.toml import read_text
from edge_streamer.device.settings import DeviceSettings, NetworkSettings, WifiSettings
from tests.appliance.formats.cards import KEY, card_of, taken_once

NAME = "edge-streamer.toml"
WHOLE = f"""\
# Of this camera.
[device]
name = "Garden" # where it is
password = "päss wörd"
time_zone = "Europe/Berlin"
ntp_servers = ["192.0.2.1"]
ssh_keys = [
    "{KEY}", # me
]

[device.wifi]
ssid = "net"
passphrase = 'offen-"offen'
country = "DE"

[streams.main]
fps = 25

[device.network]
address = "192.168.1.20/24"
[auth]
anonymous = true
"""
SETTINGS = DeviceSettings(
    name="garden",
    password="päss wörd",
    time_zone="Europe/Berlin",
    ntp_servers=("192.0.2.1",),
    ssh_keys=(KEY,),
    wifi=WifiSettings(ssid="net", passphrase='offen-"offen', country="DE"),
    network=NetworkSettings(address="192.168.1.20/24"),
)


@pytest.mark.parametrize("head", ["", "\ufeff"], ids=["plain", "byte order mark"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["unix", "windows"])
def test_the_whole_file(head: str, line_end: str) -> None:
    written = (head + WHOLE).replace("\n", line_end).encode()
    card, left = taken_once({NAME: written})
    assert card.settings == SETTINGS
    assert card.mistakes == card.ignored == ()
    assert card.is_whole
    assert left[NAME] == written.replace("päss wörd".encode(), b"_" * 11).replace(b'offen-"offen', b"_" * 12)
    assert [(said.key, said.text) for said in card.applied] == [
        ("device.name", "host name garden"),
        ("device.password", "password of the user admin"),
        ("device.time_zone", "time zone Europe/Berlin"),
        ("device.ntp_servers", "time servers 192.0.2.1"),
        ("device.ssh_keys", "SSH with 1 public key"),
        ("device.wifi", 'Wi-Fi "net", country DE'),
        ("device.network", "fixed address 192.168.1.20/24"),
    ]


def test_the_configuration_is_the_rest_and_every_line_keeps_its_number() -> None:
    configuration = card_of({NAME: WHOLE}).configuration
    assert configuration is not None
    assert read_text(configuration.encode(), NAME) == {"streams": {"main": {"fps": 25}}, "auth": {"anonymous": True}}
    lines, left = WHOLE.splitlines(), configuration.splitlines()
    assert len(left) == len(lines)
    assert [left.index(each) - lines.index(each) for each in ("[streams.main]", "fps = 25", "[auth]")] == [0, 0, 0]


@pytest.mark.parametrize(
    "written",
    [
        'device = { name = "garden", wifi = { ssid = "net", passphrase = "offen-offen" } }\nrtsp = {}\n',
        'device.name = "garden"\ndevice.wifi.ssid = "net"\ndevice."wifi".passphrase = """offen-offen"""\nrtsp = {}\n',
        'rtsp = {}\n[device]\nname = "garden"\nwifi.ssid = "net"\nwifi . passphrase = "offen-\\u006fffen"\n',
        "rtsp = {}\n[ device . 'wifi' ]\nssid='net'#x\npassphrase='''\noffen-offen'''\n[device]\nname='garden'",
    ],
)
def test_every_way_to_write_a_table(written: str) -> None:
    card, _left = taken_once({NAME: written})
    assert card.settings == DeviceSettings(name="garden", wifi=WifiSettings(ssid="net", passphrase="offen-offen"))
    assert card.configuration is not None
    assert read_text(card.configuration.encode(), NAME) == {"rtsp": {}}
    assert len(card.secrets) == 1


@pytest.mark.parametrize(
    ("written", "mistake"),
    [
        ('[device]\nname = "a_b"', f"{NAME}, line 2: device.name: \"a_b\" is not allowed; allowed: 1 to 63 of"),
        ('[device]\npassword = "short"', f"{NAME}, line 2: device.password: this value is not allowed; allowed: 8 to"),
        ("[device]\n\npassword = 12345678", f"{NAME}, line 3: device.password: this value is not allowed"),
        ('[device]\npasword = "12345678"', f'{NAME}, line 2: device.pasword: unknown key; did you mean "password"?'),
        ('[device.wifi]\nssid = "n"\ncountry = "UK"', f'{NAME}, line 3: device.wifi.country: "UK" is not allowed'),
        ('[device.wifi]\npassphrase = "12345678"', f"{NAME}, line 1: device.wifi: missing; write ssid = ..."),
        ('[device]\n\nwifi.passphrase = "12345678"', f"{NAME}, line 3: device.wifi: missing; write ssid = ..."),
        ('device = "x"', f"{NAME}, line 1: device: a table is allowed, written [device]"),
        ('[device]\nname = "a', f"{NAME}: not TOML: "),
        ("[device]\nname = “garden”", 'write straight quotes: " and not “'),
        ("[device]\n" + "".join(f"k{number} = 1\n" for number in range(51)), "line 1: device: 51 keys are too many"),
        ("\n" + ".".join("a" * 33) + " = 1", f"{NAME}: line 2: more than 32 names with dots"),
        ("a = " + "[" * 20_000, f"{NAME}: brackets nested too deep"),
    ],
)  # fmt: skip
def test_a_mistake_names_file_line_and_key_and_its_secret_stays(written: str, mistake: str) -> None:
    card = card_of({NAME: written})
    assert card.settings == DeviceSettings()
    assert len(card.mistakes) == 1
    assert mistake in card.mistakes[0]
    assert card.secrets == ()
    assert "12345678" not in card.mistakes[0]


def test_a_mistake_in_one_key_leaves_the_others() -> None:
    card = card_of({NAME: '[device]\nname = "-"\npassword = "12345678"\n[device.wifi]\nssid = "n"\n[http]\nx = 1\n'})
    assert card.settings == DeviceSettings(password="12345678", wifi=WifiSettings(ssid="n"))
    assert card.mistaken == {"name"}
    assert card.secrets == (SecretSpan(NAME, 32, 40, b"________"),)
    assert card.configuration is not None
    assert "[http]\nx = 1\n" in card.configuration


@pytest.mark.parametrize(
    ("content", "mistake"),
    [
        (WHOLE.encode("utf-16"), f"{NAME}: saved as UTF-16"),
        (WHOLE.encode("utf-16-le"), f"{NAME}: saved as UTF-16"),
        (WHOLE.encode("latin-1"), f"{NAME}, line 4: a character that is not UTF-8; save it as UTF-8"),
        (b"\xef\xbb\xbf\n\xff", f"{NAME}, line 2: a character that is not UTF-8"),
        (b"#" * 65_537, f"{NAME}: longer than 65536 bytes"),
    ],
)
def test_a_file_that_is_no_text_says_what_to_do(content: bytes, mistake: str) -> None:
    card = card_of({NAME: content})
    assert [said[: len(mistake)] for said in card.mistakes] == [mistake]
    assert not card.is_whole
    assert card.configuration is None
