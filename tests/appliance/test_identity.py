"""Which serial number and host name a machine gets, and that its machine id stays."""

import os
from pathlib import Path

import pytest

from edge_streamer.appliance.identity import INTERFACE_TRIES, default_host_name, find_mac, read_serial
from tests.appliance.device import MACHINE_ID, NAME, SERIAL, Device


def add_interface(device: Device, name: str, address: str, folder: str = "devices/platform/soc") -> None:
    real = device.root / "sys" / folder / "net" / name
    real.mkdir(parents=True)
    (real / "address").write_text(f"{address}\n")
    device.paths.interfaces.mkdir(parents=True, exist_ok=True)
    (device.paths.interfaces / name).symlink_to(real)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(
    ("serial", "name"),
    [
        (SERIAL, NAME),
        ("PF-2X 9K.41", "edge-x9k41"[:5] + "2x9k41"),
        ("7", "edge-7"),
        ("b827eb123456", "edge-123456"),
        ("", "edge-camera"),
        ("--", "edge-camera"),
    ],
)
def test_the_host_name_has_the_last_six_characters(serial: str, name: str) -> None:
    assert default_host_name(serial) == name


def test_the_device_tree_says_the_serial_number(device: Device) -> None:
    assert read_serial(device.paths) == SERIAL


@pytest.mark.parametrize("nonsense", ["To be filled by O.E.M.\n", "Default string\n", "0000000\n", "\n", "x\x07y\n"])
def test_what_makers_leave_is_no_serial_number(device: Device, nonsense: str) -> None:
    device.paths.device_tree_serial.unlink()
    write(device.paths.dmi_serial, nonsense)
    assert read_serial(device.paths) == ""
    write(device.paths.dmi_serial, "PF2X9K41\n")
    assert read_serial(device.paths) == "PF2X9K41"


def test_a_board_without_a_serial_number_is_known_by_its_first_real_interface(device: Device) -> None:
    device.paths.device_tree_serial.unlink()
    add_interface(device, "wlan0", "b8:27:eb:00:00:02")
    add_interface(device, "eth0", "b8:27:eb:12:34:56")
    add_interface(device, "bridge0", "b8:27:eb:00:00:01", "devices/virtual")
    boot = device.boot()
    assert boot.host_name == "edge-123456"
    assert boot.kept.mac == "b827eb123456"


def test_a_new_interface_does_not_change_the_host_name(device: Device) -> None:
    device.paths.device_tree_serial.unlink()
    add_interface(device, "wlan0", "b8:27:eb:00:00:02")
    assert device.boot().host_name == "edge-000002"
    add_interface(device, "eth0", "b8:27:eb:12:34:56")
    assert device.boot().host_name == "edge-000002"
    os.unlink(device.paths.interfaces / "wlan0")  # the card is in another board
    assert device.boot().host_name == "edge-123456"


def test_an_interface_is_waited_for(device: Device) -> None:
    waits = 0

    def sleep(_seconds: float) -> None:
        nonlocal waits
        waits += 1
        if waits == 3:
            add_interface(device, "eth0", "b8:27:eb:12:34:56")

    assert find_mac(device.paths, "", sleep) == "b827eb123456"
    assert waits == 3


def test_a_file_beside_the_interfaces_is_none(device: Device) -> None:
    interface = device.paths.interfaces / "eth0"
    interface.mkdir(parents=True)
    (interface / "address").write_text("b8:27:eb:12:34:56\n")
    (device.paths.interfaces / "bonding_masters").write_text("\n")
    assert find_mac(device.paths, "", lambda _pause_s: None) == "b827eb123456"


def test_a_machine_without_interfaces_keeps_its_name(device: Device) -> None:
    waits: list[float] = []
    assert find_mac(device.paths, "b827eb123456", waits.append) == "b827eb123456"
    assert len(waits) == INTERFACE_TRIES


def test_the_machine_id_of_the_first_boot_stays(device: Device) -> None:
    device.boot()
    assert device.paths.kept_machine_id.read_text() == f"{MACHINE_ID}\n"
    device.paths.machine_id.write_text(f"{'f' * 32}\n")
    device.boot()
    assert device.paths.kept_machine_id.read_text() == f"{MACHINE_ID}\n"


@pytest.mark.parametrize("text", ["", "uninitialized\n", "0123\n", "é" * 32])
def test_what_is_no_machine_id_is_not_kept(device: Device, text: str) -> None:
    device.paths.machine_id.write_text(text)
    assert device.boot().problems == []
    assert not device.paths.kept_machine_id.exists()


def test_a_kept_machine_id_that_is_damaged_is_replaced(device: Device) -> None:
    device.paths.kept_machine_id.write_text("")
    device.boot()
    assert device.paths.kept_machine_id.read_text() == f"{MACHINE_ID}\n"
