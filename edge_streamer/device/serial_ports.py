"""Serial ports of this machine, from pyserial's list: names and descriptions; no port is opened. Called by
`cli.probe`."""

from dataclasses import dataclass
from typing import Any

from serial.tools import list_ports


@dataclass(frozen=True, slots=True)
class SerialPort:
    """A serial port's device file, and a description of the device behind it."""

    path: str
    description: str


def list_serial_ports() -> tuple[SerialPort, ...]:
    """Return the serial ports in the order of their device files."""
    return tuple(sorted((_port(info) for info in list_ports.comports()), key=lambda port: port.path))


def _port(info: Any) -> SerialPort:
    # pyserial writes "n/a" where it knows nothing.
    return SerialPort(info.device, "" if info.description == "n/a" else info.description)
