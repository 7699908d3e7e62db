"""Model and serial number: of a board with a device tree, of a PC, of a machine that tells neither."""

import pytest

from edge_streamer.device.identity import MachineIdentity, read_identity
from tests.support.device_tree import write

DMI = "sys/class/dmi/id"


def test_a_board_tells_by_its_device_tree(tmp_path):
    write(tmp_path, "proc/device-tree/model", "Raspberry Pi Zero 2 W Rev 1.0\0")
    write(tmp_path, "proc/device-tree/serial-number", "00000000abcdef01\0")
    assert read_identity(tmp_path) == MachineIdentity("Raspberry Pi Zero 2 W Rev 1.0", "00000000abcdef01")


def test_a_pc_tells_by_its_dmi_tables(tmp_path):
    for name, text in (("sys_vendor", "Intel"), ("product_name", "NUC11"), ("product_serial", "G6BN1234")):
        write(tmp_path, f"{DMI}/{name}", f"{text}\n")
    assert read_identity(tmp_path) == MachineIdentity("Intel NUC11", "G6BN1234")


@pytest.mark.parametrize("filler", ["To Be Filled By O.E.M.", "Default string", "None", "System Serial Number"])
def test_what_a_maker_did_not_fill_in_is_unknown(tmp_path, filler):
    write(tmp_path, f"{DMI}/sys_vendor", "QEMU\n")
    write(tmp_path, f"{DMI}/product_name", "System Product Name\n")
    write(tmp_path, f"{DMI}/product_serial", f"{filler}\n")
    assert read_identity(tmp_path) == MachineIdentity("QEMU", None)


def test_a_serial_number_for_others_only_is_unknown(tmp_path):
    (tmp_path / DMI / "product_serial").mkdir(parents=True)  # like a file without the right to read it
    assert read_identity(tmp_path) == MachineIdentity(None, None)
