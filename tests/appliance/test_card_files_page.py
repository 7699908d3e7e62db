"""`docs/card-files.md` names every file and every key that the readers know."""

import re
from pathlib import Path

import pytest

from edge_streamer.appliance import card
from edge_streamer.appliance.formats import cloud_init, netplan, preseed, unused, wpa_supplicant_conf
from edge_streamer.config.device import DEVICE_TABLES
from edge_streamer.device.settings import DeviceSettings

PAGE = (Path(__file__).parents[2] / "docs" / "card-files.md").read_text()
SECTIONS = {section.partition("\n")[0]: section for section in PAGE.split("\n## ")[1:]}
KNOWN = {
    "What the card may hold": [name.replace("userconf", "userconf.txt") for name in card.FILE_NAMES],
    "edge-streamer.toml": [
        *(key for key in DeviceSettings.__struct_fields__ if key not in DEVICE_TABLES),
        *(key for table in DEVICE_TABLES.values() for key in table.__struct_fields__),
    ],
    "rpi-preseed.toml and custom.toml": [path[-1] for path in (*preseed._REASONS, *preseed._TAKEN)],
    "user-data": [*cloud_init._REASONS, *cloud_init._USER_KEYS],
    "network-config": [*netplan._EXPLAINED, *netplan._SILENT],
    "wpa_supplicant.conf": [*wpa_supplicant_conf._TAKEN, *wpa_supplicant_conf._SILENT],
    "Files of which nothing is taken": [*unused.REASONS],
}


@pytest.mark.parametrize(("title", "keys"), list(KNOWN.items()), ids=list(KNOWN))
def test_every_key_that_a_reader_knows_is_on_the_page(title: str, keys: list[str]) -> None:
    words = set(re.findall(r"[A-Za-z0-9_.-]+", " ".join(re.findall(r"`([^`]*)`", SECTIONS[title]))))
    words |= {part for word in words for part in word.split(".")}
    assert [key for key in keys if key not in words] == []
