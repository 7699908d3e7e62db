"""What real drivers do wrong, done to a running service: it says so, counts it, and its viewers stay."""

from collections.abc import Iterator

import pytest

from tests.guest import vivid
from tests.guest.machine import Guest
from tests.guest.service import GuestService, running_in
from tests.guest.viewer import Viewer, decode

CONFIG = f"""
[streams.raw]
source = "v4l2"
device = "{vivid.DEVICE}"
format = "nv12"
width = {vivid.WIDTH}
height = {vivid.HEIGHT}
fps = {vivid.FPS}
bitrate_bps = 300_000
outage = "silent"
"""


@pytest.fixture(scope="module")
def service(guest: Guest) -> Iterator[GuestService]:
    with running_in(guest, CONFIG) as service:
        yield service


@pytest.fixture
def viewer(service: GuestService) -> Iterator[Viewer]:
    with Viewer(service, "raw") as viewer:
        viewer.see(5)
        yield viewer
        viewer.see(20)
    viewer.check()
    vivid.check_colour_bars(decode(viewer.h264), vivid.WIDTH, vivid.HEIGHT)


def test_a_buffer_marked_as_broken_is_left_out_and_counted(service: GuestService, viewer: Viewer) -> None:
    before = service.stream("raw")
    vivid.set_control(service.guest, "inject_v4l2_buf_flag_error", 1)
    viewer.see(20)
    service.wait_until_discarded("raw", before["discarded_buffers"] + 1)
    assert service.stream("raw")["restarts"] == before["restarts"]


def test_pictures_that_the_camera_drops_are_no_fault(service: GuestService, viewer: Viewer) -> None:
    before = service.stream("raw")
    vivid.set_control(service.guest, "percentage_of_dropped_buffers", 50)
    viewer.see(20)
    vivid.set_control(service.guest, "percentage_of_dropped_buffers", 0)
    assert service.stream("raw")["restarts"] == before["restarts"]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("inject_vidioc_qbuf_error", "refuses the return of a buffer"),
        ("inject_fatal_streaming_error", "reports an input/output error"),
        ("disconnect", "the camera was unplugged"),
    ],
)
def test_the_source_ends_with_its_reason_and_comes_back(
    service: GuestService, viewer: Viewer, fault: str, reason: str
) -> None:
    """`disconnect` is an unplugged camera that is plugged in again at once."""
    restarts = service.stream("raw")["restarts"]
    vivid.set_control(service.guest, fault, 1)
    service.wait_until_down("raw", reason)
    viewer.see(20)
    stream = service.stream("raw")
    assert (stream["up"], stream["reason"]) == (True, "")
    assert stream["restarts"] > restarts


def test_a_camera_that_does_not_start_is_tried_again(service: GuestService, viewer: Viewer) -> None:
    """Both faults wait for the next start: one attempt fails at the buffers, the next one when it would stream."""
    restarts = service.stream("raw")["restarts"]
    for fault in ("inject_vidioc_reqbufs_error", "inject_vidioc_streamon_error", "disconnect"):
        vivid.set_control(service.guest, fault, 1)
    service.wait_until_down("raw", "refuses the start of the stream")
    viewer.see(20)
    assert service.stream("raw")["restarts"] == restarts + 3
