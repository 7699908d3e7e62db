"""The inventory's other end: answers read, garbage told, and a program that hangs ended in time."""

import sys
import time
from pathlib import Path

from edge_streamer.device.inventory import ask_inventory
from edge_streamer.protocol.source.inventory import Camera, CameraMode, HardwareEncoder, InventoryAnswer

IMX708 = Camera(
    "picamera2",
    "imx708",
    0,
    modes=(CameraMode(2304, 1296, "SRGGB10_CSI2P", (56.03,)), CameraMode(640, 480, "NV12")),
)
C920 = Camera("v4l2", "C920", None, "/dev/video2", (CameraMode(640, 480, "MJPG", (30.0, 15.0)),))
CODEC = HardwareEncoder("/dev/video11", "bcm2835-codec-encode", "bcm2835-codec", 32, 32, 1920, 1920)


def program(text: str) -> tuple[str, ...]:
    """A program whose `sys.argv[1]` is the part that it is asked for."""
    return (sys.executable, "-c", f"import sys, time, json; part = sys.argv[1]\n{text}")


def says(answers: dict[str, InventoryAnswer]) -> tuple[str, ...]:
    """A program that answers as the inventory program does."""
    printed = {part: answer.encode().decode() for part, answer in answers.items()}
    return program(f"print({printed!r}[part])")


def test_the_answers_of_all_parts_are_put_together(tmp_path: Path) -> None:
    answers = {
        "picamera2": InventoryAnswer((IMX708,)),
        "v4l2": InventoryAnswer((C920,)),
        "encoders": InventoryAnswer(encoders=(CODEC,)),
    }
    found = ask_inventory(("picamera2", "v4l2", "encoders"), says(answers), root=tmp_path)
    assert found.cameras == (IMX708, C920)
    assert found.encoders == (CODEC,)
    assert found.answered == {"picamera2", "v4l2", "encoders"}
    assert found.problems == ()


def test_a_device_is_given_by_its_link_that_lasts(tmp_path: Path) -> None:
    link = tmp_path / "dev/v4l/by-id/usb-C920-video-index0"
    link.parent.mkdir(parents=True)
    link.symlink_to("../../video2")
    found = ask_inventory(("v4l2",), says({"v4l2": InventoryAnswer((C920,))}), root=tmp_path)
    assert [camera.device for camera in found.cameras] == ["/dev/v4l/by-id/usb-C920-video-index0"]


def test_one_that_hangs_is_ended_and_the_others_lose_nothing() -> None:
    answer = InventoryAnswer((C920,)).encode().decode()
    hangs = program(f"time.sleep(60) if part == 'picamera2' else print({answer!r})")
    started = time.monotonic()
    found = ask_inventory(("picamera2", "v4l2"), hangs, within_s=1.0)
    assert time.monotonic() - started < 10
    assert [camera.name for camera in found.cameras] == ["C920"]
    assert found.answered == {"v4l2"}
    assert found.problems == ("picamera2: no answer within 1 s, so it was ended: a driver hangs",)


def test_a_part_that_told_an_error_has_not_answered() -> None:
    found = ask_inventory(("v4l2",), says({"v4l2": InventoryAnswer(errors=("v4l2: OSError: busy",))}))
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
