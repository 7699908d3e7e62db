"""The command line: what reaches `app.run`, what is printed, and the exit codes."""

import os
import socket
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType

import pytest

from edge_streamer.app.source_plan import PlannedSource
from edge_streamer.cli import main as cli
from edge_streamer.cli.main import main
from edge_streamer.config.config import Config
from edge_streamer.device.cameras import FoundCamera
from edge_streamer.device.status_led import StatusLed
from edge_streamer.device.systemd import Sockets
from edge_streamer.runtime.address import ListenAddress


class RecordedApp(ModuleType):
    """Stands for `edge_streamer.app.run`: keeps what it was run with."""

    exit_code = 0

    def run(
        self,
        load: Callable[[], tuple[Config, Sequence[PlannedSource]]],
        *,
        inherited: Sockets,
        log_level: str,
        led: StatusLed | None,
    ) -> int:
        self.config, self.sources = load()
        self.inherited = inherited
        self.log_level = log_level
        self.led = led
        return self.exit_code


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> RecordedApp:
    recorded = RecordedApp("edge_streamer.app.run")
    monkeypatch.setitem(sys.modules, "edge_streamer.app.run", recorded)
    return recorded


def write(folder: Path, text: str) -> str:
    file = folder / "edge.toml"
    file.write_text(text)
    return str(file)


def test_serve_without_arguments_runs_the_defaults(app: RecordedApp) -> None:
    assert main(["serve"]) == 0
    assert list(app.config.streams) == ["main", "sub"]
    assert app.config.rtsp.listen == (ListenAddress("127.0.0.1", 8554),)
    assert app.log_level == "info"


@pytest.mark.parametrize(("profile", "has_led"), [("raspberrypi-4", True), ("generic", False)])
def test_serve_shows_its_state_on_the_boards_led(app: RecordedApp, profile, has_led) -> None:
    assert main(["serve", "--profile", profile]) == 0
    assert (app.led is not None) == has_led


@pytest.fixture
def inherited(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, list[socket.socket]]]:
    """Sockets that systemd listens on for the service, on this machine only."""
    sockets = {name: [socket.create_server(("127.0.0.1", 0))] for name in ("rtsp", "http")}
    monkeypatch.setattr(cli, "inherited_sockets", lambda: sockets)
    yield sockets
    for each in (*sockets["rtsp"], *sockets["http"]):
        each.close()


def test_serve_takes_what_systemd_listens_on_over_all_that_is_written(app, inherited, tmp_path) -> None:
    config = write(tmp_path, '[rtsp]\nlisten = "127.0.0.1:554"')
    assert main(["serve", "--config", config, "--rtsp", "127.0.0.1:8555"]) == 0
    assert app.inherited is inherited
    assert app.config.rtsp.listen == (ListenAddress(*inherited["rtsp"][0].getsockname()),)
    assert app.config.http.listen == (ListenAddress(*inherited["http"][0].getsockname()),)


def test_what_systemd_opened_to_everybody_needs_users_too(app, inherited, capsys) -> None:
    inherited["rtsp"].append(socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True))
    assert main(["serve"]) == 2
    assert "can be reached from other machines" in capsys.readouterr().err


def test_a_socket_of_another_name_is_a_mistake(app, inherited, capsys) -> None:
    inherited["edge_streamer-rtsp.socket"] = inherited["rtsp"]
    assert main(["serve"]) == 2
    assert 'a socket called "edge_streamer-rtsp.socket" that nothing here serves' in capsys.readouterr().err


def test_a_socket_that_does_not_listen_is_a_mistake(app, monkeypatch, capsys) -> None:
    def refuse() -> Sockets:
        raise OSError('systemd hands over a socket called "rtsp" that does not listen for TCP')

    monkeypatch.setattr(cli, "inherited_sockets", refuse)
    assert main(["serve"]) == 2
    assert "does not listen" in capsys.readouterr().err


def test_serve_takes_file_profile_addresses_and_level(app: RecordedApp, tmp_path: Path) -> None:
    app.exit_code = 1
    config = write(tmp_path, "[link]\ndead_after_s = 4")
    options = ["--profile", "raspberrypi-4", "--rtsp", "[::1]:0", "--http", "127.0.0.1:0", "--log-level", "debug"]
    assert main(["serve", "--config", config, *options]) == 1
    assert app.config.link.dead_after_s == 4
    assert app.config.rtsp.listen == (ListenAddress("::1", 0),)
    assert app.config.http.listen == (ListenAddress("127.0.0.1", 0),)
    assert app.log_level == "debug"


@pytest.mark.parametrize("command", ["serve", "check"])
def test_a_mistake_is_one_line_and_exit_2(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--config", write(tmp_path, "[streams.main]\nfps = 500")]) == 2
    printed = capsys.readouterr()
    assert printed.err == "edge-streamer: streams.main.fps: 500 is not allowed; allowed: 1 to 120\n"
    assert printed.out == ""


CSI = FoundCamera("picamera2", 0, "", "imx708")


@pytest.mark.parametrize(("found", "kind"), [((), "testpattern"), ((CSI,), "picamera2")])
def test_serve_takes_the_camera_that_is_found(
    found: tuple[FoundCamera, ...], kind: str, app: RecordedApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "find_cameras", lambda: found)
    assert main(["serve"]) == 0
    assert {source.spec.kind for source in app.sources} == {kind}


@pytest.mark.parametrize("command", ["serve", "check"])
@pytest.mark.parametrize(
    ("written", "answer"),
    [
        ("[streams.main]\nwidth = 2048", "streams.main.width: 2048 is more than this board's encoder takes"),
        ("[streams.a]\n[streams.b]\n[streams.c]", "streams.c.source: camera 0 feeds a and b already"),
    ],
)
def test_what_the_found_camera_or_its_encoder_cannot_do_is_exit_2(
    command: str, written: str, answer: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    arguments = [command, "--config", write(tmp_path, written), "--profile", "raspberrypi-4"]
    monkeypatch.setattr(cli, "find_cameras", lambda: (CSI,))
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith(f"edge-streamer: {answer}")
    assert (printed.out, len(printed.err.splitlines())) == ("", 1)


def test_what_only_a_camera_cannot_do_is_no_mistake_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "find_cameras", lambda: ())
    config = write(tmp_path, "[streams.main]\nwidth = 2048")
    assert main(["check", "--config", config, "--profile", "raspberrypi-4"]) == 0


def test_an_unknown_profile_is_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--profile", "zx81"]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith('edge-streamer: --profile: "zx81" is no profile; allowed: generic, ')
    assert len(printed.splitlines()) == 1


def test_check_prints_the_effective_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--config", write(tmp_path, "[rtsp]\nmax_sessions = 3"), "--profile", "generic"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("# The effective configuration, with the hardware profile generic.\n")
    assert tomllib.loads(printed)["rtsp"]["max_sessions"] == 3
    assert main(["check", "--config", write(tmp_path, printed)]) == 0
    assert capsys.readouterr().out == printed


@pytest.mark.parametrize(("options", "beginning"), [([], "board"), (["--json"], "{")])
def test_probe_prints_a_table_or_json(options: list[str], beginning: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", *options]) == 0
    assert capsys.readouterr().out.startswith(beginning)


@pytest.mark.parametrize("argv", [[], ["serv"], ["serve", "--log-level", "loud"], ["check", "--rtsp", "127.0.0.1:1"]])
def test_a_wrong_command_line_is_exit_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == 2
    assert "usage: edge-streamer" in capsys.readouterr().err


@pytest.mark.parametrize(("text", "exit_code"), [("", 0), ("[nonsense]", 2)])
def test_the_process_exits_with_the_code(text: str, exit_code: int, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edge_streamer", "check", "--config", write(tmp_path, text)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == exit_code
    assert len(ended.stderr.splitlines()) == (1 if exit_code else 0)


def test_a_reader_that_has_seen_enough_is_no_mistake() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as stdout:
        command = [sys.executable, "-m", "edge_streamer", "check"]
        ended = subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_check_and_probe_import_no_video_library() -> None:
    script = (
        "import sys; from edge_streamer.cli.main import main; main(['probe']); main(['check']); "
        "sys.exit(any(name in sys.modules for name in ('av', 'numpy', 'edge_streamer.app.run')))"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60, check=False)
    assert ended.returncode == 0
