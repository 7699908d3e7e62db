"""The status LED: a folder of files as the kernel has it, or as it is missing."""

from itertools import pairwise
from pathlib import Path

import pytest

from edge_streamer.device.status_led import BLINKS, LedState, StatusLed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An LED that shows the card's activity, with the files that the trigger `timer` makes."""
    (tmp_path / "trigger").write_text("none timer [mmc0] heartbeat\n")
    for name in ("delay_on", "delay_off"):
        (tmp_path / name).touch()
    return tmp_path


def shown(folder: Path) -> tuple[str, ...]:
    return tuple((folder / name).read_text() for name in ("trigger", "delay_on", "delay_off"))


def test_the_kernel_is_told_to_blink(folder, caplog):
    StatusLed(folder).show(LedState.FAULT)
    # The kernel replaces the file's content, a folder's file keeps its end.
    assert shown(folder) == ("timertimer [mmc0] heartbeat\n", "100", "100")
    assert not caplog.records


def test_a_trigger_that_is_set_already_is_left_alone(folder):
    (folder / "trigger").write_text("none [timer] mmc0\n")
    StatusLed(folder).show(LedState.STREAMING)
    assert shown(folder) == ("none [timer] mmc0\n", "50", "2950")


@pytest.mark.parametrize("missing", ["trigger", "delay_on", "delay_off"])
def test_an_led_that_is_missing_in_part_is_told_once_and_nothing_is_created(folder, caplog, missing):
    caplog.set_level("INFO")
    (folder / missing).unlink()
    led = StatusLed(folder)
    for state in LedState:
        led.show(state)
    assert [record.message for record in caplog.records] == [
        f"the status LED {folder} is not used: No such file or directory"
    ]
    assert not (folder / missing).exists()


def test_an_led_that_comes_back_is_used_again(folder):
    led = StatusLed(folder)
    (folder / "delay_on").unlink()
    led.show(LedState.STARTING)
    (folder / "delay_on").touch()
    led.show(LedState.FAULT)
    assert shown(folder)[1:] == ("100", "100")


def test_a_person_can_tell_the_states_apart():
    """One turn of each takes at least three times as long as one of the next faster."""
    assert set(BLINKS) == set(LedState)
    turns_ms = sorted(blink.on_ms + blink.off_ms for blink in BLINKS.values())
    assert all(slower >= 3 * faster for faster, slower in pairwise(turns_ms))
