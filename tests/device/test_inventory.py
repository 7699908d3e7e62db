"""The inventory's other end: answers read, garbage told, and a program that hangs ended in time."""

import json
import sys
import time

from edge_streamer.device.inventory import Camera, CameraMode, HardwareEncoder, ask_inventory

LIBCAMERA = {
    "kind": "picamera2", "number": 0, "id": "/base/soc/i2c0mux/i2c@1/imx708@1a", "model": "imx708",
    "modes": [
        {"width": 2304, "height": 1296, "fps": 56.03, "format": "SRGGB10_CSI2P"},
        {"width": 640, "height": 480, "fps": 0.0, "format": "NV12"},
    ],
}  # fmt: skip
UVC = {
    "kind": "v4l2", "device": "/dev/v4l/by-id/usb-x", "name": "C920",
    "formats": [{"pixel_format": "MJPG", "width": 640, "height": 480, "fps": [15.0, 30.0]}],
}  # fmt: skip
CODEC = {
    "device": "/dev/video11", "name": "bcm2835-codec-encode", "driver": "bcm2835-codec",
    "min_width": 32, "max_width": 1920, "min_height": 32, "max_height": 1920,
}  # fmt: skip


def program(text: str) -> tuple[str, ...]:
    """A program whose `sys.argv[1]` is the part that it is asked for."""
    return (sys.executable, "-c", f"import sys, time, json; part = sys.argv[1]\n{text}")


def test_the_answers_of_all_parts_are_put_together() -> None:
    answers = {
        "picamera2": {"cameras": [LIBCAMERA], "encoders": [], "errors": []},
        "v4l2": {"cameras": [UVC], "encoders": [], "errors": []},
        "encoders": {"cameras": [], "encoders": [CODEC], "errors": []},
    }
    found = ask_inventory(("picamera2", "v4l2", "encoders"), program(f"print(json.dumps({answers!r}[part]))"))
    assert found.cameras == (
        Camera(
            "picamera2",
            "imx708",
            0,
            modes=(CameraMode(2304, 1296, "SRGGB10_CSI2P", (56.03,)), CameraMode(640, 480, "NV12")),
        ),
        Camera("v4l2", "C920", None, "/dev/v4l/by-id/usb-x", (CameraMode(640, 480, "MJPG", (30.0, 15.0)),)),
    )
    assert found.encoders == (HardwareEncoder(**CODEC),)
    assert found.answered == {"picamera2", "v4l2", "encoders"}
    assert found.problems == ()


def test_one_that_hangs_is_ended_and_the_others_lose_nothing() -> None:
    answer = json.dumps({"cameras": [UVC], "encoders": [], "errors": []})
    hangs = program(f"time.sleep(60) if part == 'picamera2' else print({answer!r})")
    started = time.monotonic()
    found = ask_inventory(("picamera2", "v4l2"), hangs, within_s=1.0)
    assert time.monotonic() - started < 10
    assert [camera.name for camera in found.cameras] == ["C920"]
    assert found.answered == {"v4l2"}
    assert found.problems == ("picamera2: no answer within 1 s, so it was ended: a driver hangs",)


def test_a_part_that_told_an_error_has_not_answered() -> None:
    answer = {"cameras": [], "encoders": [], "errors": ["v4l2: OSError: busy"]}
    found = ask_inventory(("v4l2",), program(f"print(json.dumps({answer!r}))"))
    assert (found.answered, found.problems) == (frozenset(), ("v4l2: OSError: busy",))


def test_a_program_that_fails_is_told_with_its_last_words() -> None:
    found = ask_inventory(("v4l2",), program("print('half a li'); raise SystemExit('libv4l2 is too old')"))
    assert found.problems == ("v4l2: no list (exit code 1): libv4l2 is too old",)


def test_a_program_that_is_killed_is_told_though_it_says_nothing() -> None:
    found = ask_inventory(("v4l2",), program("import os; os.kill(os.getpid(), 11)"))
    assert found.problems[0].startswith("v4l2: no list (exit code -11): ")


def test_an_answer_of_another_kind_is_no_list() -> None:
    found = ask_inventory(("v4l2",), program("print(json.dumps({'cameras': [{'kind': 'firewire'}]}))"))
    assert found.cameras == ()
    assert "no list (exit code 0): Invalid enum value 'firewire'" in found.problems[0]


def test_the_real_program_answers() -> None:
    found = ask_inventory(("v4l2",), within_s=30.0)
    assert found.answered == {"v4l2"} or found.problems[0].startswith("v4l2: ")
