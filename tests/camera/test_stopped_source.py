"""The camera's process is stopped while people watch, as by a driver that hangs: they stay, the picture comes back."""

import os
import signal
from typing import Final

from tests.camera.camera_service import camera_service
from tests.camera.recovery import assert_survived, seen_through

NOTICED_WITHIN_S: Final = 6.0


def test_viewers_stay_while_a_stopped_source_is_replaced(camera_root, encoder):
    with camera_service(camera_root, encoder) as camera:
        with seen_through(camera, ["main", "sub"]) as seen:
            (source,) = camera.source_pids()
            os.kill(source, signal.SIGSTOP)
            status = camera.wait_for("main", lambda stream: not stream["up"], NOTICED_WITHIN_S)
            assert "no frame" in status["reason"]
        for stream in seen.values():
            assert_survived(stream)
        assert camera.source_pids() != [source]
        assert camera.restarts() == {"silent": 1}
