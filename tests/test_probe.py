"""What `probe` says of a machine with everything and of one with nothing."""

import json
from importlib import metadata
from pathlib import Path

import pytest

from edge_streamer.config import FileStream
from edge_streamer.device.serial_ports import SerialPort
from edge_streamer.probe import describe_stream, probe


@pytest.fixture
def pi_4(tmp_path: Path) -> Path:
    files = {
        "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
        "proc/device-tree/compatible": "raspberrypi,4-model-b\0brcm,bcm2711\0",
        "sys/class/video4linux/video0/name": "unicam-image\n",
        "sys/class/video4linux/video11/name": "bcm2835-codec-encode\n",
        "sys/class/video4linux/video12/name": "bcm2835-isp-output0\n",
        "sys/bus/media/devices/media0/model": "unicam\n",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


def one_port() -> tuple[SerialPort, ...]:
    return (SerialPort("/dev/ttyUSB0", "USB-RS485"),)


def without_pyav(_name: str) -> str:
    raise metadata.PackageNotFoundError


def test_a_board_with_everything_as_text(pi_4: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", lambda _name: "14.2.0")
    assert probe(pi_4, one_port).to_text().splitlines() == [
        "board      Raspberry Pi 4 Model B Rev 1.4",
        "profile    raspberrypi-4",
        "camera     /dev/video0  unicam-image",
        "encoder    /dev/video11  bcm2835-codec-encode",
        "converter  /dev/video12  bcm2835-isp-output0",
        "media      /dev/media0  unicam",
        "serial     /dev/ttyUSB0  USB-RS485",
        "PyAV       14.2.0",
        "stream     main: 1280x720, 30 fps, 2 Mbit/s, source testpattern",
        "stream     sub: 640x360, 15 fps, 0.4 Mbit/s, source testpattern",
    ]


def test_a_machine_with_nothing_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", without_pyav)
    text = probe(tmp_path, lambda: ()).to_text()
    assert "profile    generic" in text
    assert "camera     none seen; check its cable" in text
    assert "install python3-av" in text


def test_json_says_the_same(pi_4: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", without_pyav)
    report = json.loads(probe(pi_4, one_port).to_json())
    assert report["board"]["compatible"] == ["raspberrypi,4-model-b", "brcm,bcm2711"]
    assert report["encoders"] == [{"path": "/dev/video11", "name": "bcm2835-codec-encode", "role": "encoder"}]
    assert report["pyav_version"] is None
    assert [stream["name"] for stream in report["streams"]] == ["main", "sub"]


def test_a_file_is_described_by_its_path() -> None:
    assert describe_stream(FileStream(path="/srv/a.mp4")) == "/srv/a.mp4"
