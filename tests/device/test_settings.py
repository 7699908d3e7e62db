"""The values of `[device]`: what each may be, and that nothing shows a secret."""

import base64

import pytest

from edge_streamer.accounts import users
from edge_streamer.config.device import read_device
from edge_streamer.config.toml import ConfigError
from edge_streamer.device.settings import (
    PASSWORD_CHARACTERS,
    DeviceSettings,
    NetworkSettings,
    WifiSettings,
    is_psk,
    is_taken,
)


def ssh_key(kind: str = "ssh-ed25519", body: bytes = b"\0\0\0\x20" + b"k" * 32, comment: str = " me@laptop") -> str:
    return f"{kind} {base64.b64encode(len(kind).to_bytes(4) + kind.encode() + body).decode()}{comment}"


KEY = ssh_key()
RIGHT = {
    "name": {"garden": "garden", "Garden-2": "garden-2", "a": "a", "x" * 63: "x" * 63, "0": "0"},
    "password": {"12345678": "12345678", "pä ß§$%\"'\\": "pä ß§$%\"'\\", "x" * 128: "x" * 128},
    "time_zone": {zone: zone for zone in ("Europe/Berlin", "UTC", "America/Argentina/Ushuaia")},
}  # fmt: skip
WRONG = {
    "name": ["", "-a", "a-", "x" * 64, "a.b", "gärten", "a_b", "localhost", "a\n", 1, None],
    "password": ["", "1234567", "x" * 129, "1234567\n", "\t12345678", 12345678, ["12345678"]],
    "time_zone": ["", "Berlin", "Europe", "../../etc/passwd", "/etc/localtime", "Europe/Berlin\n", "posixrules2", 1],
    "ntp_servers": ["pool.ntp.org", ["a b"], ["-a"], ["x" * 254], [1], ["a.example"] * 9, ["a\n"]],
    "ssh_keys": [
        KEY, [""], ["ssh-ed25519"], ["ssh-dss AAAA"], [KEY + "\nssh-rsa AAAA"], [f'command="x" {KEY}'],
        [ssh_key("ssh-rsa").replace("ssh-rsa", "ssh-ed25519", 1)], [KEY.replace("AAAA", "AAA*")], [KEY] * 17,
        [KEY[:30]],
    ],
    "wifi": [
        {}, {"ssid": ""}, {"ssid": "x" * 33}, {"ssid": "ä" * 17}, {"ssid": "a\nb"}, {"ssid": 1}, "net",
        {"ssid": "n", "passphrase": "1234567"}, {"ssid": "n", "passphrase": "x" * 64}, {"ssid": "n", "passphrase": ""},
        {"ssid": "n", "passphrase": "a\nbcdefghi"}, {"ssid": "n", "passphrase": 12345678},
        {"ssid": "n", "passphrase": "ä" * 32}, {"ssid": "n", "country": "UK"}, {"ssid": "n", "country": "Germany"},
        {"ssid": "n", "hidden": "yes"}, {"ssid": "n", "pasphrase": "12345678"},
    ],
    "network": [
        {}, {"address": "192.168.1.20"}, {"address": "192.168.1.0/24"}, {"address": "192.168.1.255/24"},
        {"address": "192.168.1.20/33"}, {"address": "192.168.1.20/32"}, {"address": "192.168.1.20/0"},
        {"address": "224.0.0.1/24"}, {"address": "127.0.0.1/8"}, {"address": "host/24"}, {"address": 1},
        {"address": "192.168.1.20/24", "gateway": "192.168.2.1"}, {"address": "192.168.1.20/24", "gateway": "router"},
        {"address": "192.168.1.20/24", "gateway": "192.168.1.20"}, {"address": "192.168.1.20/24", "gateway": "fe80::1"},
        {"address": "192.168.1.20/24", "dns": "192.168.1.1"}, {"address": "192.168.1.20/24", "dns": ["1.1.1.1"] * 4},
        {"address": "192.168.1.20/24", "interface": "eth0"},
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("key", "written", "value"), [(key, *pair) for key, pairs in RIGHT.items() for pair in pairs.items()]
)
def test_a_value_that_is_allowed(key: str, written: object, value: object) -> None:
    assert getattr(read_device({key: written}), key) == value


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in WRONG.items() for value in values])
def test_a_value_that_is_not_allowed_is_answered_in_one_line_with_the_key(key: str, value: object) -> None:
    with pytest.raises(ConfigError) as mistake:
        read_device({key: value})
    assert str(mistake.value).startswith(f"device.{key}")
    assert "\n" not in str(mistake.value)


def test_lists_and_tables() -> None:
    keys = [ssh_key(kind) for kind in ("ssh-rsa", "ecdsa-sha2-nistp256", "sk-ssh-ed25519@openssh.com")]
    read = read_device(
        {
            "ssh_keys": [f"  {KEY}\n", ssh_key(comment=""), *keys],
            "ntp_servers": ["Pool.NTP.org", "192.0.2.1", "2001:db8::1"],
            "wifi": {"ssid": "Café", "passphrase": "A" * 64, "country": "de", "hidden": True},
            "network": {"address": "10.0.0.2/31", "gateway": "10.0.0.3", "dns": ["10.0.0.3"], "interface": "wifi"},
        }
    )
    assert read == DeviceSettings(
        ssh_keys=(KEY, ssh_key(comment=""), *keys),
        ntp_servers=("pool.ntp.org", "192.0.2.1", "2001:db8::1"),
        wifi=WifiSettings(ssid="Café", passphrase="a" * 64, country="DE", hidden=True),
        network=NetworkSettings(address="10.0.0.2/31", gateway="10.0.0.3", dns=("10.0.0.3",), interface="wifi"),
    )
    assert read_device({"ssh_keys": []}).ssh_keys == ()
    link_local = {"address": "2001:db8::2/64", "gateway": "fe80::1"}
    assert read_device({"network": link_local}).network == NetworkSettings(**link_local)


SECRET = DeviceSettings(password="geheim-geheim", wifi=WifiSettings(ssid="n", passphrase="offen-offen"))


def test_no_text_of_the_settings_shows_a_secret() -> None:
    assert "geheim" not in repr(SECRET)
    assert "offen" not in f"{SECRET}{SECRET.wifi}"
    assert SECRET.without_secrets() == DeviceSettings(wifi=WifiSettings(ssid="n"))
    for table in ({"password": "geheim\n"}, {"wifi": {"ssid": "n", "passphrase": "geheim\n"}}):
        with pytest.raises(ConfigError, match="this value is not allowed; allowed: 8 to ") as mistake:
            read_device(table)
        assert "geheim" not in str(mistake.value)


def test_a_secret_that_was_taken_is_no_mistake() -> None:
    assert read_device({"password": "___", "wifi": {"ssid": "n", "passphrase": "____"}}).password == "___"
    assert [is_taken(value) for value in ("_", "____", "", "a_", None, 3)] == [True, True, False, False, False, False]
    assert not is_psk("_" * 64)


def test_a_password_is_one_that_accounts_take() -> None:
    assert PASSWORD_CHARACTERS == (users.MIN_PASSWORD_CHARACTERS, users.MAX_PASSWORD_CHARACTERS)
