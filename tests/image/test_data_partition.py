"""A data partition that is damaged, empty, missing or full: the device starts with what can be saved of it."""

import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.image.builds import BuiltImage
from tests.image.disk import Disk, copied_disk
from tests.image.machine import AMD64, Device, running_device

MEMORY_MIB = 512
KEPT = "/data/shared/kept-by-the-test"


@contextmanager
def started(pc: BuiltImage, disk: Disk) -> Iterator[Device]:
    """Give the device as soon as its shell answers: what is asked here is decided before systemd starts."""
    with running_device(AMD64, pc.boot(), disk.path, memory_mib=MEMORY_MIB) as device:
        device.connect()
        yield device


@pytest.fixture(scope="module")
def used(pc: BuiltImage, tmp_path_factory: pytest.TempPathFactory) -> Disk:
    """Return the disk of a device that was in use: it has a machine id, and something that was kept."""
    disk = copied_disk(pc.disk, tmp_path_factory.mktemp("used") / "disk")
    with started(pc, disk) as device:
        device.shell.run(f"echo kept > {KEPT}; tr -d - < /proc/sys/kernel/random/uuid > /data/shared/machine-id; sync")
    return disk


@pytest.fixture
def disk(used: Disk, tmp_path: Path) -> Disk:
    return copied_disk(used.path, tmp_path / "disk")


def slot(device: Device) -> dict[str, str]:
    """Return what the initramfs found."""
    lines = device.shell.run("cat /run/edge_streamer-slot.env").split()
    return dict(line.split("=", 1) for line in lines)


def overwrite(disk: Disk, from_byte: int, data: bytes) -> None:
    with disk.path.open("r+b") as file:
        file.seek(disk.data.start_byte + from_byte)
        file.write(data)


def source_of(device: Device, path: str) -> str:
    return device.shell.run(f"findmnt --noheadings --output SOURCE --mountpoint {path}").strip().split("[")[0]


def test_a_sound_partition_holds_what_is_written(pc: BuiltImage, disk: Disk):
    with started(pc, disk) as device:
        assert slot(device) == {
            "SLOT": "a",
            "DISK": "/dev/vda",
            "CONFIG": "/dev/vda1",
            "DATA": "/dev/vda7",
            "DATA_STATE": "ok",
        }
        for path in ("/data", "/var", "/etc/edge_streamer", "/var/lib/systemd/timesync", "/etc/machine-id"):
            assert source_of(device, path) == "/dev/vda7"
        assert device.shell.run("cat /etc/machine-id") == device.shell.run("cat /data/shared/machine-id")
        assert device.shell.run(f"cat {KEPT}").strip() == "kept"
        assert device.shell.ended("touch /somewhere /etc/somewhere /usr/somewhere").returncode != 0


@pytest.mark.parametrize("with_what", ["zeros", "garbage"])
def test_a_partition_without_a_file_system_gets_one(pc: BuiltImage, disk: Disk, with_what: str):
    length = disk.data.length_bytes
    overwrite(disk, 0, bytes(length) if with_what == "zeros" else random.Random(12).randbytes(length))
    with started(pc, disk) as device:
        assert slot(device)["DATA_STATE"] == "recreated"
        assert source_of(device, "/var") == "/dev/vda7"
        device.shell.run("test -s /etc/edge_streamer/edge_streamer.toml")


def test_without_the_partition_the_device_works_from_memory(pc: BuiltImage, disk: Disk):
    subprocess.run(["sfdisk", "--quiet", "--delete", str(disk.path), "7"], check=True)
    with running_device(AMD64, pc.boot(), disk.path, memory_mib=MEMORY_MIB) as device:
        assert device.boot() == "running"
        assert slot(device)["DATA_STATE"] == "memory"
        assert source_of(device, "/data") == "data"
        device.shell.run("systemctl is-active edge_streamer.service")


def test_a_card_that_cannot_be_written_any_more_still_gives_its_settings(pc: BuiltImage, disk: Disk):
    with running_device(AMD64, pc.boot(), disk.path, memory_mib=MEMORY_MIB, write_protected=True) as device:
        device.connect()
        assert slot(device)["DATA_STATE"] == "memory"
        assert device.shell.run(f"cat {KEPT}").strip() == "kept"
        assert device.shell.run("cat /etc/machine-id") == device.shell.run("cat /data/shared/machine-id")


def test_a_full_partition_hinders_nothing(pc: BuiltImage, disk: Disk):
    with running_device(AMD64, pc.boot(), disk.path, memory_mib=MEMORY_MIB) as device:
        device.boot()
        device.shell.run("dd if=/dev/zero of=/data/full bs=64k 2>/dev/null; sync; test -s /data/full")
        device.shell.run("systemctl restart edge_streamer-provision.service edge_streamer.service")
        assert device.boot() == "running", device.shell.run("systemctl --failed --no-legend --no-pager")
        device.shell.run("systemctl is-active edge_streamer.service")


def test_the_other_slots_image_gets_a_var_of_its_own(pc: BuiltImage, disk: Disk):
    """What one version left in /var must not be read by another: /var is made anew with the image."""
    with started(pc, disk) as device:
        device.shell.run("touch /var/lib/left-by-the-test; echo other > /var/lib/edge_streamer-image.json; sync")
    with started(pc, disk) as device:
        device.shell.run("test ! -e /var/lib/left-by-the-test && test -d /var/lib/systemd")
        assert device.shell.run("ls /data/slots/a").split() == ["var"]
        device.shell.run("touch /var/lib/left-by-the-test; sync")
    with started(pc, disk) as device:
        device.shell.run("test -e /var/lib/left-by-the-test")
