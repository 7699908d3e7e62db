"""The board's health: the temperature of its processor, and the reasons for which its firmware throttles it.

Called by `app` for every status, on the loop. A read of a sysfs file asks a driver, which answers from memory or within
microseconds; a few bytes are read, at most once in `FRESH_S`. A value that the board does not report is absent. This
module draws no conclusion; alerts do.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

FRESH_S: Final = 1.0
"""Drivers are asked at most this often, however many pages and scrapes ask."""
_READ_BYTES: Final = 64
_PROCESSOR_ZONES: Final = ("cpu-thermal", "cpu_thermal", "soc-thermal", "x86_pkg_temp")
"""`type` of the processor's thermal zone, by preference: Raspberry Pi and most ARM boards, older kernels, Rockchip, a
PC."""
_THROTTLED: Final = "devices/platform/soc*/*:firmware/get_throttled"
"""Of Raspberry Pi kernels: `soc/soc:firmware`, and on newer boards with the bus's address in both names."""
THROTTLED_BITS: Final[Mapping[str, int]] = {
    "under_voltage": 1 << 0,
    "frequency_capped": 1 << 1,
    "throttled": 1 << 2,
    "soft_temperature_limit": 1 << 3,
}
"""Bits for the present state. The same bits, sixteen places higher, report the past; since when differs by kernel."""


@dataclass(frozen=True, slots=True)
class BoardHealth:
    """`temperature_c` is None without a sensor; `throttled` is empty where the firmware does not report it."""

    temperature_c: float | None = None
    throttled: Mapping[str, bool] = field(default_factory=dict)


class BoardSensors:
    """Reads the board's files, which are searched once. `sysfs` is its mount point, `clock` returns monotonic
    seconds."""

    def __init__(self, clock: Callable[[], float], sysfs: Path = Path("/sys")) -> None:
        self._clock = clock
        self._temperature = _processor_zone(sysfs)
        self._throttled = next(iter(sorted(sysfs.glob(_THROTTLED))), None)
        self._read_at = float("-inf")
        self._health = BoardHealth()

    def health(self) -> BoardHealth:
        """Return the board's health, at most `FRESH_S` old."""
        now = self._clock()
        if now - self._read_at >= FRESH_S:
            self._read_at = now
            self._health = BoardHealth(_temperature_c(self._temperature), _causes(self._throttled))
        return self._health


def _processor_zone(sysfs: Path) -> Path | None:
    zones = {_read(file): file.with_name("temp") for file in sorted(sysfs.glob("class/thermal/thermal_zone*/type"))}
    return next((zones[kind] for kind in _PROCESSOR_ZONES if kind in zones), None)


def _temperature_c(file: Path | None) -> float | None:
    """Thousandths of a degree Celsius (Linux, Documentation/driver-api/thermal/sysfs-api.rst)."""
    text = _read(file)
    try:
        return int(text) / 1000
    except ValueError:
        return None


def _causes(file: Path | None) -> Mapping[str, bool]:
    try:
        bits = int(_read(file), 16)
    except ValueError:
        return {}
    return {cause: bool(bits & bit) for cause, bit in THROTTLED_BITS.items()}


def _read(file: Path | None) -> str:
    """Return a file's text; empty when it does not exist, or its driver has no value now (a sensor that is off)."""
    if file is None:
        return ""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return ""
    try:
        return os.read(descriptor, _READ_BYTES).decode("ascii", "replace").strip()
    except OSError:
        return ""
    finally:
        os.close(descriptor)
