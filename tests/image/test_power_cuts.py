"""The power goes at random instants of the first boot, and of the boot that takes a changed configuration.

Each time the device is switched on again and must do what it would have done without the cut: stream, with the whole
configuration that the card has, a password that works, and no secret left on the card. What a person could have read
before the cut, a password on the card, must still be true afterwards.

Another run takes other instants; EDGE_STREAMER_SEED, which each run prints, takes the same again.
"""

import os
import re
import secrets
import time
from pathlib import Path
from random import Random
from typing import Final

import pytest

from tests.image.builds import BuiltImage
from tests.image.card import CARD_FILE, STATUS_FILE, Wanted
from tests.image.conftest import Say
from tests.image.disk import Disk, copied_disk
from tests.image.machine import Device
from tests.image.power_cuts import Instant, Scenario, device_of, each, instants, recorded
from tests.image.visitor import Visitor

CUTS: Final = int(os.environ.get("EDGE_STREAMER_CUTS") or 10)
"""Each boots a device; EDGE_STREAMER_CUTS=30 takes some twenty minutes."""
DISK_BYTES: Final = 2 << 30
PACKET_DEADLINE_S: Final = 600.0
OLD: Final = Wanted(name="garden", width=320, ssid="the old network", passphrase="first secret passphrase")
NEW: Final = Wanted(
    name="gate", width=480, ssid="another network", passphrase="second secret passphrase", password="a chosen password"
)
TOLD_PASSWORD: Final = re.compile(r"^Password: +(\S+) \(made", re.MULTILINE)


def told_password(status: str) -> str | None:
    """Return the password that the card tells people, if it does."""
    found = TOLD_PASSWORD.search(status)
    return found[1] if found else None


def initial_password(device: Device) -> str:
    """Return the password that the device made for itself; empty when there is none."""
    return device.shell.ended("cat /data/shared/initial-password").output.strip()


def wait_for_old(device: Device) -> None:
    device.boot()
    Visitor(device, "admin", initial_password(device)).wait_for_packet(PACKET_DEADLINE_S)


def wait_for_new(device: Device) -> None:
    device.boot()
    Visitor(device, "admin", NEW.password).wait_for_packet(PACKET_DEADLINE_S)


@pytest.fixture(scope="module")
def scenarios(pc: BuiltImage, say: Say, tmp_path_factory: pytest.TempPathFactory) -> list[Scenario]:
    """The two boots, recorded one after the other on the same disk."""
    folder = tmp_path_factory.mktemp("recorded")
    began = time.monotonic()
    blank = copied_disk(pc.disk, folder / "blank", DISK_BYTES)
    blank.card.write(CARD_FILE, OLD.card())
    first, after = recorded(pc, "first boot", blank, wait_for_old)
    changed = copied_disk(after.path, folder / "changed")
    changed.card.write(CARD_FILE, NEW.card())
    change, _ = recorded(pc, "changed configuration", changed, wait_for_new)
    for scenario in (first, change):
        recording = scenario.recording
        say(f"{scenario.name}: {len(recording.entries)} requests, {recording.written_bytes / 1e6:.1f} MB written")
    say(f"recording both took {time.monotonic() - began:.0f} s")
    return [first, change]


def test_it_completes_what_a_power_cut_left(
    pc: BuiltImage, scenarios: list[Scenario], say: Say, tmp_path: Path
) -> None:
    seed = int(os.environ.get("EDGE_STREAMER_SEED") or secrets.randbits(32))
    say(f"{CUTS} power cuts; again: EDGE_STREAMER_SEED={seed}")
    began = time.monotonic()
    chosen = instants(scenarios, CUTS, Random(seed))
    wrong = each(chosen, lambda instant: check_cut(pc, instant, tmp_path / f"{instant.seed}"), say)
    say(f"{CUTS} power cuts took {time.monotonic() - began:.0f} s")
    assert not wrong, f"{len(wrong)} of {CUTS} (EDGE_STREAMER_SEED={seed}):\n" + "\n".join(wrong)


def check_cut(pc: BuiltImage, instant: Instant, path: Path) -> None:
    """Boot the disk as the cut left it; AssertionError says what is not as it should be."""
    disk = instant.scenario.disk_at(instant.requests, instant.seed, path)
    try:
        told = told_password(disk.card.read(STATUS_FILE)) if STATUS_FILE in disk.card.names() else None
        wanted = OLD if instant.scenario.name == "first boot" else NEW
        with device_of(pc, disk) as device:
            device.connect()
            wait_for_stream(device, wanted, told)
            assert_has(device, wanted)
        assert_no_secret_on(disk, wanted)
    finally:
        path.unlink()


def wait_for_stream(device: Device, wanted: Wanted, told: str | None) -> None:
    """Return when the stream is played with the password that people have."""
    device.shell.run("systemctl start edge_streamer-provision.service", PACKET_DEADLINE_S)  # waits for its end
    password = wanted.password or initial_password(device)
    assert password, "no password was made"
    if not wanted.password and told is not None:
        assert told == password, "the password that the card told before the cut is another one now"
    Visitor(device, "admin", password).wait_for_packet(PACKET_DEADLINE_S)


def assert_has(device: Device, wanted: Wanted) -> None:
    """The configuration is whole: nothing of it is of another card."""
    settings = device.shell.run("cat /data/shared/settings.json")
    configuration = device.shell.run("cat /etc/edge_streamer/edge_streamer.toml")
    assert device.shell.run("hostname").strip() == wanted.name, "the host name is of another card"
    assert f"width = {wanted.width}" in configuration, configuration
    assert wanted.passphrase in settings, settings
    networks = device.shell.run("cat /run/wpa_supplicant/*.conf")
    assert wanted.ssid.encode().hex() in networks, "the Wi-Fi is of another card"
    failed = device.shell.run("systemctl --failed --no-legend --no-pager --plain").strip()
    assert not failed, failed


def assert_no_secret_on(disk: Disk, wanted: Wanted) -> None:
    """The card has none of what was secret, not even in a sector that no file has."""
    for secret in wanted.secrets:
        assert not disk.card.contains(secret), f"{secret!r} is still on the card"
    assert not disk.data.repair() & ~1, "the data partition cannot be repaired"
