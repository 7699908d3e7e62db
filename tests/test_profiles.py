"""Hardware profiles: each file is one, its own streams fit its own encoder, and a board finds its own."""

from pathlib import Path

import pytest

from edge_streamer.config import EncodedStream, Overrides, check_fits, load_config
from edge_streamer.device.board import BoardIdentity
from edge_streamer.profiles import Profile, find_profiles, load_profile, profile_folders, select_profile
from edge_streamer.toml import ConfigError

FILES = find_profiles(profile_folders())
NO_BOARD = BoardIdentity("", ())
PI_4 = BoardIdentity("Raspberry Pi 4 Model B Rev 1.4", ("raspberrypi,4-model-b", "brcm,bcm2711"))


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


def test_no_two_profiles_are_for_the_same_board() -> None:
    names = [name for file in FILES.values() for name in load_profile(file).board.compatible]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", FILES)
def test_every_figure_has_its_source_in_a_comment(name: str) -> None:
    facts = FILES[name].read_text().partition("[streams")[0]
    for line in facts.splitlines():
        if "=" in line and not line.startswith(("#", "name", "kind")):
            assert "#" in line, f"{name}: {line}"


def test_a_raspberry_pi_4_finds_its_own() -> None:
    profile = select_profile(None, PI_4)
    assert profile.name == "raspberrypi-4"
    assert profile.encoder is not None
    assert (profile.encoder.max_width, profile.encoder.max_macroblocks_per_s) == (1920, 245_760)
    assert profile.network is not None
    assert profile.network.link_bps == 1_000_000_000
    assert profile.serial is not None
    assert profile.serial.port == "/dev/serial0"


@pytest.mark.parametrize("board", [NO_BOARD, BoardIdentity("Other", ("vendor,board", "brcm,bcm2711"))])
def test_any_other_board_gets_the_generic_one(board: BoardIdentity) -> None:
    assert select_profile(None, board).name == "generic"


def test_the_most_specific_name_of_the_device_tree_wins(tmp_path: Path) -> None:
    write_profile(tmp_path, "generic", '[board]\nname = "generic"')
    write_profile(tmp_path, "a-family", '[board]\nname = "a-family"\ncompatible = ["v,soc"]')
    write_profile(tmp_path, "b-board", '[board]\nname = "b-board"\ncompatible = ["v,board"]')
    assert select_profile(None, BoardIdentity("", ("v,board", "v,soc")), (tmp_path,)).name == "b-board"


def test_a_name_is_over_what_the_board_says() -> None:
    assert select_profile("generic", PI_4).name == "generic"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "raspberrypi4",
            '--profile: "raspberrypi4" is no profile; did you mean "raspberrypi-4"? allowed: generic, raspberrypi-4',
        ),
        ("../x", '--profile: "../x" is no profile; allowed: generic, raspberrypi-4'),
    ],
)
def test_an_unknown_name_lists_the_known(name: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        select_profile(name, PI_4)
    assert str(error.value) == message


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
         "allowed: board, encoder, network, serial, streams"),
        ('[board]\nname = "x"\ncompatible = "a"', 'x.toml: board.compatible: "a" is not allowed; '
         "allowed: a list of device-tree names in quotes"),
        ('[board]\nname = "x"\n[encoder]\nkind = "gpu"',
         'x.toml: encoder.kind: "gpu" is not allowed; allowed: "v4l2_m2m"'),
        ('[board]\nname = "x"\n[network]\nlink_bps = 0',
         "x.toml: network.link_bps: 0 is not allowed; allowed: 1 to 100000000000"),
        ('[board]\nname = "x"\n[serial]\n',
         "x.toml: serial.port: missing; write port = ... under [serial]; allowed: a string in quotes"),
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
    assert (profile.encoder, profile.network, profile.serial, profile.streams) == (None, None, None, {})
    assert isinstance(profile, Profile)
