"""A configuration from its file: defaults as documented, every documented mistake, what stands over what."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_streamer.app.source_plan import plan_sources
from edge_streamer.config.cameras import CameraConfig
from edge_streamer.config.config import Config
from edge_streamer.config.load import Overrides, build_config, load_config, users_path
from edge_streamer.config.profiles import Board, Profile, find_profiles, load_profile, profile_folders
from edge_streamer.config.streams import AutoStream, CameraStream, DeviceStream, FileStream
from edge_streamer.config.toml import ConfigError, read_text
from edge_streamer.runtime.address import ListenAddress
from tests.tools.configuration_docs import MISTAKES, PAGE, render_page

FOLDER = Path("/etc/edge_streamer")


def build(
    tables: dict[str, Any] | str = "", *, profile: Profile | None = None, overrides: Overrides | None = None
) -> Config:
    parsed = read_text(tables.encode(), "file") if isinstance(tables, str) else tables
    return build_config(parsed, profile=profile, overrides=overrides or Overrides(), folder=FOLDER)


def mistake(tables: str, **options: Any) -> str:
    with pytest.raises(ConfigError) as error:
        build(tables, **options)
    assert len(str(error.value).splitlines()) == 1
    return str(error.value)


def test_the_defaults_are_the_documented_ones() -> None:
    config = load_config(None, profile=None, overrides=Overrides())
    assert tomllib.loads(config.to_toml()) == {
        "rtsp": {
            "listen": ["127.0.0.1:8554"],
            "transports": ["tcp", "udp"],
            "session_timeout_s": 60,
            "max_sessions": 64,
            "max_sessions_per_address": 16,
            "max_connections": 256,
            "max_connections_per_address": 64,
            "setup_within_s": 10,
            "max_pending_describes": 32,
            "max_header_bytes": 16384,
            "max_body_bytes": 65536,
            "udp_ports": [50000, 50999],
        },
        "http": {"listen": ["127.0.0.1:8080"], "max_connections": 64, "max_connections_per_address": 32},
        "link": {"dead_after_s": 8},
        "auth": {
            "anonymous": False,
            "basic": "never",
            "sha256": False,
            "metrics_networks": ["127.0.0.0/8", "::1/128"],
        },
        "multicast": {"network": "239.255.42.0/24", "first_port": 51000, "ttl": 1},
        "streams": {
            "main": {
                "source": "auto",
                "width": 1280,
                "height": 720,
                "fps": 30,
                "bitrate_bps": 2000000,
                "gop_s": 2,
                "overlay": "",
                "bound_reordering": True,
                "timestamps": "none",
                "slow_readers": "end",
                "on_demand": False,
                "linger_s": 10,
                "give_up_after_s": 60,
                "camera": 0,
                "encoder": "auto",
            },
            "sub": {
                "source": "auto",
                "width": 640,
                "height": 360,
                "fps": 15,
                "bitrate_bps": 400000,
                "gop_s": 2,
                "overlay": "",
                "bound_reordering": True,
                "timestamps": "none",
                "slow_readers": "end",
                "on_demand": False,
                "linger_s": 10,
                "give_up_after_s": 60,
                "camera": 0,
                "encoder": "auto",
            },
        },
    }


@pytest.mark.parametrize(("written", "answer"), MISTAKES, ids=[answer.partition(":")[0] for _, answer in MISTAKES])
def test_every_documented_mistake_is_answered_as_documented(written: str, answer: str) -> None:
    assert mistake(written) == answer


def test_the_page_is_the_generated_one() -> None:
    page = PAGE.read_text()
    assert page == render_page(page), "run python -m tests.tools.configuration_docs"


def test_the_examples_on_the_page_load() -> None:
    first, of_cameras = (block.split("```")[0] for block in PAGE.read_text().split("```toml\n")[1:3])
    assert list(build(first).streams) == ["main", "gate"]
    pi_4 = load_profile(find_profiles(profile_folders())["raspberrypi-4"])
    config = build(of_cameras, profile=pi_4)
    assert list(config.streams) == ["main", "sub", "door"]
    assert config.cameras == {0: CameraConfig(rotation=180, controls={"AfMode": "Continuous", "ExposureValue": -0.5})}
    assert [source.spec.kind for source in plan_sources(config.streams, config.cameras, ())] == ["picamera2", "v4l2"]


def test_listen_takes_one_or_a_list_and_any_free_port_twice() -> None:
    assert build('[rtsp]\nlisten = "[0:0::1]:8554"').rtsp.listen == (ListenAddress("::1", 8554),)
    listen = build('[rtsp]\nlisten = ["127.0.0.1:0", "[::1]:0"]\n[http]\nlisten = "127.0.0.1:0"').rtsp.listen
    assert [str(address) for address in listen] == ["127.0.0.1:0", "[::1]:0"]


@pytest.mark.parametrize(
    "listen", ["[]", '["127.0.0.1:1", 2]', "8554", str([f"127.0.0.1:{port}" for port in range(17)])]
)
def test_a_list_of_no_or_wrong_or_too_many_addresses_is_refused(listen: str) -> None:
    assert mistake(f"[http]\nlisten = {listen}").startswith("http.listen: ")


def test_only_listen_may_be_a_plain_string() -> None:
    assert mistake('[rtsp]\ntransports = "tcp"').startswith('rtsp.transports: "tcp" is not allowed')


@pytest.mark.parametrize(
    "ports", ["[50000]", "[50000, 50001, 50002]", '"50000-50999"', "[50000, 50001.0]", "[50010, 50001]"]
)
def test_what_is_no_port_range_is_refused(ports: str) -> None:
    assert mistake(f"[rtsp]\nudp_ports = {ports}").startswith("rtsp.udp_ports: ")


def with_users(folder: Path, *names: str) -> str:
    lines = [f"{name} viewer MD5={'0' * 32}\n" for name in names]
    (folder / "users").write_text("".join(["# nobody else\n", *lines]))
    return f'[auth]\nusers = "{folder}/users"\n'


def test_users_open_the_service_too(tmp_path: Path) -> None:
    config = build(with_users(tmp_path, "alice") + '[rtsp]\nlisten = "0.0.0.0:9000"\n')
    assert [user.name for user in config.users] == ["alice"]
    assert build(config.to_toml()) == config


def test_where_nobody_is_left_nobody_comes_in(tmp_path: Path) -> None:
    answer = mistake(with_users(tmp_path))
    assert answer.startswith(f"auth.users: {tmp_path}/users: no user in it; ")


def test_a_mistake_in_the_file_of_users_names_its_line(tmp_path: Path) -> None:
    answer = mistake(with_users(tmp_path, "alice", "no:name"))
    assert answer.startswith(f"auth.users: {tmp_path}/users, line 3: not NAME ROLE ")
    assert "0000" not in answer


def test_the_users_are_where_they_are_named_or_where_systemd_puts_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    assert users_path(None) == Path("/etc/edge_streamer/users")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert users_path(None) == Path("/etc/edge_streamer/users")
    (tmp_path / "rtsp-users").write_text("alice viewer MD5=" + "0" * 32)
    assert users_path(None) == tmp_path / "rtsp-users"
    assert "alice" in build().users
    file = tmp_path / "edge.toml"
    file.write_text('[streams]\n[auth]\nusers = "mine"')  # the rest may be unfinished
    assert users_path(file) == tmp_path / "mine"


@pytest.mark.parametrize("networks", ["[]", '["192.0.2.7", "2001:db8::/64"]'])
def test_networks_are_written_back_as_networks(networks: str) -> None:
    config = build(f"[auth]\nmetrics_networks = {networks}")
    assert config.auth.metrics_networks == (() if networks == "[]" else ("192.0.2.7/32", "2001:db8::/64"))
    assert build(config.to_toml()) == config


@pytest.mark.parametrize("networks", ['"127.0.0.1"', "[7]", '["lan"]', '["192.0.2.1/24"]'])
def test_what_is_no_network_is_refused(networks: str) -> None:
    assert mistake(f"[auth]\nmetrics_networks = {networks}").startswith("auth.metrics_networks: ")


def test_the_command_line_is_over_the_file() -> None:
    written = '[rtsp]\nlisten = "0.0.0.0:8554"\n[http]\nlisten = "127.0.0.1:1"'
    config = build(written, overrides=Overrides(rtsp="[::1]:0", http="127.0.0.1:2"))
    assert (config.rtsp.listen, config.http.listen) == ((ListenAddress("::1", 0),), (ListenAddress("127.0.0.1", 2),))


def test_a_wrong_address_on_the_command_line_names_the_option() -> None:
    assert mistake("", overrides=Overrides(http="localhost:80")) == (
        '--http: "localhost:80" is not allowed; allowed: ADDR:PORT with a literal address (host names are not looked '
        "up), IPv6 in brackets, port 0 to 65535 (0 takes any free one)"
    )


def test_a_written_stream_takes_the_rest_from_the_one_of_its_name() -> None:
    streams = build("[streams.sub]\nfps = 10\n[streams.extra]").streams
    assert streams == {
        "sub": AutoStream(width=640, height=360, fps=10, bitrate_bps=400_000),
        "extra": AutoStream(),
    }


def test_a_file_takes_nothing_from_an_encoded_stream_of_its_name() -> None:
    written = '[streams.sub]\nsource = "file"\npath = "clips/a.mp4"\nloop = false\nlink_bitrate_bps = 3000000'
    assert build(written).streams == {
        "sub": FileStream(path="/etc/edge_streamer/clips/a.mp4", loop=False, link_bitrate_bps=3_000_000)
    }


@pytest.mark.parametrize("path", ['""', '"a\\u0000b"', "7"])
def test_a_path_that_no_file_can_have_is_refused(path: str) -> None:
    assert mistake(f'[streams.a]\nsource = "file"\npath = {path}').startswith("streams.a.path: ")


def test_a_key_of_no_source_kind_is_a_typing_mistake() -> None:
    assert mistake('[streams.a]\nsource = "file"\npth = "x"') == (
        'streams.a.pth: unknown key; did you mean "path"? allowed: source, path, loop, link_bitrate_bps, slow_readers, '
        "on_demand, linger_s, give_up_after_s"
    )


def test_streams_have_a_limit_and_are_tables() -> None:
    assert mistake("streams = 3") == "streams: 3 is not allowed; allowed: a table, written [streams]"
    assert mistake("[streams]\nmain = 3") == "streams.main: 3 is not allowed; allowed: a table, written [streams.main]"
    too_many = "\n".join(f"[streams.s{number}]" for number in range(17))
    assert mistake(too_many) == "streams: 17 streams are not allowed; allowed: up to 16"


def test_a_name_is_one_to_32_plain_characters() -> None:
    assert list(build(f"[streams.{'a' * 32}]\n[streams.A-z_9]").streams) == ["a" * 32, "A-z_9"]
    for name in ("a" * 33, "", "a/b", "a b", "ü", "a\\n"):
        assert mistake(f'[streams."{name}"]').startswith("streams.")


def test_a_profile_is_between_the_defaults_and_the_file() -> None:
    profile = Profile(board=Board(name="x"), streams={"main": {"fps": 20, "width": 1920, "height": 1080}})
    assert build(profile=profile).streams == {"main": AutoStream(fps=20, width=1920, height=1080)}
    assert build("[streams.main]\nfps = 5\n[streams.sub]", profile=profile).streams == {
        "main": AutoStream(fps=5, width=1920, height=1080),
        "sub": AutoStream(),
    }


@pytest.mark.parametrize("source", ["auto", "picamera2"])
def test_a_camera_is_described_where_a_stream_uses_it(source: str) -> None:
    written = f'[streams.main]\nsource = "{source}"\ncamera = 1\n'
    assert build(written + "[cameras.1]\nhflip = true").cameras == {1: CameraConfig(hflip=True)}
    assert mistake(written + "[cameras.0]").startswith("cameras.0: no stream uses this camera; ")


@pytest.mark.parametrize("stream", ['source = "testpattern"', 'source = "v4l2"\ndevice = "/dev/video0"'])
def test_a_stream_without_a_camera_of_libcamera_uses_none(stream: str) -> None:
    assert mistake(f"[streams.main]\n{stream}\n[cameras.0]").startswith("cameras.0: no stream uses this camera; ")


def test_the_source_of_a_profile_is_taken_and_may_be_changed() -> None:
    profile = Profile(board=Board(name="x"), streams={"main": {"source": "v4l2", "device": "/dev/video0", "fps": 20}})
    assert build(profile=profile).streams == {"main": DeviceStream(device="/dev/video0", fps=20)}
    written = '[streams.main]\nsource = "picamera2"'
    assert build(written, profile=profile).streams == {"main": CameraStream(fps=20)}


def test_a_file_is_read_and_its_folder_is_where_paths_begin(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text('[streams.clip]\nsource = "file"\npath = "b.mp4"')
    config = load_config(file, profile=None, overrides=Overrides())
    assert config.streams == {"clip": FileStream(path=str(tmp_path / "b.mp4"))}


def test_a_broken_file_is_named_with_the_line(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text("[rtsp]\nlisten = \n")
    with pytest.raises(ConfigError) as error:
        load_config(file, profile=None, overrides=Overrides())
    assert str(error.value) == f"{file}: not TOML: Invalid value (at line 2, column 10); correct it there"


JUNK = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers())
KEYS = (
    st.sampled_from(["rtsp", "http", "streams", "cameras", "listen", "main", "source", "fps", "path", "udp_ports", "0"])
    | st.text()
)


@settings(deadline=None)
@given(st.dictionaries(KEYS, JUNK | st.dictionaries(KEYS, JUNK | st.dictionaries(KEYS, JUNK, max_size=3), max_size=3)))
def test_any_tables_are_a_config_or_one_line(tables: dict[str, Any]) -> None:
    answer = ""
    try:
        build(tables)
    except ConfigError as error:
        answer = str(error)
    assert len(answer.splitlines()) <= 1
