"""A card as a whole: which file wins, what stays from before, and that no content of any file raises."""

import tomllib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge_streamer.appliance.card import Card, SecretSpan
from edge_streamer.device.settings import DeviceSettings, NetworkSettings, WifiSettings
from tests.appliance.formats.cards import HASH, KEY, PSK, card_of, redacted, taken_once, without_secrets

EVERY_FORMAT = {
    "edge-streamer.toml": '[device]\nname = "ours"\n',
    "rpi-preseed.toml": """
config_version = "1.1"
system.hostname = "preseed"
wlan.ssid = "p"
wlan.password = "sec-preseed"
""",
    "custom.toml": """
config_version = 1
[wlan]
ssid = "c"
password = "sec-custom"
[locale]
timezone = "Europe/Paris"
""",
    "user-data": "#cloud-config\nhostname: cloud\ntimezone: Europe/Berlin\npassword: sec-cloud\n",
    "network-config": """
version: 2
wifis: {w: {access-points: {n: {password: sec-netplan}}, addresses: [10.0.0.2/8]}}
""",
    "wpa_supplicant.conf": 'network={\nssid="w"\npsk="sec-wpa-wpa"\n}\n',
    "ssh": "",
    "userconf.txt": f"pi:{HASH}",
}


def test_the_first_file_that_has_a_key_wins_and_the_others_say_so() -> None:
    card, left = taken_once(EVERY_FORMAT)
    assert card.settings == DeviceSettings(
        name="ours",
        password="sec-cloud",
        time_zone="Europe/Paris",
        wifi=WifiSettings(ssid="p", passphrase="sec-preseed"),
        network=NetworkSettings(address="10.0.0.2/8", interface="wifi"),
    )
    assert card.mistakes == ()
    assert [(said.file, said.key, said.reason) for said in card.ignored if "has it" in said.reason] == [
        ("rpi-preseed.toml", "system.hostname", "edge-streamer.toml has it"),
        ("custom.toml", "wlan.ssid", "rpi-preseed.toml has it"),
        ("user-data", "hostname", "edge-streamer.toml has it"),
        ("user-data", "timezone", "custom.toml has it"),
        ("network-config", "wifis.w.access-points.n", "rpi-preseed.toml has it"),
        ("wpa_supplicant.conf", "network.ssid", "rpi-preseed.toml has it"),
    ]
    assert b"sec-" not in b"".join(left.values())


def test_a_key_with_a_mistake_is_not_looked_up_in_the_next_file() -> None:
    card = card_of({"edge-streamer.toml": '[device]\nname = "a_b"\n', "user-data": "#cloud-config\nhostname: cloud\n"})
    assert card.settings.name is None
    assert card.mistaken == {"name"}
    assert len(card.mistakes) == 1


@pytest.mark.parametrize("name", ["edge-streamer.toml.txt", "Edge-Streamer.TOML", "EDGE-STREAMER.TOML.TXT"])
def test_a_name_as_editors_leave_it(name: str) -> None:
    card = card_of({name: '[device]\nname = "garden"\n[http]\n'})
    assert card.settings.name == "garden"
    assert card.configuration == "\n\n[http]\n"
    notes = [said.text for said in card.applied if not said.key]
    assert notes == (["read as edge-streamer.toml; its name need not end in .txt"] if "txt" in name.lower() else [])


def test_of_two_files_of_a_kind_the_exact_name_is_first() -> None:
    card = card_of({"edge-streamer.toml.txt": '[device]\nname = "b"\n', "edge-streamer.toml": '[device]\nname = "a"\n'})
    assert card.settings.name == "a"
    assert [(said.file, said.reason) for said in card.ignored] == [
        ("edge-streamer.toml.txt", "edge-streamer.toml has it"),
        ("edge-streamer.toml.txt", "edge-streamer.toml is the configuration"),
    ]


def test_a_card_without_files_and_no_card(tmp_path) -> None:
    from edge_streamer.appliance.card import read_card

    (tmp_path / "user-data").mkdir()
    assert read_card(tmp_path) == read_card(tmp_path / "none") == Card()


BEFORE = DeviceSettings(
    name="before", ssh_keys=(KEY,), time_zone="UTC", wifi=WifiSettings(ssid="net", passphrase="offen-offen")
)


@pytest.mark.parametrize(
    ("written", "after"),
    [
        ("", DeviceSettings()),
        ('[device]\nname = "now"', DeviceSettings(name="now")),
        ("[device]\nname = 1", DeviceSettings(name="before")),
        ("[device", BEFORE),
        ('[device.wifi]\nssid = "net"\npassphrase = "____"\ncountry = "DE"',
         DeviceSettings(wifi=WifiSettings(ssid="net", passphrase="offen-offen", country="DE"))),
        ('[device.wifi]\nssid = "other"\npassphrase = "____"', DeviceSettings(wifi=BEFORE.wifi)),
        ('[device.wifi]\nssid = "net"', DeviceSettings(wifi=WifiSettings(ssid="net"))),
    ],
)  # fmt: skip
def test_what_stays_from_before(written: str, after: DeviceSettings) -> None:
    assert card_of({"edge-streamer.toml": written}).settings_after(BEFORE) == after


def test_without_files_everything_stays() -> None:
    assert card_of({}).settings_after(BEFORE) == BEFORE
    assert card_of({"ssh": ""}).settings_after(BEFORE) == BEFORE


def test_a_secret_that_was_taken_by_another_device_is_told() -> None:
    card = card_of(
        {"edge-streamer.toml": '[device]\npassword = "___"\n[device.wifi]\nssid = "net"\npassphrase = "___"'}
    )
    assert card.lost_secrets(BEFORE, has_initial_password=False) == ()
    assert card.lost_secrets(DeviceSettings(), has_initial_password=False) == (
        'Wi-Fi "net": its passphrase was taken from this card by another device, or for another network; write it '
        "again",
    )
    assert card.settings_after(DeviceSettings()).wifi is None


def test_a_replacement_has_the_length_of_its_secret() -> None:
    assert redacted(b"abcdef", [SecretSpan("f", 1, 3, b"__"), SecretSpan("f", 4, 5, b"_")]) == b"a__d_f"
    with pytest.raises(ValueError, match="the length of its secret"):
        SecretSpan("f", 1, 3, b"_")


PIECES = [
    "[device]\n", "[device.wifi]\n", 'name = "a"\n', 'password = "12345678"\n', "passphrase = '", '"""', "'''", "\\",
    "ssid = ", "device", ".", "=", "{", "}", "[", "]", ",", "\n", "\r\n", "#", " ", "_", "ä", "\ufeff", "\0",
    "network={\n", 'psk="', f"psk={PSK}\n", "country=DE\n", "#cloud-config\n", "users:\n", "- name: x\n", "  passwd: ",
    HASH,
    "password: ", "|\n ", "- ", "&a ", "*a", "!!python/object:os.system ", "version: 2\n", "true", "1e9", "0x1",
    "wifis: {w: {access-points: {n: {password: ", 'config_version = "1.1"\n', "[user]\n", "[wlan]\n", "ssid_hex = ",
    "password_encrypted = ", "1979-05-27 07:32:00", "token = ", "ssh_authorized_keys: ", "null", "~", "network:\n",
    "ethernets:\n", "  addresses: ", "set_wlan 'a' 'b'", "\N{GRINNING FACE}",
]  # fmt: skip
TEXT = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=30).map("".join)
CONTENT = TEXT.map(str.encode) | st.binary(max_size=60) | TEXT.map(lambda text: text.encode("utf-16", "replace"))
FILES = st.dictionaries(
    st.sampled_from([*EVERY_FORMAT, "firstrun.sh", "meta-data", "user-data.txt"]), CONTENT, max_size=4
)


@settings(deadline=None, max_examples=150)
@given(FILES)
@example({"edge-streamer.toml": b"a = " + b"[" * 400 + b"]" * 400})
@example({"user-data": b"[" * 5000})
def test_no_content_raises_and_secrets_leave_the_rest_as_it_is(files: dict[str, bytes]) -> None:
    card = card_of(files)
    left = without_secrets(files, card)
    assert {name: len(content) for name, content in left.items()} == {name: len(each) for name, each in files.items()}
    for span in card.secrets:
        assert 0 <= span.start_byte < span.end_byte <= len(files[span.file])
    for said in (*card.mistakes, *(each.text for each in card.applied), *(each.reason for each in card.ignored)):
        assert "\n" not in said
    again = card_of(left)
    assert again.mistakes == card.mistakes
    assert again.settings_after(card.settings) == card.settings_after(card.settings)
    if card.configuration is not None:
        assert "device" not in tomllib.loads(card.configuration)
