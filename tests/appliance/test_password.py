"""Who gets which password, and where its clear copy lies."""

import stat

import pytest

from edge_streamer.accounts.users import Role, new_user
from edge_streamer.accounts.users_file import change_users, read_users
from edge_streamer.appliance.password import ADMIN, ALPHABET, initial_password, make_password
from tests.appliance.device import Device

OWN = "a good password"


def admin_has(device: Device, password: str) -> bool:
    users = read_users(device.paths.users)
    return users is not None and users[ADMIN] == new_user(ADMIN, Role.ADMIN, password)


def test_made_passwords_are_twelve_characters_that_cannot_be_mistaken_and_differ() -> None:
    made = {make_password() for _ in range(200)}
    assert len(made) == 200
    for password in made:
        groups = password.split("-")
        assert [len(group) for group in groups] == [4, 4, 4]
        assert set("".join(groups)) <= set(ALPHABET)
    assert not set("01oil") & set(ALPHABET)


def test_a_device_without_a_password_makes_one_and_shows_it(device: Device) -> None:
    boot = device.boot()
    made = boot.initial_password
    assert made is not None
    assert admin_has(device, made)
    assert f"Password:       {made} " in device.status_text
    assert made in device.paths.console.read_text()
    assert stat.S_IMODE(device.paths.initial_password.stat().st_mode) == 0o600
    assert stat.S_IMODE(device.paths.users.stat().st_mode) == 0o600
    assert made not in device.paths.status.read_text()
    assert device.boot().initial_password == made


def test_a_password_on_the_card_is_never_shown(device: Device) -> None:
    device.put(f'[device]\npassword = "{OWN}"\n')
    boot = device.boot()
    assert admin_has(device, OWN)
    assert not device.paths.initial_password.exists()
    assert boot.status().has_initial_password is False
    for place in (device.on_card(), device.status_text, device.paths.console.read_text()):
        assert OWN not in place
    for file in (path for path in device.root.rglob("*") if path.is_file()):
        assert OWN.encode() not in file.read_bytes()


def test_a_password_on_the_card_replaces_the_initial_one(device: Device) -> None:
    made = device.boot().initial_password
    assert made is not None
    device.put(f'[device]\npassword = "{OWN}"\n')
    device.boot()
    assert admin_has(device, OWN)
    assert not device.paths.initial_password.exists()
    assert made not in device.status_text


def test_the_clear_copy_goes_when_people_change_the_password(device: Device) -> None:
    made = device.boot().initial_password
    assert made is not None
    change_users(device.paths.users, lambda users: users.having(new_user(ADMIN, Role.ADMIN, OWN)))
    assert initial_password(device.paths) is None
    assert not device.paths.initial_password.exists()
    assert device.boot().initial_password is None
    assert made not in device.status_text
    assert admin_has(device, OWN)


def test_a_password_that_was_taken_from_the_card_stays(device: Device) -> None:
    device.put(f'[device]\npassword = "{OWN}"\n')
    device.boot()
    device.put(device.on_card() + 'name = "door"\n')
    boot = device.boot()
    assert boot.host_name == "door"
    assert admin_has(device, OWN)
    assert not device.paths.initial_password.exists()


def test_other_users_stay(device: Device) -> None:
    device.boot()
    change_users(device.paths.users, lambda users: users.having(new_user("front-desk", Role.VIEWER, OWN)))
    device.put(f'[device]\npassword = "{OWN}"\n')
    device.boot()
    users = read_users(device.paths.users)
    assert users is not None
    assert [user.name for user in users] == [ADMIN, "front-desk"]


@pytest.mark.parametrize("content", ["", "garbage\n", "admin root MD5=00\n"])
def test_a_file_of_users_that_cannot_be_used_is_made_anew(device: Device, content: str) -> None:
    device.paths.users.write_text(content)
    boot = device.boot()
    assert boot.initial_password is not None
    assert admin_has(device, boot.initial_password)
    if content:
        assert device.paths.users.with_name("users.faulty").read_text() == content
        assert "it is kept as users.faulty" in device.status_text


def test_a_new_file_of_users_that_a_power_cut_left_is_removed(device: Device) -> None:
    leftover = device.paths.users.with_name(".users.a1b2c3d4")
    leftover.write_text("admin admin MD5=...\n")
    device.boot()
    assert not leftover.exists()
