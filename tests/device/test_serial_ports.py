"""Serial ports as pyserial lists them."""

import pytest
from serial.tools.list_ports_common import ListPortInfo

from edge_streamer.device.serial_ports import SerialPort, list_serial_ports


def port(path: str, description: str) -> ListPortInfo:
    info = ListPortInfo(path)
    info.description = description
    return info


def test_ports_are_listed_by_device_file_and_na_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [port("/dev/ttyUSB0", "USB-RS485"), port("/dev/ttyAMA0", "n/a")]
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: found)
    assert list_serial_ports() == (SerialPort("/dev/ttyAMA0", ""), SerialPort("/dev/ttyUSB0", "USB-RS485"))
