"""What a card does to a device: what is adopted, what stays, and where a mistake is told."""

import json
import os
import stat
from pathlib import Path

import pytest

from edge_streamer.accounts.users import UserError
from edge_streamer.appliance import configuration as configuration_module
from edge_streamer.appliance import durable, password, taking
from edge_streamer.appliance.card import FILE_NAMES, MAX_TOLD
from edge_streamer.appliance.card_files import KNOWN_NAMES
from edge_streamer.config.profiles import find_profiles, load_profile, profile_folders
from edge_streamer.device.appliance_status import read_appliance_status
from tests.appliance.device import NAME, Device

GOOD = (
    '[device]\nname = "door"\n[device.wifi]\nssid = "Home"\npassphrase = "twelve monkeys"\n[link]\ndead_after_s = 5\n'
)
WIFI = "wpa_supplicant/wpa_supplicant-wlan0.conf"


def wifi_of(device: Device) -> str:
    file = device.paths.run / WIFI
    return file.read_text() if file.exists() else ""


def configuration(device: Device) -> str:
    return device.paths.configuration.read_text()


def test_a_device_without_a_file_streams_with_the_default(device: Device) -> None:
    boot = device.boot()
    assert boot.problems == []
    assert boot.status().configuration == "default"
    assert boot.status().streams == ("main", "sub")
    assert device.paths.host_name.read_text() == NAME
    assert f"rtsp://{NAME}.local/main" in device.status_text


def test_a_file_is_adopted(device: Device) -> None:
    device.put(GOOD)
    boot = device.boot()
    assert boot.status().configuration == "card"
    assert "dead_after_s = 5" in configuration(device)
    assert device.paths.host_name.read_text() == "door"
    assert b"Home".hex() in wifi_of(device)
    assert stat.S_IMODE((device.paths.run / WIFI).stat().st_mode) == 0o600
    assert stat.S_IMODE(device.paths.settings.stat().st_mode) == 0o600
    assert "twelve monkeys" not in device.on_card() + device.status_text + configuration(device)


def test_the_settings_apply_at_each_later_boot(device: Device) -> None:
    device.put(GOOD)
    device.boot()
    wifi = wifi_of(device)
    boot = device.boot()
    assert wifi_of(device) == wifi
    assert boot.host_name == "door"
    assert boot.status().configuration == "card"
    assert "device.name" in device.status_text


@pytest.mark.parametrize(
    ("mistake", "told"),
    [
        ("dead_after = 6\n", "unknown key; did you mean"),
        ('dead_after_s = "long"\n', "link.dead_after_s"),
        ("dead_after_s = \n", "not TOML"),
    ],
)
def test_a_mistake_leaves_the_last_good_configuration_and_is_told_everywhere(
    device: Device, mistake: str, told: str
) -> None:
    device.put(GOOD)
    device.boot()
    before = configuration(device)
    device.put(f"[link]\n{mistake}")
    for _ in range(2):
        boot = device.boot()
        assert boot.status().configuration == "last_good"
        assert configuration(device) == before
        written = read_appliance_status(device.paths.status)
        assert written is not None
        places = (device.status_text, device.paths.console.read_text(), "\n".join(written.mistakes))
        assert all(told in place and "edge-streamer.toml" in place for place in places)
        assert device.paths.console.read_text().count(told) == 1
        device.paths.console.write_text("")


def test_a_file_that_is_no_toml_takes_no_setting_away(device: Device) -> None:
    device.put(GOOD)
    device.boot()
    wifi = wifi_of(device)
    device.put("[device\n")
    boot = device.boot()
    assert boot.host_name == "door"
    assert wifi_of(device) == wifi


def test_a_mistake_at_the_first_boot_leaves_the_default(device: Device) -> None:
    device.put('[device]\nname = "door"\n[link]\ndead_after_s = 0\n')
    boot = device.boot()
    assert boot.status().configuration == "default"
    assert boot.status().streams == ("main", "sub")
    assert boot.host_name == "door"
    assert "link.dead_after_s: 0 is not allowed" in device.status_text


TOO_LARGE = "[streams.main]\nwidth = 2592\nheight = 1944\n"
THREE = "[streams.main]\n[streams.sub]\nwidth = 640\nheight = 360\n[streams.third]\nwidth = 320\nheight = 240\n"
TWO_CAMERAS = "[streams.a]\n[streams.b]\n[streams.c]\ncamera = 1\n[streams.d]\ncamera = 1\n"


def board(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    profile = load_profile(find_profiles(profile_folders())[name])
    monkeypatch.setattr(configuration_module, "_profile", lambda: profile)


@pytest.mark.parametrize(
    ("text", "name", "told"),
    [
        (TOO_LARGE, "raspberrypi-4", "streams.main.width: 2592"),
        (THREE, "raspberrypi-4", "streams.third.source: /dev/video0 feeds main and sub already"),
        (THREE, "generic", "streams.third.source: /dev/video0 feeds main and sub already"),
    ],
)
def test_what_a_camera_that_is_not_there_yet_could_not_give_is_a_mistake(
    device: Device, monkeypatch: pytest.MonkeyPatch, text: str, name: str, told: str
) -> None:
    """Adopted, the service would end with exit code 2 as soon as the camera is found, and nothing would stream."""
    board(monkeypatch, name)
    device.put(text)
    boot = device.boot()
    assert boot.kept.origin == "default"
    assert any(told in mistake for mistake in boot.status().mistakes)
    assert boot.streams


@pytest.mark.parametrize(
    "text", [TWO_CAMERAS, TOO_LARGE.replace("[streams.main]", '[streams.main]\nsource = "testpattern"')]
)
def test_what_the_board_can_give_is_adopted(device: Device, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    board(monkeypatch, "raspberrypi-5")
    device.put(text)
    boot = device.boot()
    assert (boot.kept.origin, boot.status().mistakes) == ("card", ())


@pytest.mark.parametrize("name", sorted(find_profiles(profile_folders())))
def test_the_default_is_right_for_each_board(device: Device, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    board(monkeypatch, name)
    assert device.boot().streams


def test_a_corrected_mistake_is_gone(device: Device) -> None:
    device.put("[link]\ndead_after = 6\n")
    device.boot()
    device.put("[link]\ndead_after_s = 6\n")
    boot = device.boot()
    assert boot.status().configuration == "card"
    assert "Mistakes" not in device.status_text


def test_an_empty_password_or_passphrase_is_not_none(device: Device) -> None:
    device.put(GOOD)
    device.boot()
    wifi = wifi_of(device)
    blank = device.on_card()
    assert "______________" in blank
    device.put(blank.replace("dead_after_s = 5", "dead_after_s = 6"))
    device.boot()
    assert "dead_after_s = 6" in configuration(device)
    assert wifi_of(device) == wifi


def test_a_setting_that_people_remove_is_gone(device: Device) -> None:
    device.put(GOOD)
    device.boot()
    device.put("[link]\ndead_after_s = 5\n")
    assert device.boot().host_name == NAME
    assert wifi_of(device) == ""


def test_a_new_passphrase_of_the_same_length_is_taken(device: Device) -> None:
    device.put(GOOD)
    device.boot()
    wifi = wifi_of(device)
    device.put(device.on_card().replace("______________", "eleven monkeys"))
    device.boot()
    assert wifi_of(device) not in ("", wifi)
    assert "eleven monkeys" not in device.on_card()


def test_what_an_operator_changed_on_the_device_stays_until_the_card_changes(device: Device) -> None:
    device.put(GOOD)
    device.boot()
    device.paths.configuration.write_text("[link]\ndead_after_s = 3\n")
    device.boot()
    assert configuration(device) == "[link]\ndead_after_s = 3\n"


def test_a_service_file_that_cannot_be_loaded_is_replaced_by_the_last_good_one(device: Device) -> None:
    device.put(GOOD)
    device.boot()
    good = configuration(device)
    device.paths.configuration.write_text("[link\n")
    boot = device.boot()
    assert configuration(device) == good
    assert boot.status().streams == ("main", "sub")
    assert "edge_streamer.toml.faulty" in device.status_text
    assert device.paths.configuration.with_name("edge_streamer.toml.faulty").read_text() == "[link\n"


def test_a_service_file_that_is_lost_is_made_anew(device: Device) -> None:
    device.boot()
    device.paths.configuration.unlink()
    assert device.boot().status().streams == ("main", "sub")
    assert device.paths.configuration.exists()


def test_secrets_stay_on_the_card_while_data_is_lost_with_the_power(tmp_path: Path) -> None:
    device = Device(tmp_path / "root", data_state="memory")
    device.put(GOOD)
    device.boot()
    assert device.on_card() == GOOD
    assert b"Home".hex() in wifi_of(device)
    assert "settings are lost when the power goes" in device.status_text


def test_secrets_stay_on_the_card_when_the_password_cannot_be_set(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = '[device]\npassword = "a good password"\n[device.wifi]\nssid = "Home"\npassphrase = "twelve monkeys"\n'
    device.put(text)

    def refuse(_path: Path, _change: object) -> None:
        raise UserError("users: cannot be changed (No space left on device); it is as it was")

    with monkeypatch.context() as patch:
        patch.setattr(password, "change_users", refuse)
        boot = device.boot()
    assert len(boot.problems) == 1
    assert "The password cannot be set" in device.status_text
    assert device.on_card() == text
    assert device.boot().problems == []
    assert "_" * len("a good password") in device.on_card()
    assert device.paths.users.is_file()


def test_secrets_stay_on_the_card_when_the_settings_cannot_be_kept(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    device.put(GOOD)

    def is_full(source: Path, target: Path) -> None:
        if Path(target).name == "settings.json":
            raise OSError(28, "No space left on device")
        rename(source, target)

    rename = os.rename
    with monkeypatch.context() as patch:
        patch.setattr(durable.os, "rename", is_full)
        boot = device.boot()
    assert device.on_card() == GOOD
    assert "No space left on device" in "\n".join(boot.problems)
    assert device.boot().problems == []
    assert "twelve monkeys" not in device.on_card()


def test_settings_that_cannot_be_read_are_put_aside_and_the_card_is_taken_again(device: Device) -> None:
    device.put(GOOD)
    device.boot()
    device.paths.settings.write_text("{")
    boot = device.boot()
    assert boot.host_name == "door"
    assert "settings.json cannot be read" in device.status_text
    assert device.paths.settings.with_name("settings.json.faulty").read_text() == "{"
    assert device.boot().problems == []


def test_settings_of_a_later_software_are_read_as_far_as_they_are_known(device: Device) -> None:
    device.put(GOOD)
    device.boot()
    kept = json.loads(device.paths.settings.read_text())
    kept["form"] = 2
    kept["colour"] = "blue"
    kept["settings"] |= {"colour": "blue", "time_zone": {"of": "later"}}
    kept["settings"]["wifi"]["band"] = 6
    kept["settings"]["network"] = {"v": 2}
    device.paths.settings.write_text(json.dumps(kept))
    boot = device.boot()
    assert boot.problems == []
    assert boot.host_name == "door"
    assert boot.kept.device_settings().time_zone is None
    assert boot.kept.device_settings().network is None
    assert b"Home".hex() in wifi_of(device)


def test_without_the_card_the_kept_settings_apply(device: Device) -> None:
    device.put(GOOD)
    device.boot()
    wifi = wifi_of(device)
    device.on_command = refuse
    boot = device.boot()
    assert boot.host_name == "door"
    assert wifi_of(device) == wifi
    written = read_appliance_status(device.paths.status)
    assert written is not None
    assert any(
        "cannot be read, so the settings kept before apply (mount: no medium)" in each for each in written.mistakes
    )


def refuse() -> None:
    raise OSError("mount: no medium")


def test_a_time_zone_is_what_localtime_leads_to(device: Device) -> None:
    link = device.paths.run / "edge_streamer-appliance" / "localtime"
    device.put('[device]\ntime_zone = "Europe/Berlin"\n')
    device.boot()
    assert os.readlink(link) == "/usr/share/zoneinfo/Europe/Berlin"
    device.put("[device]\n")
    device.boot()
    assert not link.is_symlink()


def test_the_card_is_written_only_while_something_is_written(device: Device) -> None:
    device.put(GOOD)
    device.boot()
    mounts = [" ".join(command) for command in device.commands]
    assert mounts[0].startswith("mount -t vfat -o ro,")
    assert mounts[-1] == f"umount {device.paths.card}"
    writable = [index for index, command in enumerate(mounts) if "remount,rw" in command]
    assert writable
    assert all("remount,ro" in mounts[index + 1] for index in writable)


def test_the_files_that_are_compared_are_those_that_are_read() -> None:
    assert frozenset(FILE_NAMES) == KNOWN_NAMES


def test_a_password_in_a_comment_is_not_in_the_file_that_all_may_read(device: Device) -> None:
    device.put(
        '#password = "the old one"\n[device]\npassword = "the new one" # was "the old one"\n'
        "[link] # 5 s\n# seconds\ndead_after_s = 5\n"
    )
    device.boot()
    assert configuration(device) == "\n\n\n[link]\n\ndead_after_s = 5\n"
    assert "the old one" not in device.paths.settings.read_text()


def test_a_file_of_another_device_has_no_password_for_this_one(device: Device) -> None:
    device.put('[device]\npassword = "_____________"\n')
    boot = device.boot()
    assert boot.initial_password
    assert boot.initial_password in device.status_text
    assert "device.password: it was taken from this file by another device" in device.status_text
    device.put('[device]\npassword = "twelve monkeys"\n')
    assert device.boot().status().mistakes == ()
    device.put('[device]\nname = "door"\npassword = "______________"\n')
    assert device.boot().status().mistakes == ()


def test_a_file_full_of_unknown_keys_leaves_a_status_that_can_be_read(device: Device) -> None:
    for name in ("rpi-preseed.toml", "custom.toml"):
        device.put("config_version = 1\n" + "".join(f"k{number}=1\n" for number in range(7000)), name)
    boot = device.boot()
    status = read_appliance_status(device.paths.status)
    assert boot.problems == []
    assert status is not None
    assert status.ignored[-1].reason.endswith("more are not taken")
    assert len(status.ignored) == MAX_TOLD + 1


def test_many_files_of_no_use_keep_no_setting_from_being_taken(device: Device) -> None:
    for number in range(100):
        device.put("a photo", f"A{number:03}.jpg")
    device.put('[device]\nname = "door"\npassword = "twelve monkeys"\n', "Edge-Streamer.TOML.txt")
    boot = device.boot()
    assert (boot.problems, boot.host_name) == ([], "door")
    assert "monkeys" not in device.on_card("Edge-Streamer.TOML.txt")


def test_files_of_no_use_and_folders_are_left_alone(device: Device) -> None:
    device.put(GOOD)
    (device.paths.card / "System Volume Information").mkdir()
    (device.paths.card / "huge.bin").write_bytes(bytes(2 << 20))
    (device.paths.card / "._edge-streamer.toml").write_bytes(b"\0\5\26\7")
    assert device.boot().problems == []
    digest = device.boot().kept.card_digest
    (device.paths.card / "huge.bin").unlink()
    assert device.boot().kept.card_digest == digest


def test_a_configuration_is_checked_once_by_each_version(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    device.put(GOOD)
    device.boot()
    checks: list[bytes] = []

    def mistake_in(content: bytes, _name: str, _paths: object) -> tuple[str, tuple[str, ...]]:
        checks.append(content)
        return "", ("main",)

    monkeypatch.setattr(configuration_module, "mistake_in", mistake_in)
    assert device.boot().streams == ("main", "sub")
    assert checks == []
    monkeypatch.setattr(taking, "__version__", "9.9.9")
    assert device.boot().streams == ("main",)
    assert checks == [device.paths.configuration.read_bytes()]
    device.boot()
    assert len(checks) == 1
