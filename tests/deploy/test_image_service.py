"""The services of a device image, where nobody can log in: started for ever, with each key, and their faults kept."""

from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
UNIT: Final = ROOT / "systemd/edge_streamer.service"
LIB: Final = ROOT / "deploy/image/root/usr/lib"
DROP_INS: Final = LIB / "systemd/system/edge_streamer.service.d"


def assignments(*files: Path) -> dict[str, str]:
    """The last assignment of each key, as systemd takes drop-ins by their names after the unit."""
    lines = [line.partition("=") for file in files for line in file.read_text().splitlines() if line[:1] not in "#["]
    return {key: value for key, _, value in lines if key}


def test_the_package_gives_up_and_the_image_does_not() -> None:
    package = assignments(UNIT)
    image = assignments(UNIT, *sorted(DROP_INS.glob("*.conf")))
    keys = ("Restart", "StartLimitIntervalSec", "RestartPreventExitStatus")
    assert [package[key] for key in keys] == ["always", "300", "2"]
    assert [image[key] for key in keys] == ["always", "0", ""]
    assert image["RestartSec"] == package["RestartSec"]


def test_the_image_allows_what_the_example_allows_for_time_stamps() -> None:
    example = assignments(ROOT / "systemd/edge_streamer.service.d/clock-status.conf.example")
    assert assignments(DROP_INS / "40-clock-status.conf") == example


@pytest.mark.parametrize("name", ["provision", "announce"])
def test_what_the_programs_of_the_boot_say_is_kept_over_a_restart(name: str) -> None:
    assert "--priority=warning " in (LIB / "edge_streamer/keep-warnings").read_text()
    assert assignments(LIB / f"systemd/system/edge_streamer-{name}.service")["SyslogLevel"] == "warning"
