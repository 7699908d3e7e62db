"""`edge-streamer.toml` as it lies on the card of the image: it loads as it is, and with each example taken."""

import re
from pathlib import Path

import pytest

from edge_streamer.device.settings import DeviceSettings, NetworkSettings, WifiSettings
from tests.appliance.formats.cards import card_of, taken_once
from tests.config.test_config import build

FOLDER = Path(__file__).parents[2] / "deploy" / "image" / "config_partition"
NAME = "edge-streamer.toml"
TEMPLATE = (FOLDER / NAME).read_text()
EXAMPLES = re.findall(r"(?m)(?:^#[^# \n].*\n)+", TEMPLATE)
"""Lines whose # has no space behind it, together where they stand together."""
KEY = re.findall(r"ssh-ed25519 \S+ you@laptop", TEMPLATE)[0]
SETTINGS = (
    DeviceSettings(password="your own password"),
    DeviceSettings(name="garden"),
    DeviceSettings(wifi=WifiSettings(ssid="name of the network", passphrase="passphrase of the network", country="DE")),
    DeviceSettings(time_zone="Europe/Berlin"),
    DeviceSettings(network=NetworkSettings(address="192.168.1.20/24", gateway="192.168.1.1")),
    DeviceSettings(ssh_keys=(KEY,)),
    DeviceSettings(),
    DeviceSettings(),
)
"""What each example says about the device; the last two are streams."""


def taken(example: str) -> str:
    """Return the example without its #, as somebody leaves it who wants it."""
    return re.sub(r"(?m)^#", "", example)


@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["unix", "windows"])
@pytest.mark.parametrize("head", ["", "\ufeff"], ids=["plain", "byte order mark"])
def test_the_template_as_it_is_says_nothing(line_end: str, head: str) -> None:
    card = card_of({NAME: head + TEMPLATE.replace("\n", line_end)})
    assert card.settings == DeviceSettings()
    assert card.applied == card.ignored == card.mistakes == card.secrets == ()
    assert card.is_whole
    assert card.configuration is not None
    assert build(card.configuration) == build("")


@pytest.mark.parametrize(("example", "settings"), list(zip(EXAMPLES, SETTINGS, strict=True)))
def test_each_example_can_be_taken_alone(example: str, settings: DeviceSettings) -> None:
    card, _left = taken_once({NAME: TEMPLATE.replace(example, taken(example))})
    assert card.settings == settings
    assert card.mistakes == ()
    assert card.configuration is not None
    assert build(card.configuration)


def test_all_examples_together() -> None:
    whole = TEMPLATE
    for example in EXAMPLES:
        whole = whole.replace(example, taken(example))
    card, left = taken_once({NAME: whole.replace("\n", "\r\n")})
    assert card.mistakes == ()
    assert len(card.applied) == len(EXAMPLES) - 2
    assert card.configuration is not None
    streams = build(card.configuration).streams
    assert list(streams) == ["main", "sub"]
    assert len(card.secrets) == 2
    assert b"your own password" not in left[NAME]


def test_people_who_never_saw_toml_can_read_it() -> None:
    assert max(map(len, TEMPLATE.replace(KEY, "").splitlines())) <= 96, "it is read in Notepad"
    assert TEMPLATE.isascii()
    assert "\t" not in TEMPLATE
    readme = (FOLDER / "README.txt").read_text()
    assert readme.isascii()
    assert NAME in readme
