"""A step that fails is told, and stops no other."""

import sys

import pytest

from edge_streamer.appliance.commands import run_command
from edge_streamer.appliance.main import EXIT_USAGE, main
from edge_streamer.appliance.steps import STEPS, Step, take_steps
from edge_streamer.device.appliance_status import read_appliance_status
from tests.appliance.device import Device, steps_of_a_folder

NAMES = [step.name for step in STEPS]


def fail(_boot: object) -> None:
    raise RuntimeError("broken on purpose")


def with_a_broken(name: str) -> list[Step]:
    return [Step(step.name, fail, step.failure) if step.name == name else step for step in steps_of_a_folder()]


@pytest.mark.parametrize("name", [name for name in NAMES if name != "growth"])
def test_any_step_may_fail(device: Device, name: str) -> None:
    device.put('[device]\nname = "door"\n[device.wifi]\nssid = "Home"\npassphrase = "twelve monkeys"\n')
    boot = device.boot(with_a_broken(name))
    assert any("broken on purpose" in problem for problem in boot.problems)
    if name != "console":
        assert device.paths.console.read_text()
    status = read_appliance_status(device.paths.status)
    if NAMES.index(name) < NAMES.index("status"):
        assert status is not None
        assert any("broken on purpose" in mistake for mistake in status.mistakes)
    assert "twelve monkeys" in device.on_card() + device.paths.settings.read_text()

    after = device.boot()
    assert after.problems == []
    assert after.host_name == "door"
    assert "twelve monkeys" not in device.on_card()
    assert "twelve monkeys" in device.paths.settings.read_text()


def test_a_device_where_every_step_fails_still_ends(device: Device) -> None:
    steps = [Step(step.name, fail, step.failure) for step in STEPS]
    boot = device.boot(())
    assert take_steps(boot, steps) == len(steps)
    assert len(boot.problems) == len(steps)


def test_each_failure_is_a_sentence_of_its_own() -> None:
    assert len({step.failure for step in STEPS}) == len({step.name for step in STEPS}) == len(STEPS)


def test_an_argument_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["enounce"]) == EXIT_USAGE
    assert "announce" in capsys.readouterr().err


def test_a_program_that_fails_says_why() -> None:
    assert run_command([sys.executable, "-c", "print(input())"], "text") == "text\n"
    with pytest.raises(OSError, match="no medium"):
        run_command([sys.executable, "-c", "import sys; sys.exit('no medium')"])
    with pytest.raises(OSError, match="exit code 4"):
        run_command([sys.executable, "-c", "import sys; sys.exit(4)"])
    with pytest.raises(OSError, match="No such file"):
        run_command(["/no/such/program"])
