from pathlib import Path

import pytest

from edge_streamer.device.health import FRESH_S, BoardHealth, BoardSensors

PI_4 = "devices/platform/soc/soc:firmware/get_throttled"
PI_5 = "devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled"


class Board:
    """A `sysfs` of files, and a clock."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.now = 100.0

    def write(self, name: str, text: str) -> None:
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def zone(self, number: int, kind: str, temperature: str) -> None:
        self.write(f"class/thermal/thermal_zone{number}/type", f"{kind}\n")
        self.write(f"class/thermal/thermal_zone{number}/temp", f"{temperature}\n")

    def sensors(self) -> BoardSensors:
        return BoardSensors(lambda: self.now, self.root)


@pytest.fixture
def board(tmp_path) -> Board:
    return Board(tmp_path)


def test_a_machine_without_sensors_says_nothing(board):
    assert board.sensors().health() == BoardHealth(None, {})


def test_the_processors_zone_is_found_among_others(board):
    board.zone(0, "gpu-thermal", "40000")
    board.zone(1, "cpu-thermal", "61234")
    assert board.sensors().health().temperature_c == 61.234


def test_a_zone_of_something_else_is_not_taken_for_the_processor(board):
    board.zone(0, "battery", "40000")
    assert board.sensors().health().temperature_c is None


@pytest.mark.parametrize("text", ["", "hot", "1e3"])
def test_a_sensor_that_talks_nonsense_says_nothing(board, text):
    board.zone(0, "cpu-thermal", text)
    board.write(PI_4, text.replace("1e3", "g"))
    assert board.sensors().health() == BoardHealth(None, {})


def test_a_sensor_that_goes_away_says_nothing_any_more(board):
    board.zone(0, "cpu-thermal", "50000")
    sensors = board.sensors()
    assert sensors.health().temperature_c == 50.0
    (board.root / "class/thermal/thermal_zone0/temp").unlink()
    board.now += FRESH_S
    assert sensors.health().temperature_c is None


def test_a_sensor_that_cannot_be_read_now_says_nothing(board):
    board.zone(0, "cpu-thermal", "50000")
    temp = board.root / "class/thermal/thermal_zone0/temp"
    temp.unlink()
    temp.mkdir()  # opens, and refuses to be read
    assert board.sensors().health().temperature_c is None


@pytest.mark.parametrize("place", [PI_4, PI_5])
def test_what_the_firmware_slows_the_board_down_for_now(board, place):
    board.write(place, "50005\n")  # 0x50005: under-voltage and throttled, now and before
    assert board.sensors().health().throttled == {
        "under_voltage": True,
        "frequency_capped": False,
        "throttled": True,
        "soft_temperature_limit": False,
    }


def test_what_was_before_is_not_said_to_be_now(board):
    board.write(PI_4, "d0000\n")
    assert not any(board.sensors().health().throttled.values())


def test_the_drivers_are_asked_once_a_second_at_most(board):
    board.zone(0, "cpu-thermal", "50000")
    sensors = board.sensors()
    sensors.health()
    board.zone(0, "cpu-thermal", "70000")
    board.now += FRESH_S / 2
    assert sensors.health().temperature_c == 50.0
    board.now += FRESH_S / 2
    assert sensors.health().temperature_c == 70.0
