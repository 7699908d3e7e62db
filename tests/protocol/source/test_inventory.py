"""The inventory's answer: read back as it was written, and anything else refused with a reason."""

import pytest

from edge_streamer.protocol.source.inventory import Camera, CameraMode, HardwareEncoder, InventoryAnswer

CAMERAS = (
    Camera("picamera2", "imx708_wide", 0, modes=(CameraMode(2304, 1296, "SRGGB10_CSI2P", (56.03,)),)),
    Camera("v4l2", "Webcam \ufffd", device="/dev/video2", modes=(CameraMode(640, 480, "MJPG", (30.0, 15.0)),)),
    Camera("picamera2", "in use", 1),
)
CODEC = HardwareEncoder("/dev/video11", "bcm2835-codec-encode", "bcm2835-codec", 32, 32, 1920, 1920)


@pytest.mark.parametrize(
    "answer",
    [InventoryAnswer(), InventoryAnswer(CAMERAS, (CODEC,), ("encoders: OSError: busy",))],
)
def test_an_answer_is_read_back_as_it_was_written(answer: InventoryAnswer) -> None:
    assert InventoryAnswer.decode(answer.encode()) == answer


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        (b"", "Input data was truncated"),
        (b"half a li", "malformed"),
        (b'{"errors": ["\xff"]}', "utf-8"),
        (b'{"x": ' * 100_000, "recursion"),
        (b'{"cameras": [{"kind": "firewire", "name": ""}]}', "Invalid enum value 'firewire'"),
        (b'{"cameras": [{"kind": "v4l2"}]}', "missing required field `name`"),
        (b'{"encoders": [{"device": 11}]}', "Expected `str`, got `int`"),
    ],
)
def test_what_is_no_answer_is_a_value_error(printed: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        InventoryAnswer.decode(printed)
