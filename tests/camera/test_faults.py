"""What goes wrong inside a running camera: noticed, said in words, mended, and no other stream touched."""

import re
from typing import Final

import pytest

from tests.camera.bench import Fault
from tests.camera.camera_service import BESIDE_A_PATTERN, camera_service
from tests.camera.recovery import assert_survived, assert_undisturbed, seen_through

REASONS: Final = {
    Fault.FRAMES_STOP: r"no frame",
    Fault.EVENT_LOOP_RAISES: r"injected: the event loop raises",
    Fault.OUTPUT_RAISES: r"injected: an Output raises",
    Fault.ENCODER_STALLS: r"no frame|encoder",
}
RESTART_REASONS: Final = {
    Fault.FRAMES_STOP: ({"exited"}, {"silent"}),
    Fault.EVENT_LOOP_RAISES: ({"exited"},),
    Fault.OUTPUT_RAISES: ({"exited"},),
    Fault.ENCODER_STALLS: ({"exited"}, {"silent"}),
}
"""The source and the server watch for frames that do not come; either may be the first to notice."""
HAS_TRACEBACK: Final = {Fault.EVENT_LOOP_RAISES, Fault.OUTPUT_RAISES}
NOTICED_WITHIN_S: Final = 6.0
PATTERN_PAUSE_S: Final = 0.6


@pytest.mark.parametrize("fault", REASONS)
def test_a_running_camera_that_fails_is_mended_and_its_viewers_stay(camera_root, encoder, fault):
    has_faults = fault in HAS_TRACEBACK
    with camera_service(camera_root, encoder, streams=BESIDE_A_PATTERN, has_faults=has_faults) as camera:
        with seen_through(camera, list(BESIDE_A_PATTERN)) as seen, camera.bench.broken(fault):
            status = camera.wait_for("main", lambda stream: not stream["up"], NOTICED_WITHIN_S)
            assert re.search(REASONS[fault], status["reason"]), status["reason"]
        assert_survived(seen["main"])
        assert_survived(seen["sub"])
        assert_undisturbed(seen["pattern"], PATTERN_PAUSE_S)
        assert camera.status("pattern")["up"]
        assert camera.restarts().keys() in RESTART_REASONS[fault]
