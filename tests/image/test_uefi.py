"""Through the firmware, as a machine starts: it finds the boot loader on the disk, and that the kernel and its root."""

from pathlib import Path

from deploy.image.emulator import MACHINES
from tests.image.builds import BuiltImage
from tests.image.card import CARD_FILE, Wanted
from tests.image.disk import copied_disk
from tests.image.machine import AMD64, FirmwareBoot, running_device
from tests.image.visitor import Visitor

MEMORY_MIB = 512
PACKET_DEADLINE_S = 600.0
WANTED = Wanted(name="hall", width=320, ssid="a network", passphrase="a secret passphrase", password="a good password")


def test_a_pc_starts_by_its_firmware(pc: BuiltImage, tmp_path: Path) -> None:
    disk = copied_disk(pc.disk, tmp_path / "disk")
    disk.card.write(CARD_FILE, WANTED.card())
    boot = FirmwareBoot(MACHINES["pc"].firmware, MACHINES["pc"].variables)
    with running_device(AMD64, boot, disk.path, memory_mib=MEMORY_MIB) as device:
        device.connect()
        visitor = Visitor(device, "admin", WANTED.password)
        visitor.wait_for_packet(PACKET_DEADLINE_S)
        probed = visitor.probe()
        assert (probed["codec_name"], probed["width"]) == ("h264", WANTED.width)
        assert device.boot() == "running", device.shell.run("systemctl --failed --no-legend --no-pager")
        # What the loader says of itself, in UTF-16 (systemd.io/BOOT_LOADER_INTERFACE).
        assert "systemd-boot" in device.shell.run("tr -d '\\0' </sys/firmware/efi/efivars/LoaderInfo-*")
