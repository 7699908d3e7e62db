"""A device's files in a folder: what the kernel, the initramfs and the programs of a boot leave for `device.info`."""

import json
from pathlib import Path
from typing import Any

import msgspec

from edge_streamer.device.info import DeviceInfo, read_device_info
from edge_streamer.device.storage import Storage

STATUS: dict[str, Any] = {
    "form": 1,
    "host_name": "edge-c0ffee",
    "serial": "10000000abc0ffee",
    "slot": "a",
    "data_state": "ok",
    "applied": [{"file": "edge-streamer.toml", "key": "device.name", "text": "the name is door"}],
    "ignored": [{"file": "user-data", "key": "packages", "reason": "the root is read-only"}],
    "mistakes": ["edge-streamer.toml, line 9: streams.main.fps: 900; allowed: 1 to 120"],
    "has_initial_password": True,
    "configuration": "last_good",
}
IMAGE: dict[str, Any] = {
    "form": 1,
    "board": "rpi",
    "version": "0.1.0",
    "build_time": "2026-11-28T12:00:00Z",
    "commit": "0123456789abcdef0123456789abcdef01234567",
    "architecture": "arm64",
}


def write(root: Path, name: str, text: str) -> None:
    """Write a file below `root`, and the folders above it."""
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def flashed_pi(root: Path) -> Path:
    """Return a root with the files of a Compute Module 4 that runs a device image."""
    write(root, "proc/device-tree/model", "Raspberry Pi Compute Module 4 Rev 1.1\0")
    write(root, "proc/device-tree/serial-number", "10000000abc0ffee\0")
    write(root, "proc/uptime", "3661.25 7000.00\n")
    write(root, "usr/lib/edge_streamer/image.json", json.dumps(IMAGE))
    slot = {"SLOT": "a", "DISK": "/dev/mmcblk0", "CONFIG": "/dev/mmcblk0p1", "DATA": "/dev/mmcblk0p7"}
    write(root, "run/edge_streamer-slot.env", "".join(f"{k}={v}\n" for k, v in {**slot, "DATA_STATE": "ok"}.items()))
    write(root, "run/edge_streamer-appliance/status.json", json.dumps(STATUS))
    write(root, "run/systemd/timesync/synchronized", "")
    write(root, "sys/block/mmcblk0/device/life_time", "0x01 0x03\n")
    write(root, "sys/block/mmcblk0/device/pre_eol_info", "0x01\n")
    write(root, "sys/fs/ext4/mmcblk0p7/lifetime_write_kbytes", "2048\n")
    (root / "data").mkdir()
    return root


def shown_board(root: Path) -> DeviceInfo:
    """Return the same board with everything that its pictures show, whatever this machine has."""
    storage = Storage(path="/data", total_bytes=28_640_000_000, free_bytes=27_100_000_000, written_bytes=612_000_000)
    info = read_device_info(flashed_pi(root))
    return msgspec.structs.replace(info, storage=storage, kernel="6.12.107", host_name="edge-c0ffee", uptime_s=93_784.0)
