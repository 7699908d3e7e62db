"""What `probe` says of a machine with everything, of one with nothing, and of one whose drivers hang."""

import json
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path

import pytest

from edge_streamer.cli.probe import ProbeReport, describe_stream, probe
from edge_streamer.config.streams import FileStream
from edge_streamer.device.inventory import Inventory
from edge_streamer.device.serial_ports import SerialPort
from edge_streamer.protocol.source.inventory import Camera, CameraMode, HardwareEncoder, Part

Ask = Callable[[Sequence[Part]], Inventory]

CODEC = HardwareEncoder("/dev/video11", "bcm2835-codec-encode", "bcm2835-codec", 32, 32, 1920, 1920)
IMX708 = Camera(
    "picamera2",
    "imx708_wide",
    0,
    modes=(CameraMode(1536, 864, "SRGGB10_CSI2P", (120.13,)), CameraMode(2304, 1296, "SRGGB10_CSI2P", (56.03,))),
)
C920 = Camera(
    "v4l2",
    "HD Pro Webcam C920",
    device="/dev/v4l/by-id/usb-046d_C920-video-index0",
    modes=(
        *(CameraMode(160 * n, 90 * n, "MJPG", (30.0, 15.0)) for n in range(1, 9)),
        CameraMode(1920, 1080, "H264", (30.0, 24.0)),
    ),
)
ALL_PARTS: frozenset[Part] = frozenset({"picamera2", "v4l2", "encoders"})
ALL_ANSWER = Inventory((IMX708, C920), (CODEC,), ALL_PARTS)
NONE_ANSWERS = Inventory(problems=("v4l2: no answer within 5 s, so it was ended: a driver hangs",))


@pytest.fixture
def pi_4(tmp_path: Path) -> Path:
    files = {
        "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
        "proc/device-tree/compatible": "raspberrypi,4-model-b\0brcm,bcm2711\0",
        "sys/class/video4linux/video0/name": "unicam-image\n",
        "sys/class/video4linux/video11/name": "bcm2835-codec-encode\n",
        "sys/class/video4linux/v4l-subdev0/name": "imx708_wide 10-001a\n",
        "sys/class/leds/ACT/brightness": "0\n",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


@pytest.fixture(autouse=True)
def _pyav(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", lambda _name: "14.2.0")


def run_probe(root: Path, inventory: Inventory, *ports: SerialPort, picamera2: bool = True) -> ProbeReport:
    return probe(root, lambda: ports, lambda _name: object() if picamera2 else None, lambda _parts: inventory)


def test_a_board_with_everything_as_text(pi_4: Path) -> None:
    report = run_probe(pi_4, ALL_ANSWER, SerialPort("/dev/ttyUSB0", "USB-RS485"))
    assert report.to_text().splitlines() == [
        "board      Raspberry Pi 4 Model B Rev 1.4",
        "profile    raspberrypi-4 (Raspberry Pi 4 Model B)",
        "camera     0  imx708_wide, source picamera2",
        "             SRGGB10_CSI2P  2304x1296 56.03 fps, 1536x864 120.13 fps",
        "camera     /dev/v4l/by-id/usb-046d_C920-video-index0  HD Pro Webcam C920, source v4l2",
        "             MJPG  1280x720 30 fps, 1120x630 30 fps, 960x540 30 fps, 800x450 30 fps, 640x360 30 fps, "
        "480x270 30 fps, 2 smaller",
        "             H264  1920x1080 30 fps",
        "sensor     imx708_wide at I2C 10-001a: Camera Module 3 or Camera Module 3 Wide, autofocus",
        "encoder    /dev/video11  bcm2835-codec-encode, 32x32 to 1920x1920",
        "limits     1920x1920, 245760 macroblocks/s for all streams, 25 Mbit/s each",
        "serial     /dev/serial0  pin header",
        "serial     /dev/ttyUSB0  USB-RS485",
        "network    1000 Mbit/s at most",
        "LED        /sys/class/leds/ACT",
        "picamera2  installed",
        "PyAV       14.2.0",
        "stream     main: 1280x720, 30 fps, 2 Mbit/s",
        "             from picamera2: camera 0 (imx708_wide), encoded by /dev/video11",
        "stream     sub: 640x360, 15 fps, 0.4 Mbit/s",
        "             from picamera2: camera 0 (imx708_wide), encoded by /dev/video11",
    ]


def test_a_machine_with_nothing_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def not_installed(_name: str) -> str:
        raise metadata.PackageNotFoundError

    monkeypatch.setattr(metadata, "version", not_installed)
    report = run_probe(tmp_path, Inventory(answered=ALL_PARTS), picamera2=False)
    assert report.to_text().splitlines() == [
        "board      not told by a device tree (a PC?)",
        "profile    generic (any other machine)",
        "camera     none seen; plug a USB camera in",
        "encoder    none seen; H.264 is made in software",
        "serial     none seen",
        "picamera2  not installed; CSI cameras need python3-picamera2",
        "PyAV       not installed; software encoding and files need it: install python3-av",
        "stream     main: 1280x720, 30 fps, 2 Mbit/s",
        "             from testpattern: no camera is seen",
        "stream     sub: 640x360, 15 fps, 0.4 Mbit/s",
        "             from testpattern: no camera is seen",
    ]


def test_drivers_that_do_not_answer_leave_what_sysfs_shows(pi_4: Path) -> None:
    report = run_probe(pi_4, NONE_ANSWERS)
    assert report.cameras == (Camera("picamera2", "imx708_wide", 0),)
    assert report.encoders == (HardwareEncoder("/dev/video11", "bcm2835-codec-encode"),)
    lines = report.to_text().splitlines()
    assert "encoder    /dev/video11  bcm2835-codec-encode" in lines
    assert "problem    v4l2: no answer within 5 s, so it was ended: a driver hangs" in lines


def test_a_sensor_without_picamera2_says_what_to_install(pi_4: Path) -> None:
    asked: list[Part] = []

    def ask(parts: Sequence[Part]) -> Inventory:
        asked.extend(parts)
        return Inventory(answered=frozenset(parts))

    report = probe(pi_4, lambda: (), lambda _name: None, ask)
    assert asked == ["v4l2", "encoders"]
    assert [stream.source for stream in report.streams] == ["testpattern", "testpattern"]
    assert report.streams[0].reason == (
        "imx708_wide is there, but picamera2 is not installed: install python3-picamera2"
    )


def test_an_encoder_whose_driver_is_missing_is_told_and_so_is_a_led(pi_4: Path) -> None:
    (pi_4 / "sys/class/leds/ACT/brightness").unlink()
    (pi_4 / "sys/class/leds/ACT").rmdir()
    report = run_probe(pi_4, Inventory((IMX708,), (), ALL_PARTS))
    assert report.streams[0].reason == (
        "camera 0 (imx708_wide), encoded in software: Raspberry Pi 4 Model B has an encoder, "
        "but its driver is not there"
    )
    assert "LED        /sys/class/leds/ACT  not there" in report.to_text().splitlines()


def test_a_sensor_that_libcamera_does_not_list_is_a_problem(pi_4: Path) -> None:
    assert run_probe(pi_4, Inventory(answered=ALL_PARTS)).problems == (
        "picamera2: libcamera lists no camera, though imx708_wide answered: update libcamera",
    )
    assert run_probe(pi_4, ALL_ANSWER).problems == ()


def test_a_board_with_a_connector_and_no_camera_says_what_to_check(pi_4: Path) -> None:
    (pi_4 / "sys/class/video4linux/v4l-subdev0/name").unlink()
    text = run_probe(pi_4, Inventory(answered=ALL_PARTS)).to_text()
    assert "camera     none seen; switch off, check the cable" in text


def test_a_sensor_that_nobody_described_is_told_all_the_same(pi_4: Path) -> None:
    (pi_4 / "sys/class/video4linux/v4l-subdev0/name").write_text("ar0521 10-0036\n")
    assert "sensor     ar0521 at I2C 10-0036: not in hw_profiles" in run_probe(pi_4, NONE_ANSWERS).to_text()


def test_json_says_the_same(pi_4: Path) -> None:
    report = json.loads(run_probe(pi_4, ALL_ANSWER).to_json())
    assert report["board"]["compatible"] == ["raspberrypi,4-model-b", "brcm,bcm2711"]
    assert report["profile"] == report["hardware"]["board"]["name"] == "raspberrypi-4"
    assert report["hardware"]["encoder"]["max_macroblocks_per_s"] == 245_760
    assert report["cameras"][0]["modes"][0] == {
        "width": 1536, "height": 864, "format": "SRGGB10_CSI2P", "fps": [120.13]
    }  # fmt: skip
    assert report["sensors"][0]["known"]["sensor"]["dtoverlay"] == "imx708"
    assert report["encoders"][0]["max_width"] == 1920
    assert report["led"] == {"path": "/sys/class/leds/ACT", "is_there": True}
    assert [(stream["name"], stream["source"]) for stream in report["streams"]] == [
        ("main", "picamera2"), ("sub", "picamera2")
    ]  # fmt: skip


def test_a_file_is_described_by_its_path() -> None:
    assert describe_stream(FileStream(path="/srv/a.mp4")) == "/srv/a.mp4"
