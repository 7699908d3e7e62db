"""The board's identity from a device tree, or none."""

from pathlib import Path

from edge_streamer.device.board import BoardIdentity, read_board


def test_a_device_tree_is_read(tmp_path: Path) -> None:
    tree = tmp_path / "proc" / "device-tree"
    tree.mkdir(parents=True)
    (tree / "model").write_bytes(b"Raspberry Pi 4 Model B Rev 1.4\0")
    (tree / "compatible").write_bytes(b"raspberrypi,4-model-b\0brcm,bcm2711\0")
    assert read_board(tmp_path) == BoardIdentity(
        "Raspberry Pi 4 Model B Rev 1.4", ("raspberrypi,4-model-b", "brcm,bcm2711")
    )


def test_a_machine_without_one_has_no_identity(tmp_path: Path) -> None:
    assert read_board(tmp_path) == BoardIdentity("", ())
