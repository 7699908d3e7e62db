"""The unit files by themselves: systemd understands every line, and they let little through."""

import re
import subprocess
from pathlib import Path

import pytest

from edge_streamer.accounts.users_file import NO_USERS_FILE
from edge_streamer.config.checks import INHERITED_NAMES
from tests.systemd.installation import UNITS
from tests.systemd.machine import Machine

EXPOSURE_LIMIT = 20
"""Ten times the exposure that `systemd-analyze security` finds, of 100 at most; a plain unit has 92."""


@pytest.fixture
def units(tmp_path: Path) -> list[str]:
    """The units with a program that every machine has: `verify` wants to find it."""
    for file in [*UNITS.glob("*.service"), *UNITS.glob("*.socket")]:
        text = file.read_text().replace("/usr/bin/edge-streamer", "/bin/true")
        (tmp_path / file.name).write_text(text)
    return sorted(str(file) for file in tmp_path.iterdir())


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, timeout=60, check=False)


def test_systemd_of_this_machine_has_nothing_to_say_about_them(units) -> None:
    verified = analyze("verify", "--man=no", *units)
    assert (verified.returncode, verified.stderr) == (0, "")  # an unknown key is an exit code of 0 and a complaint


def test_a_key_that_systemd_does_not_know_would_be_found(tmp_path) -> None:
    (tmp_path / "odd.service").write_text("[Service]\nExecStart=/bin/true\nBogusKey=yes\n")
    verified = analyze("verify", "--man=no", str(tmp_path / "odd.service"))
    assert "BogusKey" in verified.stderr


def test_little_is_let_through(units) -> None:
    service = next(unit for unit in units if unit.endswith(".service"))
    judged = analyze("security", "--offline=yes", f"--threshold={EXPOSURE_LIMIT}", service)
    assert judged.returncode == 0, judged.stdout


def test_a_plain_unit_would_not_pass(tmp_path) -> None:
    plain = tmp_path / "plain.service"
    plain.write_text("[Service]\nExecStart=/bin/true\nUser=nobody\n")
    assert analyze("security", "--offline=yes", f"--threshold={EXPOSURE_LIMIT}", str(plain)).returncode != 0


def test_systemd_of_debian_13_has_nothing_to_say_about_them(machine: Machine) -> None:
    for unit in ("edge_streamer.service", "edge_streamer-rtsp.socket", "edge_streamer-http.socket"):
        path = f"/usr/lib/systemd/system/{unit}"
        assert machine.run("sh", "-c", f"systemd-analyze verify --man=no {path} 2>&1") == ""
    machine.run("systemd-analyze", "security", f"--threshold={EXPOSURE_LIMIT}", "edge_streamer.service")


def test_sockets_have_the_names_that_the_service_looks_for() -> None:
    text = "".join(file.read_text() for file in UNITS.glob("*.socket"))
    assert sorted(re.findall(r"^FileDescriptorName=(.*)$", text, re.MULTILINE)) == sorted(INHERITED_NAMES)


def test_the_stand_in_for_a_file_of_users_is_known() -> None:
    text = (UNITS / "edge_streamer.service").read_text()
    assert f"\nSetCredential=rtsp-users:{NO_USERS_FILE.decode()}\n" in text
