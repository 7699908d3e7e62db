"""What `probe` is told of real drivers: every camera by its node, with what it offers."""

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
    vivid_node = guest.run("readlink", "-f", vivid.DEVICE).strip()
    assert set(cameras) == {vivid_node, loopback.DEVICE}
    assert cameras[vivid_node]["name"] == "vivid"
    assert {"format": "NV12", "width": 320, "height": 180} in [
        {key: entry[key] for key in ("format", "width", "height")} for entry in cameras[vivid_node]["modes"]
    ]
    assert cameras[loopback.DEVICE]["modes"] == [
        {"width": loopback.WIDTH, "height": loopback.HEIGHT, "format": "H264", "fps": [float(loopback.FPS)]}
    ]
