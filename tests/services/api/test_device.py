"""`/api/v1/device`: the device as the service last read it."""

import json

from edge_streamer.device.info import DeviceInfo, read_device_info
from edge_streamer.protocol.http.messages import HttpRequest
from edge_streamer.services.api.device import DeviceRoutes
from tests.support.device_tree import STATUS, flashed_pi
from tests.support.service_status import a_status


def get(info: DeviceInfo) -> dict[str, object]:
    resource = DeviceRoutes(lambda: a_status(device=info)).find("/api/v1/device")
    assert resource is not None
    answer = resource["GET"](HttpRequest("GET", "/api/v1/device"))
    assert answer.status == 200
    return json.loads(answer.body)


def test_a_flashed_board(tmp_path):
    document = get(read_device_info(flashed_pi(tmp_path)))
    assert (document["serial"], document["slot"]) == ("10000000abc0ffee", "a")
    assert document["card"] == {key: STATUS[key] for key in (
        "configuration", "has_initial_password", "applied", "ignored", "mistakes"
    )}  # fmt: skip


def test_before_anything_was_read_all_is_null():
    document = get(DeviceInfo())
    assert {key for key, value in document.items() if value is not None} == {"version", "wear"}


def test_no_other_path():
    assert DeviceRoutes(a_status).find("/api/v1/devices") is None
