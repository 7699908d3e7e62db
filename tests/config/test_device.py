"""The table `[device]` in the whole configuration: read, shown without secrets, read again."""

import pytest

from edge_streamer.config.toml import ConfigError, read_text
from edge_streamer.device.settings import DeviceSettings
from tests.config.test_config import build

WRITTEN = """
[device]
name = "Garden"
password = "geheim-geheim"
ssh_keys = []

[device.wifi]
ssid = "net"
passphrase = "offen-offen"
country = "DE"

[device.network]
address = "192.168.1.20/24"
gateway = "192.168.1.1"
"""


def test_what_check_prints_has_the_tables_and_no_secret() -> None:
    config = build(WRITTEN)
    printed = config.to_toml()
    assert read_text(printed.encode(), "printed")["device"] == {
        "name": "garden",
        "ssh_keys": [],
        "wifi": {"ssid": "net", "country": "DE", "hidden": False},
        "network": {"address": "192.168.1.20/24", "gateway": "192.168.1.1", "dns": []},
    }
    assert "geheim" not in printed
    assert "offen" not in printed
    assert build(printed).device == config.device.without_secrets()


def test_without_the_table_nothing_is_printed_of_it() -> None:
    config = build("")
    assert config.device == DeviceSettings()
    assert "device" not in config.to_toml()


def test_what_somebody_wrote_in_place_of_a_table_is_not_shown() -> None:
    with pytest.raises(ConfigError) as raised:
        build('[device]\nwifi = "offen-offen"\n')
    assert str(raised.value) == "device.wifi: this value is not allowed; allowed: a table, written [device.wifi]"
