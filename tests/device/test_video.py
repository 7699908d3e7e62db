"""Video nodes from a sysfs tree, and what their names suggest."""

from pathlib import Path

import pytest

from edge_streamer.device.video import VideoDevice, list_video_devices, stable_path


def add_node(root: Path, node: str, name: str) -> None:
    device = root / "sys/class/video4linux" / node
    device.mkdir(parents=True)
    (device / "name").write_text(f"{name}\n")


def test_nodes_are_listed_by_number(tmp_path: Path) -> None:
    add_node(tmp_path, "video11", "bcm2835-codec-encode")
    add_node(tmp_path, "video2", "unicam-image")
    add_node(tmp_path, "v4l-subdev0", "imx708 10-001a")
    assert list_video_devices(tmp_path) == (
        VideoDevice("/dev/video2", "unicam-image"),
        VideoDevice("/dev/video11", "bcm2835-codec-encode"),
    )


def test_a_node_without_a_name_and_a_machine_without_nodes(tmp_path: Path) -> None:
    assert list_video_devices(tmp_path) == ()
    (tmp_path / "sys/class/video4linux/video0").mkdir(parents=True)
    assert list_video_devices(tmp_path) == (VideoDevice("/dev/video0", ""),)


def test_a_loopback_is_no_encoder_whatever_it_is_called(tmp_path: Path) -> None:
    hardware, virtual = tmp_path / "sys/devices/platform/codec", tmp_path / "sys/devices/virtual"
    folder = tmp_path / "sys/class/video4linux"
    folder.mkdir(parents=True)
    for parent, node in ((hardware, "video11"), (virtual, "video20")):
        device = parent / "video4linux" / node
        device.mkdir(parents=True)
        (device / "name").write_text("H.264 encoder\n")
        (folder / node).symlink_to(device)
    found = list_video_devices(tmp_path)
    assert [(each.path, each.is_encoder) for each in found] == [("/dev/video11", True), ("/dev/video20", False)]


@pytest.mark.parametrize("name", ["bcm2835-codec-encode", "mtk-vcodec-enc", "Qualcomm Venus video encoder"])
def test_names_of_known_encoders_are_recognised(name: str) -> None:
    assert VideoDevice("/dev/video11", name).is_encoder


@pytest.mark.parametrize(
    "name",
    [
        "bcm2835-codec-encode_image",
        "bcm2835-codec-decode",
        "bcm2835-isp-capture0",
        "pispbe-input",
        "rpi-hevc-dec",
        "unicam-image",
        "rp1-cfe-csi2_ch0",
        "HD Pro Webcam C920",
        "",
    ],
)
def test_cameras_converters_and_image_encoders_are_none(name: str) -> None:
    assert not VideoDevice("/dev/video0", name).is_encoder


def test_a_node_is_called_by_its_best_link_and_by_itself_without_one(tmp_path: Path) -> None:
    for folder, name, node in (("by-path", "usb-port", 2), ("by-id", "usb-C920", 2), ("by-path", "other-port", 20)):
        link = tmp_path / "dev/v4l" / folder / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(f"../../video{node}")
    (tmp_path / "dev/v4l/by-id/no-link").touch()
    assert stable_path(tmp_path, "/dev/video2") == "/dev/v4l/by-id/usb-C920"
    assert stable_path(tmp_path, "/dev/video20") == "/dev/v4l/by-path/other-port"
    assert stable_path(tmp_path, "/dev/video0") == "/dev/video0"
