"""What `edge-streamer probe` is told about the machine's cameras and encoders."""

import errno

from edge_streamer.sources.v4l2.abi import PixelFormat
from edge_streamer.sources.v4l2.list import list_v4l2_cameras, list_v4l2_encoders
from tests.support.v4l2.stand_in import Offer, StandInCamera, StandInKernel
from tests.support.v4l2.stand_in_codec import StandInCodec


def test_cameras_are_listed_by_a_path_that_lasts(tmp_path):
    kernel = StandInKernel(tmp_path)
    offers = [Offer(PixelFormat.MJPEG, {(1280, 720): (30, 15), (640, 480): (30,)})]
    link = kernel.plug(2, StandInCamera(offers), by_id="usb-046d_Webcam-video-index0")
    node = kernel.plug(10, StandInCamera([Offer(PixelFormat.YUYV, {(320, 240): ()})], name="Other"))
    assert list_v4l2_cameras(kernel) == [
        {
            "kind": "v4l2",
            "device": link,
            "name": "Stand-in Webcam",
            "formats": [
                {"pixel_format": "MJPG", "width": 1280, "height": 720, "fps": [30.0, 15.0]},
                {"pixel_format": "MJPG", "width": 640, "height": 480, "fps": [30.0]},
            ],
        },
        {
            "kind": "v4l2",
            "device": node,
            "name": "Other",
            "formats": [{"pixel_format": "YUYV", "width": 320, "height": 240, "fps": []}],
        },
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
        {
            "device": path,
            "name": "bcm2835-codec-encode",
            "driver": "bcm2835-codec",
            "min_width": 32,
            "max_width": 1920,
            "min_height": 32,
            "max_height": 1920,
        }
    ]


def test_a_machine_without_nodes_has_none(tmp_path):
    assert list_v4l2_cameras(StandInKernel(tmp_path)) == []
    assert list_v4l2_encoders(StandInKernel(tmp_path)) == []


def test_this_machine_can_be_asked():
    assert isinstance(list_v4l2_cameras(), list)
    assert isinstance(list_v4l2_encoders(), list)
