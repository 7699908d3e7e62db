"""What people read, once the addresses are known and when the password is changed; and how often it is written."""

import pytest

from edge_streamer.accounts.users import Role, new_user
from edge_streamer.accounts.users_file import change_users
from edge_streamer.appliance.addresses import are_given, read_addresses
from edge_streamer.appliance.announcing import SETTLED_TRIES, TRIES, Announcer
from edge_streamer.appliance.status_text import MAX_LINES, console_text, status_text
from edge_streamer.device.appliance_status import ApplianceStatus, IgnoredSetting, read_appliance_status
from tests.appliance.device import NAME, Device

STATUS = ApplianceStatus(
    host_name=NAME,
    serial="10000000abc0ffee",
    slot="a",
    data_state="ok",
    streams=("main",),
    has_initial_password=True,
    configuration="default",
)


def announce(device: Device, *changes: tuple[int, object]) -> int:
    """Announce; each change is made in the pause of that number."""
    waits = 0

    def sleep(_seconds: float) -> None:
        nonlocal waits
        waits += 1
        for at, change in changes:
            if at == waits:
                change()  # type: ignore[operator]

    return Announcer(device.paths, device.run, sleep).announce()


def sets(device: Device, *addresses: str):
    def change() -> None:
        device.addresses = addresses

    return change


def test_addresses_are_shown_when_they_come(device: Device) -> None:
    password = device.boot().initial_password
    assert "Addresses:      none yet" in device.status_text
    writes = device.writes_to_card
    assert announce(device, (3, sets(device, "169.254.7.7")), (5, sets(device, "192.0.2.7", "169.254.7.7"))) == 0
    assert "Addresses:      http://192.0.2.7/, http://169.254.7.7/\n" in device.status_text
    assert "http://192.0.2.7/" in device.paths.console.read_text()
    assert f"{password} (made for this device" in device.status_text
    assert device.writes_to_card == writes + 2


def test_a_later_boot_with_the_same_address_does_not_write_the_card(device: Device) -> None:
    device.addresses = ("192.0.2.7",)
    device.boot()
    announce(device)
    writes, text = device.writes_to_card, device.status_text
    device.boot()
    announce(device)
    assert device.writes_to_card == writes
    assert device.status_text == text


def test_it_ends_when_nothing_changes(device: Device) -> None:
    device.addresses = ("192.0.2.7", "2001:db8::7")
    device.boot()
    pauses: list[float] = []
    assert Announcer(device.paths, device.run, pauses.append).announce() == 0
    assert len(pauses) == SETTLED_TRIES
    assert "http://192.0.2.7/, http://[2001:db8::7]/" in device.status_text


def test_it_ends_without_an_address_too(device: Device) -> None:
    device.boot()
    pauses: list[float] = []
    assert Announcer(device.paths, device.run, pauses.append).announce() == 0
    assert len(pauses) == TRIES - 1


def test_a_changed_password_goes_from_the_card(device: Device) -> None:
    device.addresses = ("192.0.2.7",)
    made = device.boot().initial_password
    assert made is not None
    announce(device)
    change_users(device.paths.users, lambda users: users.having(new_user("admin", Role.ADMIN, "a good password")))
    announce(device)
    assert made not in device.status_text
    assert "the one that you set" in device.status_text
    status = read_appliance_status(device.paths.status)
    assert status is not None
    assert status.has_initial_password is False


def test_a_card_that_cannot_be_mounted_leaves_the_console(device: Device) -> None:
    device.addresses = ("192.0.2.7",)
    device.boot()
    device.paths.console.write_text("")
    run = device.run

    def without_card(command, text=""):
        if command[0] == "mount":
            raise OSError("mount: no medium")
        return run(command, text)

    assert Announcer(device.paths, without_card, lambda seconds: None).announce() == 1
    assert device.paths.console.read_text().count("http://192.0.2.7/") == 1


def test_without_a_boot_before_it_says_so(device: Device, capsys: pytest.CaptureFixture[str]) -> None:
    assert announce(device) == 1
    assert "edge_streamer-provision.service did not end" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("said", "addresses"),
    [
        ("[]", ()),
        ('[{"ifname":"lo","addr_info":[{"family":"inet","local":"127.0.0.1"},{"family":"inet6","local":"::1"}]}]', ()),
        (
            '[{"addr_info":[{"family":"inet6","local":"fe80::1"},{"family":"inet","local":"192.0.2.7"}]}]',
            ("192.0.2.7",),
        ),
        ('[{"addr_info":[{"family":"inet6","local":"2001:db8::1","temporary":true}]}]', ()),
        ('[{"addr_info":[{"family":"inet6","local":"2001:db8::1","tentative":true}]},{}]', ()),
    ],
)
def test_addresses_that_last_are_read(said: str, addresses: tuple[str, ...]) -> None:
    assert read_addresses(lambda command, text="": said) == addresses


def test_what_ip_says_may_be_no_json() -> None:
    with pytest.raises(ValueError, match="ip"):
        read_addresses(lambda command, text="": "Device not found")


def test_a_link_local_address_is_not_given_by_the_network() -> None:
    assert not are_given(["169.254.7.7"])
    assert are_given(["169.254.7.7", "192.0.2.7"])
    assert not are_given([])


def test_a_control_character_of_a_file_reaches_neither_console_nor_card() -> None:
    from msgspec.structs import replace

    status = replace(STATUS, mistakes=("bad \x1b[2J key",), ignored=(IgnoredSetting(file="f", key="\n", reason="no"),))
    assert "\x1b" not in console_text(status, (), None) + status_text(status, (), None)
    assert "bad ?[2J key" in status_text(status, (), None)


def test_a_thousand_mistakes_are_cut() -> None:
    from msgspec.structs import replace

    text = status_text(replace(STATUS, mistakes=tuple(f"mistake {number}" for number in range(1000))), (), "abcd")
    assert len(text.splitlines()) == MAX_LINES + 1
    assert "more lines" in text
    assert "abcd" in text


@pytest.mark.parametrize("state", ["repaired", "recreated", "memory"])
def test_a_damaged_data_partition_is_told(state: str) -> None:
    from msgspec.structs import replace

    status = replace(STATUS, data_state=state)
    assert "data partition" in status_text(status, (), None)
    assert "data partition" in console_text(status, (), None)
    assert "data partition" not in status_text(STATUS, (), None)
