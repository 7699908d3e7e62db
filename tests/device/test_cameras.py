"""Cameras from a sysfs tree: CSI sensors by their subdevices, USB cameras by their driver."""

from pathlib import Path

import pytest

from edge_streamer.device.cameras import FoundCamera, FoundSensor, find_cameras, find_sensors

C920 = "usb-046d_HD_Pro_Webcam_C920_1A2B3C4D-video-index0"


def installed(_package: str) -> object:
    return object()


def missing(_package: str) -> None:
    return None


def add_subdevice(root: Path, number: int, name: str) -> None:
    node = root / "sys/class/video4linux" / f"v4l-subdev{number}"
    node.mkdir(parents=True)
    (node / "name").write_text(f"{name}\n")


def add_video_node(root: Path, number: int, name: str, *, driver: str, index: int = 0) -> None:
    """As the kernel shows it: `device` links to the USB interface, whose `driver` links to the driver's folder."""
    interface = root / "sys/devices/usb1" / f"1-{number}:1.0"
    node = interface / "video4linux" / f"video{number}"
    node.mkdir(parents=True)
    (node / "name").write_text(f"{name}\n")
    (node / "index").write_text(f"{index}\n")
    (node / "device").symlink_to("../..")
    (root / "sys/bus/usb/drivers" / driver).mkdir(parents=True, exist_ok=True)
    (interface / "driver").symlink_to(root / "sys/bus/usb/drivers" / driver)
    entry = root / "sys/class/video4linux" / f"video{number}"
    entry.parent.mkdir(parents=True, exist_ok=True)
    entry.symlink_to(node)


def add_udev_link(root: Path, folder: str, name: str, number: int) -> None:
    links = root / "dev/v4l" / folder
    links.mkdir(parents=True, exist_ok=True)
    (links / name).symlink_to(f"../../video{number}")


def test_csi_sensors_are_numbered_in_the_order_of_their_subdevices(tmp_path: Path) -> None:
    add_subdevice(tmp_path, 10, "imx219 11-0010")
    add_subdevice(tmp_path, 2, "imx708_wide 10-001a")
    assert find_cameras(tmp_path, installed) == (
        FoundCamera("picamera2", 0, "", "imx708_wide"),
        FoundCamera("picamera2", 1, "", "imx219"),
    )


@pytest.mark.parametrize(
    "name",
    ["imx708", "imx708_wide_noir", "imx219", "imx477", "imx296", "imx500", "ov5647", "ov5640", "ar0521", "gc2145"],
)
def test_a_subdevice_with_a_part_number_is_a_sensor(tmp_path: Path, name: str) -> None:
    add_subdevice(tmp_path, 0, f"{name} 10-001a")
    assert find_sensors(tmp_path) == (FoundSensor(name, "10-001a"),)


@pytest.mark.parametrize(
    "name", ["dw9807 10-000c", "tc358743 10-000f", "csi2", "pisp-fe", "rkisp1_isp", "mxc-mipi-csi2.0", "imx708", ""]
)
def test_lenses_bridges_and_receivers_are_no_sensors(tmp_path: Path, name: str) -> None:
    add_subdevice(tmp_path, 0, name)
    assert find_sensors(tmp_path) == ()


def test_a_sensor_without_picamera2_is_no_camera_but_is_told_of(tmp_path: Path) -> None:
    add_subdevice(tmp_path, 0, "imx219 10-0010")
    assert find_cameras(tmp_path, missing) == ()
    assert find_sensors(tmp_path) == (FoundSensor("imx219", "10-0010"),)


def test_a_usb_camera_has_the_name_that_survives_replugging(tmp_path: Path) -> None:
    add_video_node(tmp_path, 4, "HD Pro Webcam C920", driver="uvcvideo")
    add_udev_link(tmp_path, "by-path", "platform-fd500000.pcie-usb-0:1.2:1.0-video-index0", 4)
    add_udev_link(tmp_path, "by-id", C920, 4)
    assert find_cameras(tmp_path, missing) == (FoundCamera("v4l2", 4, f"/dev/v4l/by-id/{C920}", "HD Pro Webcam C920"),)


def test_a_usb_camera_without_a_serial_number_has_that_of_its_port_or_none(tmp_path: Path) -> None:
    add_video_node(tmp_path, 0, "USB Camera", driver="uvcvideo")
    assert find_cameras(tmp_path, missing) == (FoundCamera("v4l2", 0, "/dev/video0", "USB Camera"),)
    add_udev_link(tmp_path, "by-path", "pci-0000:00:14.0-usb-0:3:1.0-video-index0", 0)
    (camera,) = find_cameras(tmp_path, missing)
    assert camera.device == "/dev/v4l/by-path/pci-0000:00:14.0-usb-0:3:1.0-video-index0"


def test_metadata_nodes_and_other_drivers_are_no_cameras(tmp_path: Path) -> None:
    add_video_node(tmp_path, 1, "USB Camera", driver="uvcvideo", index=1)
    add_video_node(tmp_path, 11, "bcm2835-codec-encode", driver="bcm2835-codec")
    (tmp_path / "sys/class/video4linux/video12").mkdir()
    assert find_cameras(tmp_path, installed) == ()


def test_csi_comes_before_usb(tmp_path: Path) -> None:
    add_video_node(tmp_path, 0, "USB Camera", driver="uvcvideo")
    add_subdevice(tmp_path, 0, "imx477 10-001a")
    assert [camera.kind for camera in find_cameras(tmp_path, installed)] == ["picamera2", "v4l2"]


def test_a_machine_without_cameras_has_none(tmp_path: Path) -> None:
    assert find_cameras(tmp_path, installed) == ()
