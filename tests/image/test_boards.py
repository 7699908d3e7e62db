"""The same image on boards that it was not booted on before: each takes its own profile (Pi 4: `test_status_led`)."""

from pathlib import Path

import pytest

from tests.image.builds import BuiltImage
from tests.image.device_trees import device_tree
from tests.image.disk import copied_disk
from tests.image.machine import ARM64, running_device

MEMORY_MIB = 512
PROBE_DEADLINE_S = 180.0
BOARDS = {
    "raspberrypi-zero-2-w": ("Raspberry Pi Zero 2 W Rev 1.0", "raspberrypi,model-zero-2-w"),
    "raspberrypi-5": ("Raspberry Pi 5 Model B Rev 1.0", "raspberrypi,5-model-b"),
}


@pytest.mark.parametrize("profile", BOARDS)
def test_it_takes_the_profile_of_the_board(qemu: BuiltImage, profile: str, tmp_path: Path) -> None:
    model, compatible = BOARDS[profile]
    tree = device_tree(tmp_path, model, compatible, memory_mib=MEMORY_MIB)
    disk = copied_disk(qemu.disk, tmp_path / "disk")
    with running_device(ARM64, qemu.boot(tree), disk.path, memory_mib=MEMORY_MIB) as device:
        device.connect()
        assert profile in device.shell.run("edge-streamer probe | grep ^profile", PROBE_DEADLINE_S)
        assert model in device.shell.run("edge-streamer info | grep ^model", PROBE_DEADLINE_S)
