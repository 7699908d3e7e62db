"""The families of the device: which it is, its storage, its clock, its settings."""

import pytest

from edge_streamer.device.info import DeviceInfo, read_device_info
from edge_streamer.services.metrics.device import DEVICE_FAMILIES
from tests.support.device_tree import flashed_pi
from tests.support.service_status import a_status

FAMILIES = {family.name: family for family in DEVICE_FAMILIES}


def samples(name: str, info: DeviceInfo) -> list[tuple[tuple[str, ...], object]]:
    return list(FAMILIES[name].read(a_status(device=info)))


def test_a_flashed_board(tmp_path):
    info = read_device_info(flashed_pi(tmp_path))
    ((labels, value),) = samples("device_info", info)
    named = dict(zip(FAMILIES["device_info"].labels, labels, strict=True))
    assert value == 1
    assert named == {
        "model": "Raspberry Pi Compute Module 4 Rev 1.1",
        "serial": "10000000abc0ffee",
        "version": info.version,
        "image_slot": "a",
        "image": "0.1.0",
        "board": "rpi",
        "kernel": info.kernel,
    }
    assert info.storage is not None
    assert samples("storage_free_bytes", info) == [((), info.storage.free_bytes)]
    assert samples("storage_size_bytes", info) == [((), info.storage.total_bytes)]
    assert samples("storage_written_bytes_total", info) == [((), 2048 * 1024)]
    assert samples("storage_life_used_ratio", info) == [(("mmcblk0",), 0.3)]
    assert samples("clock_synchronised", info) == [((), True)]
    assert samples("device_uptime_seconds", info) == [((), 3661.25)]
    assert samples("device_initial_password", info) == [((), True)]
    assert samples("device_settings_mistakes", info) == [((), 1)]


@pytest.mark.parametrize("name", FAMILIES)
def test_before_anything_was_read_there_is_no_sample(name):
    assert samples(name, DeviceInfo()) == []


def test_a_machine_without_an_image_has_empty_labels():
    ((labels, _value),) = samples("device_info", DeviceInfo(kernel="6.12"))
    assert labels == ("", "", DeviceInfo().version, "", "", "", "6.12")
