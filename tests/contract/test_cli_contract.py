"""What scripts rely on when they run `edge-streamer serve`: exit codes, one line when it fails, URLs on stdout."""

import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.support.rtsp.reader import RtspReader
from tests.support.service import running_service

COMMAND: Final = (sys.executable, "-m", "edge_streamer", "serve")
FAIL_WITHIN_S: Final = 10.0
EXIT_CANNOT_RUN: Final = 1
EXIT_USAGE: Final = 2


def serve(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a service that is to fail."""
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=FAIL_WITHIN_S, check=False)


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        ("[rtsp]\nlistn = 1", "rtsp.listn: unknown key"),
        ("[streams.main]\nfps = 500", "streams.main.fps: 500 is not allowed"),
        ("[rtsp", "not TOML"),
        ("[cameras.1]", "cameras.1: no stream uses this camera"),
        ("[cameras.0]\nhflp = true", "cameras.0.hflp: unknown key"),
        ('[streams.main]\noverlay = "{time}"', "streams.main.overlay: "),
        (
            '[streams.main]\nsource = "picamera2"\n[streams.sub]\nsource = "picamera2"\nwidth = 1282\nheight = 64',
            "streams.sub.width: 1282 is more than streams.main.width",
        ),
    ],
)
def test_a_wrong_configuration_is_exit_code_2_and_one_line(tmp_path: Path, config: str, complaint: str):
    path = tmp_path / "edge-streamer.toml"
    path.write_text(config)
    failed = serve("--config", str(path))
    assert (failed.returncode, failed.stdout) == (EXIT_USAGE, "")
    assert complaint in failed.stderr
    assert len(failed.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("profile", "encoder", "complaint"),
    [
        ("raspberrypi-4", "auto", "streams.main.fps: 60 at 1920x1080 is too much for this board's encoder: 489"),
        ("raspberrypi-5", "hardware", 'streams.main.encoder: "hardware" is not allowed: Raspberry Pi 5 '),
    ],
)
def test_what_a_boards_encoder_cannot_do_is_exit_code_2(tmp_path: Path, profile: str, encoder: str, complaint: str):
    path = tmp_path / "edge-streamer.toml"
    size = "width = 1920\nheight = 1080\nfps = 60"
    path.write_text(f'[streams.main]\nsource = "picamera2"\nencoder = "{encoder}"\n{size}\n')
    failed = serve("--config", str(path), "--profile", profile)
    assert (failed.returncode, failed.stdout) == (EXIT_USAGE, "")
    assert complaint in failed.stderr
    assert len(failed.stderr.splitlines()) == 1


def test_a_missing_configuration_is_exit_code_2_and_names_the_file(tmp_path: Path):
    failed = serve("--config", str(tmp_path / "none.toml"))
    assert (failed.returncode, failed.stdout) == (EXIT_USAGE, "")
    assert "none.toml" in failed.stderr
    assert len(failed.stderr.splitlines()) == 1


@pytest.mark.parametrize("listener", ["rtsp", "http"])
def test_a_taken_port_is_exit_code_1_and_one_line_that_says_what_to_do(listener: str):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        addresses = {"--rtsp": "127.0.0.1:0", "--http": "127.0.0.1:0", f"--{listener}": address}
        failed = serve(*(word for option in addresses.items() for word in option))
    assert (failed.returncode, failed.stdout) == (EXIT_CANNOT_RUN, "")
    assert f"cannot listen for {listener.upper()} on {address}" in failed.stderr
    assert f"--{listener}" in failed.stderr
    assert len(failed.stderr.splitlines()) == 1


def test_stdout_names_every_url_one_a_line():
    with subprocess.Popen(
        [*COMMAND, "--rtsp", "127.0.0.1:0", "--http", "127.0.0.1:0"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        heading, *urls = [process.stdout.readline() for _ in range(4)]
        process.terminate()
        rest = process.stdout.read()
    assert heading.startswith("edge_streamer is running")
    patterns = (
        r"  rtsp://127\.0\.0\.1:\d+/main\n",
        r"  rtsp://127\.0\.0\.1:\d+/sub\n",
        r"  http://127\.0\.0\.1:\d+/\n",
    )
    for pattern, url in zip(patterns, urls, strict=True):
        assert re.fullmatch(pattern, url)
    assert rest == ""
    assert process.returncode == 0


def test_ipv6_serves_both_transports():
    with running_service(None, "--rtsp", "[::1]:0") as service:
        assert service.rtsp_url("main").startswith("rtsp://[::1]:")
        for transport in ("tcp", "udp"):
            with RtspReader(service.rtsp_url("main"), transport) as reader:
                reader.start()
                assert reader.description is not None
                assert b"IN IP6 ::1\r\n" in reader.description.body
                assert len([packet for packet in reader.packets(seconds=1) if packet.kind == "rtp"]) > 30
                assert not reader.gaps
