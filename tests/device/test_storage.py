"""Free space, what was written, and wear, as far as the parts tell it."""

import os

import pytest

from edge_streamer.device.storage import Storage, StorageWear, read_storage, read_wear
from tests.support.device_tree import write

LIFE = "sys/block/mmcblk0/device/life_time"
PRE_EOL = "sys/block/mmcblk0/device/pre_eol_info"


def test_space_of_the_data_partition(tmp_path):
    (tmp_path / "data").mkdir()
    write(tmp_path, "sys/fs/ext4/vda7/lifetime_write_kbytes", "12\n")
    found, space = read_storage(tmp_path, "/dev/vda7"), os.statvfs(tmp_path)
    assert found is not None
    assert (found.path, found.written_bytes) == ("/data", 12 * 1024)
    assert found.total_bytes == space.f_blocks * space.f_frsize
    assert 0 <= found.free_bytes <= found.total_bytes


def test_without_a_data_partition_the_space_of_var_counts(tmp_path):
    (tmp_path / "var").mkdir()
    (tmp_path / "data").mkdir()
    found = read_storage(tmp_path)
    assert isinstance(found, Storage)
    assert (found.path, found.written_bytes) == ("/var", None)


def test_space_that_cannot_be_read_is_unknown(tmp_path):
    assert read_storage(tmp_path) is None


@pytest.mark.parametrize("text", ["", "-1", "many"])
def test_a_count_that_is_none_is_unknown(tmp_path, text):
    (tmp_path / "data").mkdir()
    write(tmp_path, "sys/fs/ext4/vda7/lifetime_write_kbytes", text)
    found = read_storage(tmp_path, "/dev/vda7")
    assert found is not None
    assert found.written_bytes is None


@pytest.mark.parametrize(
    ("life_time", "pre_eol", "used", "reserve"),
    [
        ("0x01 0x01", "0x01", 0.1, "normal"),
        ("0x02 0x0a", "0x02", 1.0, "warning"),
        ("0x0b 0x01", "0x03", 1.1, "urgent"),
        ("0x00 0x00", "0x00", None, None),
        ("0x0c 0x00", "0x04", None, None),
        ("", "", None, None),
        ("worn out", "?", None, None),
    ],
)
def test_wear_of_an_emmc_module(tmp_path, life_time, pre_eol, used, reserve):
    write(tmp_path, LIFE, f"{life_time}\n")
    write(tmp_path, PRE_EOL, f"{pre_eol}\n")
    assert read_wear(tmp_path) == (StorageWear(device="mmcblk0", life_used_ratio=used, reserve=reserve),)


def test_an_sd_card_tells_no_wear(tmp_path):
    write(tmp_path, "sys/block/mmcblk0/device/name", "SD32G\n")
    assert read_wear(tmp_path) == ()
