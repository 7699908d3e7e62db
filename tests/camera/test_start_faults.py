"""What keeps a camera from starting: the service and its other streams run, a slate is shown, the reason is said, and
the picture comes when the fault is gone. And a board without an encoder, which is no fault unless one is wanted."""

import re
from typing import Final

import pytest

from tests.camera.bench import Bench, Fault
from tests.camera.camera_service import BESIDE_A_PATTERN, SHOWN_ENCODER, CameraService, camera_service
from tests.support.rtsp.joining import join
from tests.support.rtsp.reader import RtspReader

FAILED_IOCTL: Final = "VIDIOC_S_FMT"
CASES: Final = (
    ("libav", Fault.NO_CAMERA, r"there is no camera 0"),
    ("libav", Fault.CAMERA_BUSY, r"in use|busy"),
    ("v4l2", Fault.NO_ENCODER, r"/dev/video11"),
    ("v4l2", Fault.IOCTL_FAILS, r"encoder.*Invalid argument"),
)
AUTO_REASONS: Final = {"libav": "auto: there is no /dev/video11", "v4l2": "auto: this board has a hardware encoder"}
NOTICED_WITHIN_S: Final = 8.0
BACK_WITHIN_S: Final = 15.0


def describe_status(camera: CameraService, name: str) -> int:
    with RtspReader(camera.url(name), timeout_s=8) as reader:
        return reader.describe().status


@pytest.mark.parametrize(("encoder", "fault", "reason"), CASES, ids=[case[1] for case in CASES])
def test_a_camera_that_cannot_start_has_a_slate_and_comes_when_it_can(camera_root, encoder, fault, reason):
    def prepare(bench: Bench) -> None:
        bench.break_(fault, FAILED_IOCTL)

    streams = BESIDE_A_PATTERN
    with camera_service(camera_root, encoder, streams=streams, prepare=prepare, is_healthy=False) as camera:
        status = camera.wait_for("main", lambda stream: bool(re.search(reason, stream["reason"])), NOTICED_WITHIN_S)
        assert not status["up"]
        camera.wait_for("main", lambda stream: stream["slate_shown"], NOTICED_WITHIN_S)
        assert describe_status(camera, "main") == 200
        assert join(camera.url("main"), "tcp").has_idr
        assert join(camera.url("pattern"), "tcp").has_idr
        camera.bench.mend(fault)
        camera.wait_for("main", lambda stream: stream["up"], BACK_WITHIN_S)
        assert join(camera.url("main"), "tcp").has_idr
        assert join(camera.url("sub"), "udp").has_idr


def test_an_encoder_is_chosen_by_what_there_is_and_the_reason_is_said(camera_root, encoder):
    with camera_service(camera_root, encoder, configured_encoder="auto") as camera:
        status = camera.status("main")
        assert (status["encoder"], status["encoder_reason"]) == (SHOWN_ENCODER[encoder], AUTO_REASONS[encoder])
