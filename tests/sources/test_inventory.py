"""The program that asks the drivers: one JSON object, whatever they raise or print."""

import os
from typing import Any

import pytest

from edge_streamer.protocol.source.inventory import Camera, HardwareEncoder, InventoryAnswer
from edge_streamer.sources import inventory

CAMERA = Camera("picamera2", "imx708", 0)
ENCODER = HardwareEncoder("/dev/video11")


def fails() -> list[Camera]:
    raise RuntimeError("no camera number 0")


def is_not_installed() -> list[Camera]:
    raise ModuleNotFoundError("No module named 'libcamera'")


def prints_and_lists() -> list[Camera]:
    os.write(1, b"[0:12:01] INFO Camera camera_manager.cpp\n")
    return [CAMERA]


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    listed: dict[str, Any] = {
        "picamera2": prints_and_lists,
        "v4l2": fails,
        "encoders": lambda: [ENCODER],
    }
    monkeypatch.setattr(inventory, "PARTS", listed)
    return listed


def test_every_part_is_listed_and_one_that_fails_touches_no_other(parts: dict[str, Any]) -> None:
    assert inventory.take_inventory(("picamera2", "v4l2", "encoders")) == InventoryAnswer(
        (CAMERA,), (ENCODER,), ("v4l2: RuntimeError: no camera number 0",)
    )


def test_a_library_that_is_missing_is_an_error(parts: dict[str, Any]) -> None:
    parts["picamera2"] = is_not_installed
    assert inventory.take_inventory(("picamera2",)).errors == (
        "picamera2: ModuleNotFoundError: No module named 'libcamera'",
    )


def test_what_a_library_prints_does_not_spoil_the_json(
    parts: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    standard_output = os.dup(1)
    try:
        assert inventory.main(["picamera2"]) == 0
    finally:
        os.dup2(standard_output, 1)
        os.close(standard_output)
    printed = capfd.readouterr()
    assert InventoryAnswer.decode(printed.out.encode()) == InventoryAnswer((CAMERA,))
    assert "camera_manager.cpp" in printed.err


def test_an_unknown_part_is_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert inventory.main(["v4l"]) == 2
    assert capsys.readouterr().err == "unknown part 'v4l' (known: picamera2, v4l2, encoders)\n"
