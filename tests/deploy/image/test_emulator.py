"""The image in QEMU."""

import os
from pathlib import Path

import pytest

from deploy.image.emulator import MACHINES, command, prepare_disk


def test_the_ports_lead_to_the_guest_and_only_this_machine_reaches_them():
    words = command(MACHINES["qemu"], Path("disk"), Path("variables"), {554: 18554, 80: 18080})
    network = words[words.index("-netdev") + 1]
    assert network == "user,id=net,hostfwd=tcp:127.0.0.1:18554-:554,hostfwd=tcp:127.0.0.1:18080-:80"


def test_a_disk_is_kept_until_the_image_is_newer_or_it_is_to_be_fresh(tmp_path: Path, monkeypatch):
    image, disk = tmp_path / "image", tmp_path / "disk"
    image.write_bytes(b"first")
    monkeypatch.setattr("deploy.image.emulator.run", lambda *words: words[-1].write_bytes(image.read_bytes()))
    prepare_disk(image, disk, fresh=False)
    with disk.open("r+b") as file:
        file.write(b"wrote")
    prepare_disk(image, disk, fresh=False)
    assert _begins(disk) == b"wrote"
    prepare_disk(image, disk, fresh=True)
    assert _begins(disk) == b"first"
    image.write_bytes(b"newer")
    os.utime(image, (disk.stat().st_mtime + 9, disk.stat().st_mtime + 9))
    prepare_disk(image, disk, fresh=False)
    assert _begins(disk) == b"newer"


def test_a_copy_that_was_interrupted_is_no_disk(tmp_path: Path, monkeypatch):
    def interrupted(*words: str | Path) -> None:
        Path(words[-1]).write_bytes(b"fir")
        raise KeyboardInterrupt

    image, disk = tmp_path / "image", tmp_path / "disk"
    image.write_bytes(b"first")
    monkeypatch.setattr("deploy.image.emulator.run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        prepare_disk(image, disk, fresh=False)
    assert not disk.exists()


def test_a_pc_has_one_processor():
    """QEMU of Debian 12 may run an instruction that the kernel of a PC has half patched, where there are two."""
    words = command(MACHINES["pc"], Path("disk"), Path("variables"), {554: 18554, 80: 18080})
    assert words[words.index("-smp") + 1] == "1"


def _begins(disk: Path) -> bytes:
    with disk.open("rb") as file:
        return file.read(5)
