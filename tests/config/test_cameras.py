"""The cameras' tables: what may be written of one, what its controls may be, and that it is used."""

import math
from typing import Any

import pytest

from edge_streamer.config.cameras import CameraConfig, camera_tables, read_cameras
from edge_streamer.config.toml import ConfigError, read_text, write_tables

USED = frozenset({0, 1, 63})


def read(text: str) -> dict[int, CameraConfig]:
    return read_cameras(read_text(text.encode(), "file").get("cameras", {}), USED)


def read_controls(**controls: object) -> CameraConfig:
    return read_cameras({"0": {"controls": controls}}, USED)[0]


def mistake(written: str | dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as error:
        read(written) if isinstance(written, str) else read_cameras(written, USED)
    assert len(str(error.value).splitlines()) == 1
    return str(error.value)


def test_without_a_table_nothing_is_said_of_any_camera() -> None:
    assert read("") == read("[cameras]") == {}


def test_what_is_not_written_is_left_to_the_camera() -> None:
    assert read("[cameras.0]") == {0: CameraConfig()}
    assert CameraConfig() == CameraConfig(
        hflip=False, vflip=False, rotation=0, sensor_mode=None, buffer_count=6, controls={}
    )


EVERYTHING = """\
[cameras.0]
hflip = true
vflip = false
rotation = 180
sensor_mode = [2304, 1296]
buffer_count = 4

[cameras.0.controls]
AfMode = "Continuous"
AeEnable = true
ExposureTime = 20000
ExposureValue = -0.5
ColourGains = [1, 1.5]

[cameras.63]
hflip = false
vflip = false
rotation = 0
buffer_count = 6
"""


def test_what_is_read_is_written_the_same() -> None:
    cameras = read(EVERYTHING)
    assert cameras == {
        0: CameraConfig(
            hflip=True,
            rotation=180,
            sensor_mode=(2304, 1296),
            buffer_count=4,
            controls={
                "AfMode": "Continuous",
                "AeEnable": True,
                "ExposureTime": 20_000,
                "ExposureValue": -0.5,
                "ColourGains": (1, 1.5),
            },
        ),
        63: CameraConfig(),
    }
    assert write_tables(camera_tables(cameras)) == EVERYTHING


@pytest.mark.parametrize("number", ["front", "", "-1", "00", "64", "100", "0x1", "1.0", "\u0661", "0\n"])
def test_a_camera_has_a_number(number: str) -> None:
    assert mistake({number: {}}).endswith("not a camera's number; allowed: 0 to 63, as edge-streamer probe lists it")


def test_a_camera_that_no_stream_uses_is_a_mistake() -> None:
    assert mistake("[cameras.0]\n[cameras.2]").startswith("cameras.2: no stream uses this camera; ")


@pytest.mark.parametrize(
    ("written", "answer"),
    [
        ("cameras = 3", "cameras: 3 is not allowed; allowed: a table, written [cameras]"),
        ("[cameras]\n0 = 3", "cameras.0: 3 is not allowed; allowed: a table, written [cameras.0]"),
        (
            "[cameras.0]\ncontrols = 3",
            "cameras.0.controls: 3 is not allowed; allowed: a table, written [cameras.0.controls]",
        ),
        ("[cameras.0]\nhflip = 1", "cameras.0.hflip: 1 is not allowed; allowed: true or false"),
        ("[cameras.0]\nbuffer_count = 1", "cameras.0.buffer_count: 1 is not allowed; allowed: 2 to 12"),
        (
            "[cameras.1]\nbuffers = 4",
            'cameras.1.buffers: unknown key; did you mean "buffer_count"? allowed: hflip, vflip, rotation, '
            "sensor_mode, buffer_count, controls",
        ),
    ],
)
def test_a_wrong_table_or_value_says_what_is_allowed(written: str, answer: str) -> None:
    assert mistake(written) == answer


@pytest.mark.parametrize("rotation", ["90", "-180", "180.0", "false", '"180"'])
def test_a_picture_is_turned_by_0_or_180_degrees(rotation: str) -> None:
    answer = mistake(f"[cameras.0]\nrotation = {rotation}")
    assert answer.startswith("cameras.0.rotation: ")
    assert answer.endswith("allowed: 0 or 180")


@pytest.mark.parametrize("mode", ["[1920]", "[1920, 1080, 30]", "[0, 1]", "[1, 16385]", "[1.0, 2.0]", "[true, true]"])
def test_what_is_no_size_of_a_sensor_is_refused(mode: str) -> None:
    assert mistake(f"[cameras.0]\nsensor_mode = {mode}").endswith("allowed: [WIDTH, HEIGHT], both 1 to 16384")


@pytest.mark.parametrize(
    ("written", "value"),
    [
        (True, True), (0, 0), (-1.5, -1.5), ("Off", "Off"), ([1, 2.5], (1, 2.5)), (2**63 - 1, 2**63 - 1),
        (-(2**63), -(2**63)), ("x" * 64, "x" * 64), ([0] * 64, (0,) * 64),
    ],
)  # fmt: skip
def test_a_control_is_a_choice_a_number_or_numbers(written: object, value: object) -> None:
    assert read_controls(Name=written).controls == {"Name": value}


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, -math.inf, 2**63, -(2**63) - 1, 1e300, "x" * 65, [], [0] * 65, [True], ["Auto"], [[1, 2]],
     [math.nan], [2**63 - 1], {}, None],
)  # fmt: skip
def test_what_no_control_can_be_is_refused(value: object) -> None:
    answer = mistake({"0": {"controls": {"Name": value}}})
    assert answer.startswith("cameras.0.controls.Name: ")
    assert answer.endswith(
        "allowed: true or false, a number, a name in quotes of up to 64 characters, or a list of 1 to 64 numbers"
    )


@pytest.mark.parametrize("name", ["", "Af Mode", "0", "_x", "Af-Mode", "Äf", "x" * 65, "a.b", "A\n"])
def test_a_control_has_a_name(name: str) -> None:
    assert "not a control's name" in mistake({"0": {"controls": {name: 1}}})


def test_controls_have_a_limit() -> None:
    assert len(read_controls(**{f"C{number}": 1 for number in range(64)}).controls) == 64
    many = {"0": {"controls": {f"C{number}": 1 for number in range(65)}}}
    assert mistake(many) == "cameras.0.controls: 65 controls are not allowed; allowed: up to 64"
