"""The status LED on a device image: udev and the unit agree with the profiles and with the patterns of the service."""

import os
import re
import subprocess
from pathlib import Path
from typing import Final

import pytest

from edge_streamer.config.profiles import find_profiles, load_profile, profile_folders
from edge_streamer.device.status_led import BLINKS, LedState

ROOT: Final = Path(__file__).parents[2] / "deploy/image/root"
SCRIPT: Final = ROOT / "usr/lib/edge_streamer/status-led"
RULES: Final = ROOT / "usr/lib/udev/rules.d/70-edge_streamer-led.rules"
DROP_IN: Final = ROOT / "usr/lib/systemd/system/edge_streamer.service.d/60-status-led.conf"
PATTERN: Final = re.compile(r"^(\w+)\) on=(\d+) off=(\d+) ;;$", re.MULTILINE)


def run(*arguments: str, path: str = os.environ["PATH"]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SCRIPT, *arguments], capture_output=True, text=True, timeout=10, check=False, env={"PATH": path}
    )


@pytest.fixture
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the two programs that only root can use, which write down how they were called."""
    folder = tmp_path_factory.mktemp("programs")
    for name in ("chgrp", "modprobe"):
        program = folder / name
        program.write_text(f'#!/bin/sh\necho {name} "$@" >>{folder}/calls\n')
        program.chmod(0o755)
    return folder


@pytest.fixture
def led(tmp_path: Path) -> Path:
    for name in ("trigger", "delay_on", "delay_off"):
        (tmp_path / name).touch(mode=0o644)
    return tmp_path


def test_every_led_of_a_profile_is_the_one_that_the_image_permits():
    profiles = [load_profile(file) for file in find_profiles(profile_folders()).values()]
    assert {profile.led.path for profile in profiles if profile.led} == {"/sys/class/leds/ACT"}
    assert 'KERNEL=="ACT"' in RULES.read_text()
    assert "ReadWritePaths=-/sys/class/leds/ACT\n" in DROP_IN.read_text()
    assert "${2:-/sys/class/leds/ACT}" in SCRIPT.read_text()


def test_the_patterns_are_those_of_the_service():
    found = {LedState(name): (int(on), int(off)) for name, on, off in PATTERN.findall(SCRIPT.read_text())}
    assert set(found) == {LedState.STARTING, LedState.FAULT}
    assert all((BLINKS[state].on_ms, BLINKS[state].off_ms) == blink for state, blink in found.items())


def test_udev_shows_the_start_and_gives_the_pattern_to_the_service(led, recorded):
    ended = run("starting", str(led), path=f"{recorded}:{os.environ['PATH']}")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert [(led / name).read_text() for name in ("trigger", "delay_on", "delay_off")] == ["timer\n", "500\n", "500\n"]
    assert (recorded / "calls").read_text().splitlines() == [
        "modprobe -q ledtrig-timer",
        f"chgrp video {led}/delay_on {led}/delay_off",
    ]
    modes = {name: (led / name).stat().st_mode & 0o777 for name in ("trigger", "delay_on", "delay_off")}
    assert modes == {"trigger": 0o644, "delay_on": 0o664, "delay_off": 0o664}


def test_the_unit_shows_the_fault_when_the_service_has_ended(led):
    assert run("fault", str(led)).returncode == 0
    assert [(led / name).read_text() for name in ("trigger", "delay_on", "delay_off")] == ["", "100\n", "100\n"]


def test_a_board_without_the_led_is_no_failure(tmp_path):
    ended = run("fault", str(tmp_path / "absent"))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert not (tmp_path / "absent").exists()


def test_another_word_is_refused_with_those_allowed(led):
    ended = run("dancing", str(led))
    assert (ended.returncode, ended.stderr) == (2, "status-led: dancing: allowed: starting, fault\n")
