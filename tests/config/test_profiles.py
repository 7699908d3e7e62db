"""Hardware profiles: each file is one, its own streams fit its own encoder, and a board finds its own."""

import re
from pathlib import Path
from typing import Final

import pytest

from edge_streamer.config.encoder_limits import check_fits
from edge_streamer.config.load import Overrides, load_config
from edge_streamer.config.profiles import (
    Profile,
    boards_with_encoder,
    find_profiles,
    load_profile,
    load_sensor,
    load_sensors,
    profile_folders,
    select_profile,
)
from edge_streamer.config.streams import EncodedStream
from edge_streamer.config.toml import ConfigError
from edge_streamer.device.board import BoardIdentity, read_board

FILES: Final = find_profiles(profile_folders())
SENSOR_FILES: Final = sorted((FILES["generic"].parent / "sensors").glob("*.toml"))
NO_BOARD: Final = BoardIdentity("", ())
PI_4: Final = BoardIdentity("Raspberry Pi 4 Model B Rev 1.4", ("raspberrypi,4-model-b", "brcm,bcm2711"))

# Each folder holds `model` and `compatible` as the kernel shows them: what the device-tree sources of Linux and of
# raspberrypi/linux say; the model of a Raspberry Pi as its firmware writes it.
DEVICE_TREES: Final = Path(__file__).parents[1] / "fixtures" / "device-tree"
PROFILE_OF: Final = {
    "raspberrypi-zero-2-w": "raspberrypi-zero-2-w",
    "raspberrypi-3-a-plus": "raspberrypi-3-a-plus",
    "raspberrypi-3-a-plus-mainline": "raspberrypi-3-a-plus",
    "raspberrypi-3-b-plus": "raspberrypi-3-b-plus",
    "raspberrypi-3-b": "raspberrypi-3-b",
    "raspberrypi-4": "raspberrypi-4",
    "raspberrypi-400": "generic",
    "raspberrypi-cm4": "raspberrypi-cm4",
    "raspberrypi-5": "raspberrypi-5",
    "raspberrypi-cm5": "raspberrypi-cm5",
    "imx8mp-evk": "imx8mp",
    "quartz64-a": "rk3566",
    "rock-5b": "rk3588",
    "rock-5a": "rk3588",
    "robotics-rb5": "qrb5165",
    "robotics-rb1": "qrb2210",
    "qemu-virt": "qemu-virt",
}


def write_profile(folder: Path, name: str, text: str) -> Path:
    file = folder / f"{name}.toml"
    file.write_text(text)
    return file


@pytest.mark.parametrize("name", FILES)
def test_every_profile_is_one_and_is_called_as_its_file(name: str) -> None:
    assert load_profile(FILES[name]).name == name


@pytest.mark.parametrize("name", FILES)
def test_the_streams_of_a_profile_load_and_fit_its_encoder(name: str) -> None:
    profile = load_profile(FILES[name])
    config = load_config(None, profile=profile, overrides=Overrides())
    encoded = {name: stream for name, stream in config.streams.items() if isinstance(stream, EncodedStream)}
    assert encoded
    if profile.encoder is not None:
        check_fits(encoded, profile.encoder)


@pytest.mark.parametrize("name", FILES)
def test_a_profile_names_sensors_that_are_there_and_its_board_for_people(name: str) -> None:
    profile = load_profile(FILES[name])
    assert profile.board.title
    if profile.sensors is not None:
        assert set(profile.sensors["supported"]) <= set(load_sensors())


def test_no_two_profiles_are_for_the_same_board() -> None:
    boards = [load_profile(file).board for file in FILES.values()]
    names = [name for board in boards for name in (*board.compatible, *board.models)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("file", [*FILES.values(), *SENSOR_FILES], ids=lambda file: file.stem)
def test_every_figure_has_its_source_in_a_comment(file: Path) -> None:
    facts = re.split(r"^\[streams|^# Video modes of the same table", file.read_text(), flags=re.MULTILINE)[0]
    for line in facts.splitlines():
        if "=" in line and not line.startswith(("#", "name", "title", "kind")):
            assert "#" in line, f"{file.name}: {line}"


@pytest.mark.parametrize("tree", sorted(DEVICE_TREES.iterdir()), ids=lambda tree: tree.name)
def test_a_board_finds_its_own(tree: Path) -> None:
    assert select_profile(None, read_board(tree)).name == PROFILE_OF[tree.name]


def test_every_profile_has_a_board_that_finds_it() -> None:
    assert set(PROFILE_OF.values()) == set(FILES)
    assert set(PROFILE_OF) == {tree.name for tree in DEVICE_TREES.iterdir()}


def test_boards_with_an_encoder_are_named_for_people() -> None:
    names = boards_with_encoder()
    assert names == sorted(names)
    assert {"Raspberry Pi 4 Model B", "Raspberry Pi Zero 2 W", "Qualcomm QRB2210"} <= set(names)
    assert not {"Raspberry Pi 5", "Rockchip RK3588", "NXP i.MX 8M Plus", "any other machine"} & set(names)


def test_a_raspberry_pi_4_finds_its_own() -> None:
    profile = select_profile(None, PI_4)
    assert profile.name == "raspberrypi-4"
    assert profile.encoder is not None
    assert (profile.encoder.max_width, profile.encoder.max_macroblocks_per_s) == (1920, 245_760)
    assert profile.network is not None
    assert profile.network.link_bps == 1_000_000_000
    assert profile.serial is not None
    assert profile.serial.port == "/dev/serial0"
    assert profile.led is not None
    assert profile.led.path == "/sys/class/leds/ACT"
    assert profile.camera_connector == {"ports": 1, "lanes": 2, "pins": 15}
    assert profile.title == "Raspberry Pi 4 Model B"


@pytest.mark.parametrize("board", [NO_BOARD, BoardIdentity("Other", ("vendor,board", "brcm,bcm2711"))])
def test_any_other_board_gets_the_generic_one(board: BoardIdentity) -> None:
    assert select_profile(None, board).name == "generic"


def test_the_most_specific_name_of_the_device_tree_wins(tmp_path: Path) -> None:
    write_profile(tmp_path, "generic", '[board]\nname = "generic"')
    write_profile(tmp_path, "a-family", '[board]\nname = "a-family"\ncompatible = ["v,soc"]')
    write_profile(tmp_path, "b-board", '[board]\nname = "b-board"\ncompatible = ["v,board"]')
    assert select_profile(None, BoardIdentity("", ("v,board", "v,soc")), (tmp_path,)).name == "b-board"


def test_a_model_wins_over_the_names_of_another_board(tmp_path: Path) -> None:
    write_profile(tmp_path, "generic", '[board]\nname = "generic"')
    write_profile(tmp_path, "a-plus", '[board]\nname = "a-plus"\nmodels = ["Board A Plus"]')
    write_profile(tmp_path, "b-plus", '[board]\nname = "b-plus"\ncompatible = ["v,b-plus"]')
    assert select_profile(None, BoardIdentity("Board A Plus Rev 1.0", ("v,b-plus",)), (tmp_path,)).name == "a-plus"
    assert select_profile(None, BoardIdentity("Board B Plus Rev 1.0", ("v,b-plus",)), (tmp_path,)).name == "b-plus"


def test_a_name_is_over_what_the_board_says() -> None:
    assert select_profile("generic", PI_4).name == "generic"


@pytest.mark.parametrize(("name", "hint"), [("raspberrypi4", ' did you mean "raspberrypi-4"?'), ("../x", "")])
def test_an_unknown_name_lists_the_known(name: str, hint: str) -> None:
    with pytest.raises(ConfigError) as error:
        select_profile(name, PI_4)
    assert str(error.value) == f'--profile: "{name}" is no profile;{hint} allowed: {", ".join(FILES)}'


def test_profiles_are_found_where_the_generic_one_is(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "share").mkdir()
    write_profile(tmp_path / "share", "generic", '[board]\nname = "generic"')
    assert list(find_profiles((tmp_path / "empty", tmp_path / "share"))) == ["generic"]
    with pytest.raises(ConfigError, match=f"hw_profiles: not found in {tmp_path}/empty; install edge-streamer again"):
        find_profiles((tmp_path / "empty",))


def test_an_installed_package_has_them_in_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.prefix", "/opt/venv")
    assert profile_folders()[1:] == (
        Path("/opt/venv/share/edge_streamer/hw_profiles"),
        Path("/usr/share/edge_streamer/hw_profiles"),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "x.toml: board.name: missing; write name = ... under [board]; allowed: a string in quotes"),
        ('[boards]\nname = "x"', 'x.toml: boards: unknown key; did you mean "board"? '
         "allowed: board, encoder, network, serial, led, camera_connector, sensors, streams"),
        ('[board]\nname = "x"\ncompatible = "a"', 'x.toml: board.compatible: "a" is not allowed; '
         "allowed: a list of device-tree names in quotes"),
        ('[board]\nname = "x"\n[encoder]\nkind = "gpu"',
         'x.toml: encoder.kind: "gpu" is not allowed; allowed: "v4l2_m2m"'),
        ('[board]\nname = "x"\n[network]\nlink_bps = 0',
         "x.toml: network.link_bps: 0 is not allowed; allowed: 1 to 100000000000"),
        ('[board]\nname = "x"\n[serial]\n',
         "x.toml: serial.port: missing; write port = ... under [serial]; allowed: a string in quotes"),
        ('[board]\nname = "x"\n[led]\npath = "/sys/class/leds/../x"',
         'x.toml: led.path: "/sys/class/leds/../x" is not allowed; allowed: "/sys/class/leds/NAME", a folder of sysfs'),
        ('camera_connector = 2\n[board]\nname = "x"',
         "x.toml: camera_connector: 2 is not allowed; allowed: a table, written [camera_connector]"),
        ('sensors = ["imx708"]\n[board]\nname = "x"',
         'x.toml: sensors: ["imx708"] is not allowed; allowed: a table, written [sensors]'),
        ('[board]\nname = "x"\n[streams]\nmain = 1',
         "x.toml: streams.main: 1 is not allowed; allowed: a table, written [streams.main]"),
    ],
)  # fmt: skip
def test_a_profile_with_a_mistake_names_file_and_key(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_profile(write_profile(tmp_path, "x", text))
    assert str(error.value) == message


def test_what_a_profile_does_not_say_is_none(tmp_path: Path) -> None:
    profile = load_profile(write_profile(tmp_path, "x", '[board]\nname = "x"'))
    assert profile == Profile(board=profile.board)
    assert (profile.encoder, profile.led, profile.sensors, profile.streams) == (None, None, None, {})
    assert profile.title == "x"


@pytest.mark.parametrize("file", SENSOR_FILES, ids=lambda file: file.stem)
def test_every_sensor_is_called_as_its_file_and_its_largest_mode_comes_first(file: Path) -> None:
    facts = load_sensor(file)
    assert set(facts) == {"sensor", "modules", "modes"}
    chip, modes = facts["sensor"], facts["modes"]
    assert set(chip) == {"name", "dtoverlay", "width", "height", "autofocus"}
    assert chip["name"] == chip["dtoverlay"] == file.stem
    assert all(set(mode) == {"width", "height", "fps"} and 1 <= mode["fps"] <= 1000 for mode in modes)
    assert all(mode["width"] <= chip["width"] and mode["height"] <= chip["height"] for mode in modes)
    areas = [mode["width"] * mode["height"] for mode in modes]
    assert areas == sorted(areas, reverse=True)
    for module in facts["modules"]:
        fields_of_view = [value for key, value in module.items() if key != "name"]
        assert set(module) <= {"name", "horizontal_fov_degrees", "vertical_fov_degrees"}
        assert all(1 <= degrees <= 360 for degrees in fields_of_view)


@pytest.mark.parametrize("name", FILES)
def test_what_a_profile_says_of_its_connector_can_be(name: str) -> None:
    connector = load_profile(FILES[name]).camera_connector
    if connector is not None:
        assert {"ports", "lanes"} <= set(connector) <= {"ports", "lanes", "pins"}
        assert 1 <= connector["ports"] <= 8
        assert 1 <= connector["lanes"] <= 8
        assert connector.get("pins", 15) in (15, 22)


def test_the_sensors_are_those_of_the_official_cameras() -> None:
    sensors = load_sensors()
    assert set(sensors) == {"ov5647", "imx219", "imx477", "imx708", "imx296", "imx500"}
    assert [name for name, sensor in sensors.items() if sensor["sensor"]["autofocus"]] == ["imx708"]
    assert [module["horizontal_fov_degrees"] for module in sensors["imx708"]["modules"]] == [66, 102]


SENSOR = '[sensor]\nname = "x"\nautofocus = false\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "sensors/x.toml: Object missing required field `sensor`"),
        ("[sensor]", "sensors/x.toml: Object missing required field `autofocus` - at `$.sensor`"),
        (SENSOR, "sensors/x.toml: Object missing required field `modules`"),
        (f"modules = []\n{SENSOR}", "sensors/x.toml: Expected `array` of length >= 1 - at `$.modules`"),
        (f"{SENSOR}[[modules]]", "sensors/x.toml: Object missing required field `name` - at `$.modules[0]`"),
    ],
)
def test_a_sensor_with_a_mistake_names_file_and_key(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_sensor(write_profile(tmp_path, "x", text))
    assert str(error.value) == message
