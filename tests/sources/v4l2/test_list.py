"""What `edge-streamer probe` is told about the machine's cameras and encoders."""

import errno

from edge_streamer.protocol.source.inventory import Camera, CameraMode, HardwareEncoder
from edge_streamer.sources.v4l2.abi import PixelFormat
from edge_streamer.sources.v4l2.list import list_v4l2_cameras, list_v4l2_encoders
from tests.support.v4l2.stand_in import Offer, StandInCamera, StandInKernel
from tests.support.v4l2.stand_in_codec import StandInCodec


def test_cameras_are_listed_by_their_nodes(tmp_path):
    kernel = StandInKernel(tmp_path)
    offers = [Offer(PixelFormat.MJPEG, {(1280, 720): (30, 15), (640, 480): (30,)})]
    kernel.plug(2, StandInCamera(offers), by_id="usb-046d_Webcam-video-index0")
    kernel.plug(10, StandInCamera([Offer(PixelFormat.YUYV, {(320, 240): ()})], name="Other"))
    assert list_v4l2_cameras(kernel) == [
        Camera(
            "v4l2",
            "Stand-in Webcam",
            device=str(tmp_path / "dev/video2"),
            modes=(CameraMode(1280, 720, "MJPG", (30.0, 15.0)), CameraMode(640, 480, "MJPG", (30.0,))),
        ),
        Camera("v4l2", "Other", device=str(tmp_path / "dev/video10"), modes=(CameraMode(320, 240, "YUYV"),)),
    ]
    assert not kernel.contexts


def test_what_is_no_camera_of_ours_is_left_out(tmp_path):
    kernel = StandInKernel(tmp_path)
    kernel.plug(0, StandInCodec())
    kernel.plug(1, StandInCamera([]))
    sensor = StandInCamera([Offer(PixelFormat.YUYV, {(640, 480): (30,)})])
    sensor.driver = "unicam"
    kernel.plug(2, sensor)
    locked = StandInCamera([Offer(PixelFormat.YUYV, {(640, 480): (30,)})])
    locked.errors["OPEN"] = [errno.EACCES]
    kernel.plug(3, locked)
    failing = StandInCamera([Offer(PixelFormat.YUYV, {(640, 480): (30,)})])
    failing.errors["ENUM_FMT"] = [errno.EIO]
    kernel.plug(4, failing)
    assert list_v4l2_cameras(kernel) == []
    assert not kernel.contexts


def test_encoders_are_listed_with_their_limits(tmp_path):
    kernel = StandInKernel(tmp_path)
    path = kernel.plug(11, StandInCodec())
    assert list_v4l2_encoders(kernel) == [
        HardwareEncoder(path, "bcm2835-codec-encode", "bcm2835-codec", 32, 32, 1920, 1920)
    ]


def test_a_machine_without_nodes_has_none(tmp_path):
    assert list_v4l2_cameras(StandInKernel(tmp_path)) == []
    assert list_v4l2_encoders(StandInKernel(tmp_path)) == []


def test_this_machine_can_be_asked():
    assert isinstance(list_v4l2_cameras(), list)
    assert isinstance(list_v4l2_encoders(), list)
