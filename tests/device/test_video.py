"""Video and media nodes from a sysfs tree, and what their names suggest."""

from pathlib import Path

import pytest

from edge_streamer.device.video import (
    MediaDevice,
    VideoDevice,
    VideoRole,
    list_media_devices,
    list_video_devices,
    role_of,
)


def add_node(root: Path, folder: str, node: str, attribute: str, name: str) -> None:
    device = root / "sys" / folder / node
    device.mkdir(parents=True)
    (device / attribute).write_text(f"{name}\n")


def test_nodes_are_listed_by_number(tmp_path: Path) -> None:
    add_node(tmp_path, "class/video4linux", "video11", "name", "bcm2835-codec-encode")
    add_node(tmp_path, "class/video4linux", "video2", "name", "unicam-image")
    add_node(tmp_path, "class/video4linux", "v4l-subdev0", "name", "imx708")
    assert list_video_devices(tmp_path) == (
        VideoDevice("/dev/video2", "unicam-image", VideoRole.CAMERA),
        VideoDevice("/dev/video11", "bcm2835-codec-encode", VideoRole.ENCODER),
    )


def test_media_nodes_have_the_model_as_name(tmp_path: Path) -> None:
    add_node(tmp_path, "bus/media/devices", "media0", "model", "unicam")
    assert list_media_devices(tmp_path) == (MediaDevice("/dev/media0", "unicam"),)


def test_a_node_without_a_name_and_a_machine_without_nodes(tmp_path: Path) -> None:
    assert list_video_devices(tmp_path) == ()
    (tmp_path / "sys/class/video4linux/video0").mkdir(parents=True)
    assert list_video_devices(tmp_path) == (VideoDevice("/dev/video0", "", VideoRole.CAMERA),)


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("bcm2835-codec-encode", VideoRole.ENCODER),
        ("mtk-vcodec-enc", VideoRole.ENCODER),
        ("Qualcomm Venus video encoder", VideoRole.ENCODER),
        ("bcm2835-codec-encode_image", VideoRole.CONVERTER),
        ("bcm2835-codec-decode", VideoRole.CONVERTER),
        ("bcm2835-isp-capture0", VideoRole.CONVERTER),
        ("pispbe-input", VideoRole.CONVERTER),
        ("rpi-hevc-dec", VideoRole.CONVERTER),
        ("unicam-image", VideoRole.CAMERA),
        ("rp1-cfe-csi2_ch0", VideoRole.CAMERA),
        ("HD Pro Webcam C920", VideoRole.CAMERA),
    ],
)
def test_names_of_known_drivers_tell_the_role(name: str, role: VideoRole) -> None:
    assert role_of(name) is role
