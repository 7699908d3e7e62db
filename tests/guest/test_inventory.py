"""What `probe` is told of real drivers: every camera, by the path that stays, with what it offers."""

import json

from tests.guest import loopback, vivid
from tests.guest.machine import Guest
from tests.guest.service import module_in


def test_cameras_are_listed_with_their_formats(guest: Guest) -> None:
    with loopback.fed_with(guest, "h264"):
        ended = module_in(guest, "edge_streamer.sources.inventory", "v4l2", "encoders")
    assert ended.returncode == 0, ended
    found = json.loads(ended.output)
    assert (found["encoders"], found["errors"]) == ([], [])
    cameras = {camera["device"]: camera for camera in found["cameras"]}
    assert set(cameras) == {vivid.DEVICE, loopback.DEVICE}
    assert cameras[vivid.DEVICE]["name"] == "vivid"
    assert {"pixel_format": "NV12", "width": 320, "height": 180} in [
        {key: entry[key] for key in ("pixel_format", "width", "height")} for entry in cameras[vivid.DEVICE]["formats"]
    ]
    assert cameras[loopback.DEVICE]["formats"] == [
        {"pixel_format": "H264", "width": loopback.WIDTH, "height": loopback.HEIGHT, "fps": [float(loopback.FPS)]}
    ]
