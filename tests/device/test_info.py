"""What a device is: read from the files of a flashed board, and unknown where there are none."""

import json
import os

import pytest

from edge_streamer import __version__
from edge_streamer.device import info as module
from edge_streamer.device.info import DeviceInfo, ImageFacts, read_device_info
from edge_streamer.device.storage import StorageWear
from tests.support.device_tree import IMAGE, STATUS, flashed_pi, write


@pytest.fixture(autouse=True)
def silent_kernel(monkeypatch):
    """The kernel does not answer about the clock, as in the service's sandbox."""
    monkeypatch.setattr(module, "clock_state", lambda: None)


def test_a_flashed_board_tells_everything(tmp_path):
    info = read_device_info(flashed_pi(tmp_path))
    assert (info.model, info.serial) == ("Raspberry Pi Compute Module 4 Rev 1.1", "10000000abc0ffee")
    assert (info.version, info.kernel, info.host_name) == (__version__, os.uname().release, os.uname().nodename)
    assert (info.slot, info.data_state, info.uptime_s, info.clock_synchronised) == ("a", "ok", 3661.25, True)
    assert info.image == ImageFacts(**{key: value for key, value in IMAGE.items() if key != "form"})
    assert info.storage is not None
    assert (info.storage.path, info.storage.written_bytes) == ("/data", 2048 * 1024)
    assert info.wear == (StorageWear(device="mmcblk0", life_used_ratio=0.3, reserve="normal"),)
    assert info.card is not None
    assert (info.card.configuration, info.card.has_initial_password) == ("last_good", True)
    assert [applied.key for applied in info.card.applied] == ["device.name"]
    assert [ignored.reason for ignored in info.card.ignored] == ["the root is read-only"]
    assert list(info.card.mistakes) == STATUS["mistakes"]


def test_a_machine_that_tells_nothing_is_unknown_and_nothing_is_guessed(tmp_path):
    known = DeviceInfo(host_name=os.uname().nodename or None, kernel=os.uname().release)
    assert read_device_info(tmp_path) == known


def test_the_serial_number_that_only_root_may_read_comes_from_the_boot(tmp_path):
    write(tmp_path, "run/edge_streamer-appliance/status.json", json.dumps({**STATUS, "serial": "G6BN1234"}))
    assert read_device_info(tmp_path).serial == "G6BN1234"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"version": 3}'])
def test_a_broken_image_file_is_no_image(tmp_path, content):
    write(tmp_path, "usr/lib/edge_streamer/image.json", content)
    assert read_device_info(tmp_path).image is None


@pytest.mark.parametrize("uptime", ["", "soon 1"])
def test_an_uptime_that_is_none_is_unknown(tmp_path, uptime):
    write(tmp_path, "proc/uptime", uptime)
    assert read_device_info(tmp_path).uptime_s is None


@pytest.mark.parametrize(
    ("timesync", "kernel", "synchronised"),
    [
        ("synchronized", False, True),
        ("", None, False),
        ("", True, True),
        (None, None, None),
        (None, False, False),
        (None, True, True),
    ],
)
def test_the_clock_by_timesyncd_or_else_by_the_kernel(tmp_path, monkeypatch, timesync, kernel, synchronised):
    monkeypatch.setattr(module, "clock_state", lambda: kernel)
    if timesync is not None:
        (tmp_path / "run/systemd/timesync").mkdir(parents=True)
    if timesync:
        (tmp_path / "run/systemd/timesync" / timesync).touch()
    assert read_device_info(tmp_path).clock_synchronised is synchronised


def test_the_json_is_the_struct(tmp_path):
    document = json.loads(read_device_info(flashed_pi(tmp_path)).to_json())
    assert list(document) == list(DeviceInfo.__struct_fields__)
    assert document["card"]["applied"] == STATUS["applied"]
