"""The power goes at every single change of the disk, in every way a disk may lose what was not synced; then the device
boots again."""

import secrets
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from edge_streamer.accounts.users_file import read_users
from edge_streamer.appliance.settings_store import load_kept
from tests.appliance.device import STATUS, Device
from tests.appliance.power import WORLDS, Power, PowerCutError

PASSWORD: Final = "correct horse battery"
PASSPHRASE: Final = "twelve monkeys in a barrel"
FIRST: Final = f"""\
[device]
name = "door"
password = "{PASSWORD}"
[device.wifi]
ssid = "Home"
passphrase = "{PASSPHRASE}"
[link]
dead_after_s = 5
"""
EDITED: Final = """\
[device]
name = "gate"
password = "another password"
[device.wifi]
ssid = "Home"
passphrase = "thirteen monkeys"
[link]
dead_after_s = 6
"""
LONG: Final = FIRST.replace('password = "', f'# {"x" * 460}\npassword = "')
"""The password lies in two sectors."""


def only_a_file(device: Device) -> None:
    device.put(FIRST)


def a_secret_in_two_sectors(device: Device) -> None:
    device.put(LONG)
    at = LONG.index(PASSWORD)
    assert at // 512 < (at + len(PASSWORD) - 1) // 512


def nothing(device: Device) -> None:
    device.put("# nobody wrote anything\n")


def an_edit(device: Device) -> None:
    device.put(FIRST)
    device.boot()
    device.put(EDITED)


def an_edit_of_the_same_length(device: Device) -> None:
    device.put(FIRST)
    device.boot()
    device.put(FIRST.replace(PASSWORD, PASSWORD[::-1]).replace(PASSPHRASE, PASSPHRASE[::-1]))


def an_edit_with_a_mistake(device: Device) -> None:
    device.put(FIRST)
    device.boot()
    device.put(EDITED.replace("dead_after_s = 6", "dead_after = 6"))


def an_initial_password_that_was_changed(device: Device) -> None:
    nothing(device)
    device.boot()
    device.put('[device]\npassword = "correct horse battery"\n')


def several_files(device: Device) -> None:
    device.put('[device]\npassword = "correct horse battery"\n')
    device.put('network={\n ssid="Home"\n psk="twelve monkeys in a barrel"\n}\n', "wpa_supplicant.conf")


BEFORE: Final = (
    only_a_file, a_secret_in_two_sectors, nothing, an_edit, an_edit_of_the_same_length, an_edit_with_a_mistake,
    an_initial_password_that_was_changed, several_files,
)  # fmt: skip


def watched(device: Device) -> tuple[Path, ...]:
    paths = device.paths
    return paths.card, paths.configuration.parent, paths.settings.parent


def state(device: Device) -> dict[str, bytes]:
    """Everything that lasts, but leftovers, and what a running system reads."""
    lasting = (path for folder in watched(device) for path in folder.iterdir() if not path.name.startswith("."))
    rendered = (path for path in device.paths.run.rglob("*") if path.is_file())
    found = {str(path.relative_to(device.root)): path.read_bytes() for path in (*lasting, *rendered)}
    found["console"] = device.paths.host_name.read_bytes()
    return found


def configuration(device: Device) -> bytes:
    file = device.paths.configuration
    return file.read_bytes() if file.exists() else b""


@pytest.fixture(autouse=True)
def same_password_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "choice", lambda characters: characters[0])


def boot_without_power(device: Device, power: Power, cut_at: int) -> None:
    power.on(cut_at)
    device.on_command = power.check
    try:
        device.boot()
    except PowerCutError:
        pass
    finally:
        device.on_command = lambda: None


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("before", BEFORE, ids=lambda case: case.__name__)
def test_the_boot_after_a_power_cut_completes_it(
    before: Callable[[Device], None], world: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Device(tmp_path / "whole")
    before(whole)
    old = configuration(whole)
    with monkeypatch.context() as patch:
        power = Power(patch, watched(whole))
        boot_without_power(whole, power, 0)
    expected, new, changes = state(whole), configuration(whole), power.changes
    assert len(changes) > 10

    for cut_at in range(1, len(changes) + 1):
        device = Device(tmp_path / f"{cut_at}")
        before(device)
        with monkeypatch.context() as patch:
            power = Power(patch, watched(device))
            boot_without_power(device, power, cut_at)
            assert power.is_gone()
            power.settle(world)
        at = f"cut at {cut_at}, {changes[cut_at - 1]}"
        assert configuration(device) in (old, new), at
        tomllib.loads(configuration(device).decode())
        load_kept(device.paths.settings)
        read_users(device.paths.users)
        assert device.boot().problems == [], at
        assert state(device) == expected, at


@pytest.mark.parametrize("before", BEFORE, ids=lambda case: case.__name__)
def test_a_further_boot_changes_nothing(
    before: Callable[[Device], None], device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    before(device)
    device.boot()
    after, writes = state(device), device.writes_to_card
    power = Power(monkeypatch, watched(device))
    boot_without_power(device, power, 0)
    assert power.changes == []
    assert state(device) == after
    assert device.writes_to_card == writes


def test_a_power_cut_never_makes_a_password_of_half_a_password(
    device: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sector of two is overwritten: without the marks in settings.json the rest would be read as a password."""
    a_secret_in_two_sectors(device)
    with monkeypatch.context() as patch:
        power = Power(patch, watched(device))
        boot_without_power(device, power, 0)
        second = [index for index, change in enumerate(power.changes, 1) if change.startswith("overwrite")][1]
    users = device.paths.users.read_bytes()

    cut = Device(tmp_path / "cut")
    a_secret_in_two_sectors(cut)
    with monkeypatch.context() as patch:
        boot_without_power(cut, Power(patch, watched(cut)), second)
    half = cut.on_card()
    assert PASSWORD not in half
    assert any(PASSWORD[length:] in half for length in range(1, len(PASSWORD)))
    cut.boot()
    assert cut.paths.users.read_bytes() == users
    assert PASSPHRASE not in cut.on_card()
    assert "_" * len(PASSWORD) in cut.on_card()
    assert STATUS in {path.name for path in cut.paths.card.iterdir()}
